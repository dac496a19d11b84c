//! `rwlock_t`: the read forms of lockdep's usage bits, and readers in circles.
//!
//! Expected: `lock-inversion` or `inconsistent-lock-state` in each `bug`, nothing in each `fix`.
//!
//! Source: Documentation/locking/lockdep-design.rst, "Recursive read locks", v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::TASKLET_SOFTIRQ;
use ksim::run::Scenario;

const SOURCE: &str = "Documentation/locking/lockdep-design.rst, v6.3";

pub(super) fn scenarios() -> Vec<Scenario> {
    [softirq_reads(), hardirq_writes(), recursion(), recursive_reader(), hardirq_chain()].concat()
}

/// Readers in softirq (IN-SOFTIRQ-R) and a writer with softirqs on (SOFTIRQ-ON-W). Readers on both
/// sides are fine: the task reads with softirqs on in both twins.
fn softirq_reads() -> [Scenario; 2] {
    let about = "read_lock() in softirq, write_lock() in a task with softirqs on";
    twins("softirq-read-usage", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        let lock = sim.rw_lock("lock");
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.read_lock(lock).await;
            k.read_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            k.read_lock(lock).await;
            k.read_unlock(lock).await;
            if bug {
                k.write_lock(lock).await;
                k.write_unlock(lock).await;
            } else {
                k.write_lock_bh(lock).await;
                k.write_unlock_bh(lock).await;
            }
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
        });
    })
}

/// A writer in a hard interrupt (IN-HARDIRQ-W) and a reader with interrupts on (HARDIRQ-ON-R), which
/// it may interrupt.
fn hardirq_writes() -> [Scenario; 2] {
    let about = "write_lock() in a hard interrupt, read_lock() in a task with interrupts on";
    let kinds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("hardirq-read-usage", about, SOURCE, &kinds, |sim, bug| {
        let lock = sim.rw_lock("lock");
        sim.irq(0, "device", 1, move |k| async move {
            k.write_lock(lock).await;
            k.write_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            if bug {
                k.read_lock(lock).await;
                k.read_unlock(lock).await;
            } else {
                k.read_lock_irq(lock).await;
                k.read_unlock_irq(lock).await;
            }
        });
    })
}

/// A writer that arrives in between stands before the second reader (queued rwlocks). In an
/// interrupt readers pass waiting writers, so the same is right there.
fn recursion() -> [Scenario; 2] {
    let about = "read_lock() twice in one task; in one interrupt, or with softirqs off";
    twins("rwlock-recursion", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let lock = sim.rw_lock("lock");
        let twice = move |k: ksim::program::Kernel| async move {
            k.read_lock(lock).await;
            k.read_lock(lock).await;
            k.read_unlock(lock).await;
            k.read_unlock(lock).await;
        };
        match bug {
            true => _ = sim.task(0, "task", twice),
            false => {
                sim.irq(0, "device", 1, twice);
                let softirqs = sim.rw_lock("softirqs");
                sim.task(0, "task", move |k| async move {
                    k.read_lock_bh(softirqs).await;
                    k.read_lock_bh(softirqs).await;
                    k.read_unlock_bh(softirqs).await;
                    k.read_unlock_bh(softirqs).await;
                });
            }
        }
    })
}

/// 1. An interrupt on CPU0 holds `b` and asks for `a` as a reader: it passes waiting writers.
/// 2. A task holds `a` and asks for `b`. As a writer it closes a circle; as a reader it does not.
fn recursive_reader() -> [Scenario; 2] {
    let about = "a circle through a reader in an interrupt, closed by a writer";
    let kinds = [Kind::LockInversion, Kind::Deadlock];
    twins("rwlock-recursive-order", about, SOURCE, &kinds, |sim, bug| {
        sim.cpus(2);
        let (a, b) = (sim.rw_lock("a"), sim.spin_lock("b"));
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(b).await;
            k.read_lock(a).await;
            k.read_unlock(a).await;
            k.spin_unlock(b).await;
        });
        sim.task(1, "task", move |k| async move {
            match bug {
                true => k.write_lock_irq(a).await,
                false => k.read_lock_irq(a).await,
            }
            k.spin_lock(b).await;
            k.spin_unlock(b).await;
            match bug {
                true => k.write_unlock_irq(a).await,
                false => k.read_unlock_irq(a).await,
            }
        });
    })
}

/// 1. An interrupt takes `a`; a task takes `b` inside `a`, and later `b` with interrupts on.
fn hardirq_chain() -> [Scenario; 2] {
    let about = "a hardirq-unsafe lock inside a hardirq-safe one";
    twins("hardirq-safe-unsafe", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (a, b) = (sim.spin_lock("a"), sim.spin_lock("b"));
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(a).await;
            k.spin_unlock(a).await;
        });
        sim.task(0, "task", move |k| async move {
            k.spin_lock_irq(a).await;
            k.spin_lock(b).await;
            k.spin_unlock(b).await;
            k.spin_unlock_irq(a).await;
            if bug {
                k.spin_lock_bh(b).await;
                k.spin_unlock_bh(b).await;
            } else {
                k.spin_lock_irq(b).await;
                k.spin_unlock_irq(b).await;
            }
        });
    })
}
