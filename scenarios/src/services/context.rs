//! Contexts: interrupts, softirqs, preemption, function calls to other CPUs.

use super::{expect, twins, works};
use ksim::base::finding::Kind;
use ksim::machine::cpu::{BLOCK_SOFTIRQ, HI_SOFTIRQ, NET_RX_SOFTIRQ, TASKLET_SOFTIRQ};
use ksim::program::{Atomic, Kernel, Var};
use ksim::run::Scenario;

const SOFTIRQ: &str = "kernel/softirq.c, v6.3";
const PREEMPT: &str = "include/linux/preempt.h, v6.3";
const CALLS: &str = "kernel/smp.c, v6.3";

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        bh_region(),
        irq_region(),
        preempt_region(),
        not_preemptible(),
        at_irq_exit(),
        at_bh_enable(),
        in_ksoftirqd(),
        left_to_ksoftirqd(),
        not_left_any_more(),
        order_of_vectors(),
        rounds(),
        not_nested(),
        restart_limit(),
        two_cpus(),
        lines_do_not_nest(),
        ipi_wait(),
        ipi_irqs_off(),
    ]
    .concat()
}

/// Reads twice; whoever writes in between is noticed.
async fn undisturbed(k: &Kernel, word: Var, what: &'static str) {
    let before = k.read_once(word).await;
    let after = k.read_once(word).await;
    k.assert(before == after, what).await;
}

/// 1. The task reads the word; an interrupt raises a softirq, which runs at its exit and writes it.
/// 2. The task reads it again. With softirqs off the softirq has to wait until both reads are done.
fn bh_region() -> Vec<Scenario> {
    let about = "no softirq runs between local_bh_disable() and local_bh_enable()";
    twins("bh-region", about, SOFTIRQ, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let word = sim.word("word", 0u64);
        sim.irq(0, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move { k.write_once(word, 1).await });
        sim.task(0, "task", move |k| async move {
            if !bug {
                k.local_bh_disable().await;
                k.local_bh_disable().await;
                k.local_bh_enable().await;
            }
            undisturbed(&k, word, "softirqs are off").await;
            if !bug {
                k.local_bh_enable().await;
            }
        });
    })
}

/// As [`bh_region`], with an interrupt and interrupts off.
fn irq_region() -> Vec<Scenario> {
    let about = "no interrupt is delivered between local_irq_save() and local_irq_restore()";
    twins("irq-region", about, PREEMPT, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let word = sim.word("word", 0u64);
        sim.irq(0, "device", 1, move |k| async move { k.write_once(word, 1).await });
        sim.task(0, "task", move |k| async move {
            let flags = if bug { 0 } else { k.local_irq_save().await };
            undisturbed(&k, word, "interrupts are off").await;
            if !bug {
                k.local_irq_restore(flags).await;
            }
        });
    })
}

/// As [`bh_region`], with another task of the CPU and preemption off.
fn preempt_region() -> Vec<Scenario> {
    let about = "no other task runs between preempt_disable() and preempt_enable()";
    twins("preempt-region", about, PREEMPT, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let word = sim.word("word", 0u64);
        sim.task(0, "other", move |k| async move { k.write_once(word, 1).await });
        sim.task(0, "task", move |k| async move {
            if !bug {
                k.preempt_disable().await;
            }
            undisturbed(&k, word, "preemption is off").await;
            if !bug {
                k.preempt_enable().await;
            }
        });
    })
}

/// As [`preempt_region`], where the kernel does not preempt, unless the task calls
/// `cond_resched()`.
fn not_preemptible() -> Vec<Scenario> {
    let about = "without CONFIG_PREEMPT a task keeps its CPU until it gives it up";
    twins("not-preemptible", about, PREEMPT, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        sim.preemptible(false);
        let word = sim.word("word", 0u64);
        sim.task(0, "other", move |k| async move { k.write_once(word, 1).await });
        sim.task(0, "task", move |k| async move {
            let before = k.read_once(word).await;
            if bug {
                k.cond_resched().await;
            }
            let after = k.read_once(word).await;
            k.assert(before == after, "nobody preempts").await;
        });
    })
}

/// 1. The interrupt raises the softirq; it runs at the exit, so before the task goes on.
fn at_irq_exit() -> Vec<Scenario> {
    let about = "a softirq raised by an interrupt runs at its exit, on top of the task";
    works("softirq-at-irq-exit", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let (raised, ran) = (sim.word("raised", 0u64), sim.word("ran", 0u64));
        sim.irq(0, "nic", 2, move |k| async move {
            k.raise_softirq(NET_RX_SOFTIRQ).await;
            k.write_once(raised, 1).await;
        });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move { k.write_once(ran, 1).await });
        sim.task(0, "task", move |k| async move {
            let raised = k.read_once(raised).await;
            let ran = k.read_once(ran).await;
            k.assert(raised <= ran, "the softirq ran at the exit of the interrupt").await;
        });
        sim.at_end(move |end| expect("ran", end.get(ran), 1));
    })
}

/// 1. Softirqs are off; an interrupt raises one.
/// 2. It runs inside `local_bh_enable()`: the task sees its work at the next step.
fn at_bh_enable() -> Vec<Scenario> {
    let about = "a softirq raised in a region with softirqs off runs at the outermost bh enable";
    works("softirq-at-bh-enable", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        let (raised, ran) = (sim.word("raised", 0u64), sim.word("ran", 0u64));
        sim.irq(0, "nic", 1, move |k| async move {
            k.raise_softirq(NET_RX_SOFTIRQ).await;
            k.write_once(raised, 1).await;
        });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move { k.write_once(ran, 1).await });
        sim.task(0, "task", move |k| async move {
            k.spin_lock_bh(lock).await;
            let was_raised = k.read_once(raised).await;
            k.spin_unlock_bh(lock).await;
            let ran = k.read_once(ran).await;
            k.assert(was_raised <= ran, "the softirq ran in spin_unlock_bh()").await;
        });
        sim.at_end(move |end| expect("ran", end.get(ran), 1));
    })
}

/// 1. A task raises a softirq; nothing runs it there, so `ksoftirqd` is woken.
/// 2. The task sleeps until it has run.
fn in_ksoftirqd() -> Vec<Scenario> {
    let about = "a softirq raised by a task runs in ksoftirqd";
    works("softirq-in-ksoftirqd", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let ran = sim.atomic("ran", 0);
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move { k.atomic_inc(ran).await });
        sim.task(0, "task", move |k| async move {
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.wait_event(ran, 1).await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
        });
        sim.at_end(move |end| expect("ran", end.get(ran), 2));
    })
}

/// 1. A task raises a softirq with preemption off: `ksoftirqd` is woken, and cannot run yet.
/// 2. Whatever interrupt comes, the softirq is left to it; but not a tasklet.
fn left_to_ksoftirqd() -> Vec<Scenario> {
    let about = "what ksoftirqd is about to run does not run at the exit of an interrupt";
    twins("softirq-left-to-ksoftirqd", about, SOFTIRQ, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let vector = if bug { TASKLET_SOFTIRQ } else { NET_RX_SOFTIRQ };
        let ran = sim.word("ran", 0u64);
        sim.irq(0, "device", 1, |k| async move { k.relax().await });
        sim.softirq(vector, move |k| async move { k.write_once(ran, 1).await });
        sim.task(0, "task", move |k| async move {
            k.preempt_disable().await;
            k.raise_softirq(vector).await;
            let ran = k.read_once(ran).await;
            k.assert(ran == 0, "ksoftirqd could not run yet").await;
            k.preempt_enable().await;
        });
        sim.at_end(move |end| expect("ran", end.get(ran), 1));
    })
}

/// 1. A tasklet raised with preemption off wakes `ksoftirqd`; an interrupt comes, and it runs at once.
/// 2. Nothing is left to `ksoftirqd` now: the softirq of the next interrupt runs at its exit.
fn not_left_any_more() -> Vec<Scenario> {
    let about = "once nothing is pending any more, softirqs run at the exit of interrupts again";
    twins("softirq-not-left-any-more", about, SOFTIRQ, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let (tasklet, net_rx) = (sim.word("tasklet", 0u64), sim.word("net_rx", 0u64));
        sim.irq(0, "timer", 1, |k| async move { k.relax().await });
        sim.irq(0, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move { k.write_once(tasklet, 1).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move { k.write_once(net_rx, 1).await });
        sim.task(0, "task", move |k| async move {
            k.preempt_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            let ran = k.read_once(tasklet).await == 1;
            if !bug {
                k.local_bh_disable().await;
            }
            let before = k.read_once(net_rx).await;
            let after = k.read_once(net_rx).await;
            k.assert(!ran || before == after, "no softirq ran").await;
            if !bug {
                k.local_bh_enable().await;
            }
            k.preempt_enable().await;
        });
    })
}

/// 1. The interrupt raises vectors 3 and 6. Vector 3 raises vector 0.
/// 2. Vector 6 comes next: vector 0 is pending for the round after it.
fn rounds() -> Vec<Scenario> {
    let about = "a softirq raised while others are served waits for the next round";
    works("softirq-rounds", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let done = sim.word("done", 0u64);
        sim.irq(0, "device", 1, |k| async move {
            k.raise_softirq(NET_RX_SOFTIRQ).await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
        });
        sim.softirq(NET_RX_SOFTIRQ, |k| async move { k.raise_softirq(HI_SOFTIRQ).await });
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move { k.write_once(done, 1).await });
        sim.softirq(HI_SOFTIRQ, move |k| async move {
            let served = k.read_once(done).await;
            k.assert(served == 1, "the round was served to its end").await;
            k.write_once(done, 2).await;
        });
        sim.at_end(move |end| expect("done", end.get(done), 2));
    })
}

/// 1. The interrupt raises vectors 6 and 3; vector 3 is served first.
fn order_of_vectors() -> Vec<Scenario> {
    let about = "pending softirqs are served lowest number first";
    works("softirq-order", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let last = sim.word("last", 0u64);
        sim.irq(0, "device", 1, |k| async move {
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.raise_softirq(NET_RX_SOFTIRQ).await;
        });
        for vector in [NET_RX_SOFTIRQ, TASKLET_SOFTIRQ] {
            sim.softirq(vector, move |k| async move {
                let before = k.read_once(last).await;
                k.assert(before < u64::from(vector), "lowest first").await;
                k.write_once(last, vector.into()).await;
            });
        }
        sim.at_end(move |end| expect("last", end.get(last), TASKLET_SOFTIRQ.into()));
    })
}

/// Counts how many are inside.
async fn alone(k: &Kernel, inside: Atomic, what: &'static str) {
    let before = k.atomic_fetch_add(inside, 1).await;
    k.assert(before == 0, what).await;
    k.atomic_dec(inside).await;
}

/// 1. A softirq is served; an interrupt on top of it raises another one.
/// 2. The other one waits until the first is done.
fn not_nested() -> Vec<Scenario> {
    let about = "a softirq is never served on top of another one";
    works("softirq-not-nested", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let inside = sim.atomic("inside", 0);
        sim.irq(0, "nic", 2, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.irq(0, "disk", 1, |k| async move { k.raise_softirq(BLOCK_SOFTIRQ).await });
        for vector in [NET_RX_SOFTIRQ, BLOCK_SOFTIRQ] {
            sim.softirq(vector, move |k| async move { alone(&k, inside, "not nested").await });
        }
    })
}

/// 1. The softirq raises itself twelve times: ten rounds are served in one go, then `ksoftirqd`
///    takes over (`MAX_SOFTIRQ_RESTART`).
fn restart_limit() -> Vec<Scenario> {
    let about = "a softirq that raises itself is left to ksoftirqd after ten rounds";
    works("softirq-restart", about, SOFTIRQ, |sim| {
        sim.cpus(1);
        let rounds = sim.atomic("rounds", 0);
        sim.irq(0, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move {
            if k.atomic_fetch_add(rounds, 1).await < 12 {
                k.raise_softirq(NET_RX_SOFTIRQ).await;
            }
        });
        sim.task(0, "task", |k| async move { k.relax().await });
        sim.at_end(move |end| expect("rounds", end.get(rounds), 13));
    })
}

/// 1. The same vector is served on two CPUs at once.
fn two_cpus() -> Vec<Scenario> {
    let about = "a softirq runs on two CPUs at once; only a lock makes it exclusive";
    twins("softirq-two-cpus", about, SOFTIRQ, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let inside = sim.atomic("inside", 0);
        for cpu in 0..2 {
            sim.irq(cpu, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        }
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move {
            if !bug {
                k.spin_lock(lock).await;
            }
            alone(&k, inside, "alone").await;
            if !bug {
                k.spin_unlock(lock).await;
            }
        });
    })
}

/// 1. Two lines of one CPU: the second waits for the first. On two CPUs they overlap.
fn lines_do_not_nest() -> Vec<Scenario> {
    let about = "interrupts do not nest on a CPU, but run on two CPUs at once";
    twins("irq-two-cpus", about, PREEMPT, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let inside = sim.atomic("inside", 0);
        for (cpu, role) in [(0, "first"), (u16::from(bug), "second")] {
            sim.irq(cpu, role, 1, move |k| async move { alone(&k, inside, "alone").await });
        }
        sim.task(0, "task", |k| async move { k.relax().await });
    })
}

ksim::kernel_fn! { static COUNT_CALL = count_call }

async fn count_call(k: &Kernel, count: Atomic) {
    let k = &k.func("count_call");
    k.atomic_inc(count).await;
}

/// 1. CPU0 calls a function on the two others and waits; both have run it when it goes on.
fn ipi_wait() -> Vec<Scenario> {
    let about = "smp_call_function() with wait returns when all others have run it";
    twins("ipi-wait", about, CALLS, &[Kind::Assertion], |sim, bug| {
        sim.cpus(3);
        let count = sim.atomic("count", 0);
        sim.task(0, "caller", move |k| async move {
            k.smp_call_function(&COUNT_CALL, count, !bug).await;
            let ran = k.atomic_read(count).await;
            k.assert(ran == 2, "all have run it").await;
        });
        sim.task(1, "other", move |k| async move {
            k.local_irq_disable().await;
            k.relax().await;
            k.local_irq_enable().await;
        });
        sim.at_end(move |end| expect("count", end.get(count), 2));
    })
}

/// 1. CPU0 holds the lock and waits for CPU1 to run a function.
/// 2. CPU1 spins on the lock with interrupts off.
fn ipi_irqs_off() -> Vec<Scenario> {
    let about = "a call to a CPU that spins, interrupts off, on a lock of the caller";
    twins("ipi-irqs-off", about, CALLS, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let count = sim.atomic("count", 0);
        sim.task(0, "caller", move |k| async move {
            k.spin_lock(lock).await;
            k.smp_call_function(&COUNT_CALL, count, true).await;
            k.spin_unlock(lock).await;
        });
        sim.task(1, "other", move |k| async move {
            if bug {
                k.spin_lock_irq(lock).await;
                k.spin_unlock_irq(lock).await;
            } else {
                k.spin_lock(lock).await;
                k.spin_unlock(lock).await;
            }
        });
    })
}
