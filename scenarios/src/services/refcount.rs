//! Counts: `refcount_t` with each of its messages, atomics, declared invariants, assertions.

use super::{expect, twins};
use ksim::base::finding::Kind;
use ksim::program::{Refcount, Var};
use ksim::run::Scenario;

const REFCOUNT: &str = "lib/refcount.c, v6.3";
const ATOMIC: &str = "include/linux/atomic.h, v6.3";

ksim::kernel_struct! {
    /// An object with references and a state.
    struct Thing("thing", Slab) { refs: Refcount, state: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [addition_on_0(), underflow(), hit_0(), saturated(), atomic_add(), cmpxchg(), impossible()]
        .concat()
}

/// 1. CPU0 drops the last reference.
/// 2. CPU1 takes one from 0.
fn addition_on_0() -> Vec<Scenario> {
    let about = "refcount_inc() of an object whose last reference may be gone";
    twins("refcount-addition-on-0", about, REFCOUNT, &[Kind::Refcount], |sim, bug| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        sim.set(thing.refs(), 1);
        sim.task(0, "put", move |k| async move {
            k.refcount_dec_and_test(thing.refs()).await;
        });
        sim.task(1, "get", move |k| async move {
            let got = if bug {
                k.refcount_inc(thing.refs()).await;
                true
            } else {
                k.refcount_inc_not_zero(thing.refs()).await
            };
            if got {
                k.refcount_dec_and_test(thing.refs()).await;
            }
        });
    })
}

/// 1. Both CPUs drop the one reference.
fn underflow() -> Vec<Scenario> {
    let about = "one reference dropped twice";
    twins("refcount-underflow", about, REFCOUNT, &[Kind::Refcount], |sim, bug| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        sim.set(thing.refs(), if bug { 1 } else { 2 });
        for cpu in 0..2 {
            sim.task(cpu, "put", move |k| async move {
                k.refcount_dec_and_test(thing.refs()).await;
            });
        }
    })
}

/// 1. CPU0 drops a reference with `refcount_dec()`, sure that another one is left.
/// 2. CPU1 has dropped that one.
fn hit_0() -> Vec<Scenario> {
    let about = "refcount_dec() of the last reference";
    twins("refcount-hit-0", about, REFCOUNT, &[Kind::Refcount], |sim, bug| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        sim.set(thing.refs(), 2);
        sim.task(0, "dec", move |k| async move {
            if bug {
                k.refcount_dec(thing.refs()).await;
            } else {
                k.refcount_dec_and_test(thing.refs()).await;
            }
        });
        sim.task(1, "put", move |k| async move {
            k.refcount_dec_and_test(thing.refs()).await;
        });
    })
}

/// 1. Two leaked references on top of `INT_MAX - 2` make the count negative.
fn saturated() -> Vec<Scenario> {
    let about = "references leaked until the count saturates";
    twins("refcount-saturated", about, REFCOUNT, &[Kind::Refcount], |sim, bug| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        sim.set(thing.refs(), 0x7fff_fffe);
        for cpu in 0..2 {
            sim.task(cpu, "join", move |k| async move {
                k.refcount_inc(thing.refs()).await;
                if !bug {
                    k.refcount_dec(thing.refs()).await;
                }
            });
        }
        if !bug {
            sim.set(thing.refs(), 1);
        }
    })
}

/// 1. CPU0 reads 0; CPU1 reads 0; both write 1.
fn atomic_add() -> Vec<Scenario> {
    let about =
        "a counter incremented with a read and a write loses updates; atomic_inc() does not";
    twins("atomic-add", about, ATOMIC, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let count = sim.atomic("count", 0);
        for cpu in 0..2 {
            sim.task(cpu, "inc", move |k| async move {
                if bug {
                    let value = k.atomic_read(count).await;
                    k.atomic_set(count, value + 1).await;
                } else {
                    k.atomic_inc(count).await;
                }
            });
        }
        sim.at_end(move |end| expect("count", end.get(count), 2));
    })
}

/// 1. CPU0 reads 0; CPU1 makes it 1; the `cmpxchg()` of CPU0 fails.
///
/// With the mistake it does not try again.
fn cmpxchg() -> Vec<Scenario> {
    let about = "a cmpxchg() that fails has to be repeated";
    twins("cmpxchg", about, ATOMIC, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let count = sim.atomic("count", 0);
        for cpu in 0..2 {
            sim.task(cpu, "inc", move |k| async move {
                loop {
                    let old = k.atomic_read(count).await;
                    if bug || k.cmpxchg(count, old, old + 1).await == old {
                        if bug {
                            k.cmpxchg(count, old, old + 1).await;
                        }
                        break;
                    }
                }
            });
        }
        sim.at_end(move |end| expect("count", end.get(count), 2));
    })
}

/// 1. CPU0 sees bit 1 clear and sets bit 0; CPU1 sees bit 0 clear and sets bit 1.
/// 2. Both bits are set, which must never be.
fn impossible() -> Vec<Scenario> {
    let about = "a declared invariant (never both bits) broken by a check that is not atomic";
    twins("impossible-state", about, ATOMIC, &[Kind::ImpossibleState], |sim, bug| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        sim.invariant(Thing::state, "bits 0 and 1 exclude each other", |state| state & 3 != 3);
        for cpu in 0..2u16 {
            sim.task(cpu, "set", move |k| async move {
                let state = thing.state();
                if bug {
                    let old = k.read_once(state).await;
                    if old == 0 {
                        k.rmw("atomic_or", state, ksim::base::op::Rmw::Or, 1 << cpu, 0).await;
                    }
                } else {
                    k.cmpxchg(state, 0, 1 << cpu).await;
                }
            });
        }
    })
}
