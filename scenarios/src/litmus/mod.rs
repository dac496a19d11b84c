//! `litmus/…`: small shapes of RCU and locking under sequential consistency.
//!
//! Expected: `litmus/X/forbidden` shows nothing: its forbidden outcome never appears.
//! `litmus/X/allowed` drops what forbids it, and shows the outcome as an assertion.
//!
//! Source: tools/memory-model/litmus-tests and Documentation/RCU/Design/Requirements, v6.3.
//! Sequential consistency is stronger than the kernel's model: `+onceonce` shapes that LKMM allows
//! by reordering do not appear here.

use ksim::base::finding::Kind;
use ksim::program::{Kernel, RcuHead, Var, container_of};
use ksim::run::{Params, Scenario, Sim};

const MODEL: &str = "tools/memory-model/litmus-tests, v6.3";
const RCU: &str = "Documentation/RCU/Design/Requirements/Requirements.rst, v6.3";

ksim::kernel_struct! {
    /// Something that a callback tells about.
    struct Note("note", Slab) { rcu: RcuHead, target: Var<u64>, value: Var<u64> }
}

ksim::kernel_fn! { static NOTE_WRITE = note_write }

/// The callback writes `value` to the word whose address is in `target`.
async fn note_write(k: &Kernel, head: RcuHead) {
    let k = &k.func("note_write");
    let note: Note = container_of(head, Note::rcu);
    let (target, value) = (k.read(note.target()).await, k.read(note.value()).await);
    let target: Var = <Var as ksim::program::Field>::at(ksim::base::ptr::Ptr(target));
    k.write_once(target, value).await;
}

/// All of the family.
pub fn scenarios() -> Vec<Scenario> {
    [
        message_passing(),
        store_buffering(),
        load_buffering(),
        message_passing_locked(),
        rcu_message_passing(),
        rcu_nested(),
        rcu_overlapping(),
        rcu_two_updates(),
        rcu_callback(),
        rcu_barrier(),
        callback_order(),
    ]
    .concat()
}

/// A shape with what forbids an outcome, and without.
fn shape(
    name: &str,
    about: &str,
    source: &str,
    build: impl Fn(&mut Sim, bool) + Copy + Send + Sync + 'static,
) -> Vec<Scenario> {
    let one = |which: &str, allowed: bool| {
        let build = move |sim: &mut Sim, _: &Params| build(sim, allowed);
        Scenario::new(format!("litmus/{name}/{which}"), about, build).source(source)
    };
    vec![one("forbidden", false), one("allowed", true).finds(&[Kind::Assertion])]
}

/// Words that hold what each process read, set to 9 before.
fn results<const N: usize>(sim: &mut Sim, roles: [&'static str; N]) -> [Var; N] {
    roles.map(|role| sim.word(role, 9u64))
}

/// The outcome must not be this one.
fn forbid<const N: usize>(sim: &mut Sim, results: [Var; N], outcome: [u64; N]) {
    sim.at_end(move |end| {
        let seen = results.map(|r| end.get(r));
        if seen == outcome { Err(format!("the outcome is {seen:?}")) } else { Ok(()) }
    });
}

/// 1. P0 writes x, then y; P1 reads y, then x. Never y = 1 and x = 0.
///
/// Allowed: P1 reads x first.
fn message_passing() -> Vec<Scenario> {
    let about = "MP: whoever sees the flag sees the data";
    shape("mp", about, MODEL, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.write_once(x, 1).await;
            k.write_once(y, 1).await;
        });
        sim.task(1, "p1", move |k| async move {
            let (first, second) = if allowed { (x, y) } else { (y, x) };
            let seen = (k.read_once(first).await, k.read_once(second).await);
            let (seen_y, seen_x) = if allowed { (seen.1, seen.0) } else { seen };
            k.write_once(r0, seen_y).await;
            k.write_once(r1, seen_x).await;
        });
        forbid(sim, [r0, r1], [1, 0]);
    })
}

/// 1. P0 writes x, then reads y; P1 writes y, then reads x. Never both 0.
///
/// Allowed: both read first.
fn store_buffering() -> Vec<Scenario> {
    let about = "SB: of two who write, then read, one sees the other";
    shape("sb", about, MODEL, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        for (cpu, role, mine, other, result) in [(0, "p0", x, y, r0), (1, "p1", y, x, r1)] {
            sim.task(cpu, role, move |k| async move {
                if !allowed {
                    k.write_once(mine, 1).await;
                }
                let seen = k.read_once(other).await;
                if allowed {
                    k.write_once(mine, 1).await;
                }
                k.write_once(result, seen).await;
            });
        }
        forbid(sim, [r0, r1], [0, 0]);
    })
}

/// 1. P0 reads x, then writes y; P1 reads y, then writes x. Never both 1.
///
/// Allowed: both write first.
fn load_buffering() -> Vec<Scenario> {
    let about = "LB: of two who read, then write, one reads too early";
    shape("lb", about, MODEL, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        for (cpu, role, mine, other, result) in [(0, "p0", x, y, r0), (1, "p1", y, x, r1)] {
            sim.task(cpu, role, move |k| async move {
                if allowed {
                    k.write_once(other, 1).await;
                }
                let seen = k.read_once(mine).await;
                if !allowed {
                    k.write_once(other, 1).await;
                }
                k.write_once(result, seen).await;
            });
        }
        forbid(sim, [r0, r1], [1, 1]);
    })
}

/// 1. P0 writes x and y under a lock; P1 reads both under it. Never one of them.
///
/// Allowed: P1 does not lock.
fn message_passing_locked() -> Vec<Scenario> {
    let about = "a critical section is seen as a whole or not at all";
    shape("mp-locked", about, MODEL, |sim, allowed| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.spin_lock(lock).await;
            k.write_once(x, 1).await;
            k.write_once(y, 1).await;
            k.spin_unlock(lock).await;
        });
        sim.task(1, "p1", move |k| async move {
            if !allowed {
                k.spin_lock(lock).await;
            }
            let seen = (k.read_once(x).await, k.read_once(y).await);
            if !allowed {
                k.spin_unlock(lock).await;
            }
            k.write_once(r0, seen.0).await;
            k.write_once(r1, seen.1).await;
        });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// How P1 of the RCU shapes waits between its two writes.
async fn update(k: &Kernel, x: Var, y: Var, wait: bool) {
    k.write_once(x, 1).await;
    if wait {
        k.synchronize_rcu().await;
    }
    k.write_once(y, 1).await;
}

/// 1. P0 reads x, then y, in one reader; P1 writes x, waits for a grace period, writes y.
///    Never x = 0 and y = 1: a reader that saw the old x ends before y is written.
///
/// Allowed: P1 does not wait.
fn rcu_message_passing() -> Vec<Scenario> {
    let about = "MP+RCU: no reader sees what is before a grace period and what is after it";
    shape("rcu-mp", about, RCU, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen = (k.read_once(x).await, k.read_once(y).await);
            k.rcu_read_unlock().await;
            k.write_once(r0, seen.0).await;
            k.write_once(r1, seen.1).await;
        });
        sim.task(1, "p1", move |k| async move { update(&k, x, y, !allowed).await });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// As [`rcu_message_passing`]; an inner reader ends between the two reads.
///
/// Allowed: it is the outer one that ends.
fn rcu_nested() -> Vec<Scenario> {
    let about = "a nested reader ends with its outermost unlock";
    shape("rcu-nested", about, RCU, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            if !allowed {
                k.rcu_read_lock().await;
            }
            let seen_x = k.read_once(x).await;
            k.rcu_read_unlock().await;
            if allowed {
                k.rcu_read_lock().await;
            }
            let seen_y = k.read_once(y).await;
            k.rcu_read_unlock().await;
            k.write_once(r0, seen_x).await;
            k.write_once(r1, seen_y).await;
        });
        sim.task(1, "p1", move |k| async move { update(&k, x, y, true).await });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// 1. P0 and P1 read in overlapping readers; P2 writes x, waits, writes y. Neither sees x = 0 and
///    y = 1, whichever began when.
///
/// Allowed: P1 hands over from P0 without a reader of its own that covers both.
fn rcu_overlapping() -> Vec<Scenario> {
    let about = "readers that overlap do not carry each other over a grace period";
    shape("rcu-overlapping", about, RCU, |sim, allowed| {
        sim.cpus(3);
        let (x, y, handed) = (sim.word("x", 0u64), sim.word("y", 0u64), sim.word("handed", 9u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen = k.read_once(x).await;
            k.write_once(handed, seen).await;
            k.rcu_read_unlock().await;
        });
        sim.task(1, "p1", move |k| async move {
            k.rcu_read_lock().await;
            let seen_x = if allowed { k.read_once(handed).await } else { k.read_once(x).await };
            let seen_y = k.read_once(y).await;
            k.rcu_read_unlock().await;
            k.write_once(r0, seen_x).await;
            k.write_once(r1, seen_y).await;
        });
        sim.task(2, "p2", move |k| async move { update(&k, x, y, true).await });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// 1. P0 reads x and z in one reader; P1 writes x, waits, writes y; P2 reads y, waits, writes z.
///    Never x = 0 and z = 1.
///
/// Allowed: neither waits.
fn rcu_two_updates() -> Vec<Scenario> {
    let about = "grace periods in a row: a reader spans none of them";
    shape("rcu-two-updates", about, RCU, |sim, allowed| {
        sim.cpus(3);
        let (x, y, z) = (sim.word("x", 0u64), sim.word("y", 0u64), sim.word("z", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen = (k.read_once(x).await, k.read_once(z).await);
            k.rcu_read_unlock().await;
            k.write_once(r0, seen.0).await;
            k.write_once(r1, seen.1).await;
        });
        sim.task(1, "p1", move |k| async move { update(&k, x, y, !allowed).await });
        sim.task(2, "p2", move |k| async move {
            k.wait_event(y, 1).await;
            update(&k, y, z, !allowed).await;
        });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// As [`rcu_message_passing`] with `call_rcu()`: the callback writes y.
///
/// Allowed: P0 is two readers.
fn rcu_callback() -> Vec<Scenario> {
    let about = "a callback runs after the readers that began before it was queued";
    shape("rcu-callback", about, RCU, |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let note: Note = sim.object("note");
        sim.set(note.target(), y.0.0);
        sim.set(note.value(), 1);
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen_x = k.read_once(x).await;
            if allowed {
                k.rcu_read_unlock().await;
                k.rcu_read_lock().await;
            }
            let seen_y = k.read_once(y).await;
            k.rcu_read_unlock().await;
            k.write_once(r0, seen_x).await;
            k.write_once(r1, seen_y).await;
        });
        sim.task(1, "p1", move |k| async move {
            k.write_once(x, 1).await;
            k.call_rcu(note.rcu(), &NOTE_WRITE).await;
        });
        forbid(sim, [r0, r1], [0, 1]);
    })
}

/// 1. P0 queues a callback that writes x, waits in `rcu_barrier()`, and reads x: never 0.
///
/// Allowed: it waits in `synchronize_rcu()` only.
fn rcu_barrier() -> Vec<Scenario> {
    let about = "rcu_barrier() waits for callbacks, synchronize_rcu() for readers";
    shape("rcu-barrier", about, RCU, |sim, allowed| {
        sim.cpus(1);
        let x = sim.word("x", 0u64);
        let note: Note = sim.object("note");
        sim.set(note.target(), x.0.0);
        sim.set(note.value(), 1);
        let [r0] = results(sim, ["r0"]);
        sim.task(0, "p0", move |k| async move {
            k.call_rcu(note.rcu(), &NOTE_WRITE).await;
            if allowed {
                k.synchronize_rcu().await;
            } else {
                k.rcu_barrier().await;
            }
            let seen = k.read_once(x).await;
            k.write_once(r0, seen).await;
        });
        forbid(sim, [r0], [0]);
    })
}

/// 1. P0 queues callbacks that write 1 and 2 to x: in the end x is 2.
///
/// Allowed: P1 queues the second, once the first is queued.
fn callback_order() -> Vec<Scenario> {
    let about = "callbacks of one CPU run in order, those of two in any";
    shape("callback-order", about, RCU, |sim, allowed| {
        sim.cpus(2);
        let (x, queued) = (sim.word("x", 0u64), sim.word("queued", 0u64));
        let notes: [Note; 2] = [sim.object("first"), sim.object("second")];
        for (note, value) in notes.into_iter().zip([1, 2]) {
            sim.set(note.target(), x.0.0);
            sim.set(note.value(), value);
        }
        sim.task(0, "p0", move |k| async move {
            k.call_rcu(notes[0].rcu(), &NOTE_WRITE).await;
            if !allowed {
                k.call_rcu(notes[1].rcu(), &NOTE_WRITE).await;
            }
            k.write_once(queued, 1).await;
        });
        sim.task(1, "p1", move |k| async move {
            if allowed {
                k.wait_event(queued, 1).await;
                k.call_rcu(notes[1].rcu(), &NOTE_WRITE).await;
            }
        });
        forbid(sim, [x], [1]);
    })
}
