//! Lockdep: usage bits, order, recursion, locks freed or left behind.
//!
//! Expected: `lock-inversion` or `inconsistent-lock-state` in each `bug`, without any deadlock
//! happening; nothing in each `fix`.
//!
//! Source: kernel/locking/lockdep.c and Documentation/locking/lockdep-design.rst, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::TASKLET_SOFTIRQ;
use ksim::program::{Mutex, RwSem, SpinLock};
use ksim::run::Scenario;

const SOURCE: &str = "kernel/locking/lockdep.c, v6.3";

ksim::kernel_struct! {
    /// An object with locks in it.
    struct Session("session", Slab) { lock: SpinLock, owner: Mutex, sem: RwSem }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [order(), usage(), ownership()].concat()
}

fn order() -> Vec<Scenario> {
    [
        circle(),
        circle_of_three(),
        recursion(),
        shared_recursion(),
        safe_to_unsafe(),
        irq_inversion(),
    ]
    .concat()
}

fn usage() -> Vec<Scenario> {
    [softirq_usage(), hardirq_usage(), enabled_while_held(), bh_enabled_while_held()].concat()
}

fn ownership() -> Vec<Scenario> {
    [held_lock_freed(), still_held(), returned_with_lock(), bad_unlock()].concat()
}

/// 1. `a`, then `b` inside it
/// 2. later, by the same task: `b`, then `a` inside it
fn circle() -> [Scenario; 2] {
    let about = "two locks taken in both orders, never at the same time";
    twins("lock-circle", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (a, b) = (sim.spin_lock("a"), sim.spin_lock("b"));
        sim.task(0, "task", move |k| async move {
            for round in 0..2 {
                let swap = bug && round == 1;
                let (first, second) = if swap { (b, a) } else { (a, b) };
                k.spin_lock(first).await;
                k.spin_lock(second).await;
                k.spin_unlock(second).await;
                k.spin_unlock(first).await;
            }
        });
    })
}

/// Mutexes, each pair taken in one order, the three pairs in a circle.
fn circle_of_three() -> [Scenario; 2] {
    let about = "three mutexes whose pairwise orders form a circle";
    twins("lock-circle-of-three", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (a, b, c) = (sim.mutex("a"), sim.mutex("b"), sim.mutex("c"));
        sim.task(0, "task", move |k| async move {
            let last = if bug { (c, a) } else { (a, c) };
            for (outer, inner) in [(a, b), (b, c), last] {
                k.mutex_lock(outer).await;
                k.mutex_lock(inner).await;
                k.mutex_unlock(inner).await;
                k.mutex_unlock(outer).await;
            }
        });
    })
}

/// Two locks of one class; the twin says that it means it.
fn recursion() -> [Scenario; 2] {
    let about = "a lock taken inside another one of its class, without nesting notation";
    twins("lock-recursion", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (parent, child): (Session, Session) = (sim.object("parent"), sim.object("child"));
        sim.task(0, "task", move |k| async move {
            k.spin_lock(parent.lock()).await;
            match bug {
                true => k.spin_lock(child.lock()).await,
                false => k.spin_lock_nested(child.lock(), 1).await,
            }
            k.spin_unlock(child.lock()).await;
            k.spin_unlock(parent.lock()).await;
            k.mutex_lock(parent.owner()).await;
            k.mutex_lock_nested(child.owner(), 1).await;
            k.mutex_unlock(child.owner()).await;
            k.mutex_unlock(parent.owner()).await;
        });
    })
}

/// A writer that arrives between the two readers would wait for the first and be waited for by the
/// second.
fn shared_recursion() -> [Scenario; 2] {
    let about = "down_read() twice in one task";
    twins("rwsem-recursion", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let sem = sim.rw_sem("sem");
        sim.task(0, "task", move |k| async move {
            k.down_read(sem).await;
            if bug {
                k.down_read(sem).await;
                k.up_read(sem).await;
            }
            k.up_read(sem).await;
        });
    })
}

/// 1. softirq takes `a`
/// 2. a task takes `b` with softirqs on
/// 3. a task takes `b` inside `a`
fn safe_to_unsafe() -> [Scenario; 2] {
    let about = "a softirq-unsafe lock taken inside a softirq-safe one";
    twins("softirq-safe-unsafe", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (a, b) = (sim.spin_lock("a"), sim.spin_lock("b"));
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.spin_lock(a).await;
            k.spin_unlock(a).await;
        });
        sim.task(0, "task", move |k| async move {
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
            match bug {
                true => k.spin_lock(b).await,
                false => k.spin_lock_bh(b).await,
            }
            match bug {
                true => k.spin_unlock(b).await,
                false => k.spin_unlock_bh(b).await,
            }
            k.spin_lock_bh(a).await;
            k.spin_lock(b).await;
            k.spin_unlock(b).await;
            k.spin_unlock_bh(a).await;
        });
    })
}

/// The same, but the order is known before the softirq takes `a` for the first time.
fn irq_inversion() -> [Scenario; 2] {
    let about = "a lock becomes softirq-safe after a softirq-unsafe one was taken inside it";
    twins("irq-inversion", about, SOURCE, &[Kind::LockInversion], |sim, bug| {
        let (a, b) = (sim.spin_lock("a"), sim.spin_lock("b"));
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            let lock = if bug { a } else { b };
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            k.spin_lock_bh(a).await;
            k.spin_lock(b).await;
            k.spin_unlock(b).await;
            k.spin_unlock_bh(a).await;
            match bug {
                true => k.spin_lock(b).await,
                false => k.spin_lock_bh(b).await,
            }
            match bug {
                true => k.spin_unlock(b).await,
                false => k.spin_unlock_bh(b).await,
            }
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
        });
    })
}

/// The lock fix of the seed mail in miniature. The two never meet: no deadlock happens.
fn softirq_usage() -> [Scenario; 2] {
    let about = "spin_lock() in a task, and the same lock in softirq";
    twins("softirq-usage", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        let lock = sim.spin_lock("lock");
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            match bug {
                true => k.spin_lock(lock).await,
                false => k.spin_lock_bh(lock).await,
            }
            match bug {
                true => k.spin_unlock(lock).await,
                false => k.spin_unlock_bh(lock).await,
            }
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
        });
    })
}

/// The interrupt spins on the lock of the task that it interrupts, where it hits the region.
fn hardirq_usage() -> [Scenario; 2] {
    let about = "spin_lock_bh() in a task, and the same lock in a hard interrupt";
    let kinds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("hardirq-usage", about, SOURCE, &kinds, |sim, bug| {
        let lock = sim.spin_lock("lock");
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            if bug {
                k.spin_lock_bh(lock).await;
                k.spin_unlock_bh(lock).await;
            } else {
                let flags = k.spin_lock_irqsave(lock).await;
                k.spin_unlock_irqrestore(lock, flags).await;
            }
        });
    })
}

/// `spin_unlock_irq()` of an inner lock turns interrupts on although the outer one needs them off.
fn enabled_while_held() -> [Scenario; 2] {
    let about = "interrupts come on inside a region that an interrupt's lock protects";
    let kinds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("irq-enabled-while-held", about, SOURCE, &kinds, |sim, bug| {
        let (outer, inner) = (sim.spin_lock("outer"), sim.spin_lock("inner"));
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(outer).await;
            k.spin_unlock(outer).await;
        });
        sim.task(0, "task", move |k| async move {
            k.spin_lock_irq(outer).await;
            if bug {
                k.spin_lock_irq(inner).await;
                k.spin_unlock_irq(inner).await;
            } else {
                k.spin_lock(inner).await;
                k.spin_unlock(inner).await;
            }
            k.spin_unlock_irq(outer).await;
        });
    })
}

/// `local_bh_enable()` inside a lock that softirqs take.
fn bh_enabled_while_held() -> [Scenario; 2] {
    let about = "softirqs come on inside a region that a softirq's lock protects";
    twins("bh-enabled-while-held", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        let lock = sim.spin_lock("lock");
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            k.local_bh_disable().await;
            k.spin_lock(lock).await;
            if bug {
                k.local_bh_enable().await;
                k.spin_unlock(lock).await;
            } else {
                k.spin_unlock(lock).await;
                k.local_bh_enable().await;
            }
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
        });
    })
}

/// The owner frees the object with the lock in it.
fn held_lock_freed() -> [Scenario; 2] {
    let about = "an object is freed by one who holds a lock in it";
    twins("held-lock-freed", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        sim.task(0, "task", move |k| async move {
            let session: Session = k.kzalloc().await;
            k.down_write(session.sem()).await;
            if !bug {
                k.up_write(session.sem()).await;
            }
            k.kfree(session).await;
        });
    })
}

/// A mutex, so that nothing is left turned off.
fn still_held() -> [Scenario; 2] {
    let about = "a task ends with a mutex held";
    twins("lock-held-at-exit", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        let mutex = sim.mutex("mutex");
        sim.task(0, "task", move |k| async move {
            k.mutex_lock(mutex).await;
            if !bug {
                k.mutex_unlock(mutex).await;
            }
        });
    })
}

/// A trylock in an interrupt, so that the usage bits are content.
fn returned_with_lock() -> [Scenario; 2] {
    let about = "an interrupt handler returns with a lock that it got by trylock";
    twins("lock-held-at-irq-exit", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        let lock = sim.spin_lock("lock");
        sim.irq(0, "device", 1, move |k| async move {
            if k.spin_trylock(lock).await && !bug {
                k.spin_unlock(lock).await;
            }
        });
    })
}

/// A reader's unlock by one who is none; the lock itself only counts its readers.
fn bad_unlock() -> [Scenario; 2] {
    let about = "up_read() by a task that does not hold the semaphore";
    twins("rwsem-bad-unlock", about, SOURCE, &[Kind::InconsistentLockState], |sim, bug| {
        sim.cpus(2);
        let (sem, held) = (sim.rw_sem("sem"), sim.word("held", false));
        sim.task(0, "reader", move |k| async move {
            k.down_read(sem).await;
            k.write_once(held, true).await;
            if !bug {
                k.up_read(sem).await;
            }
            k.spin_until(held, !bug).await;
        });
        sim.task(1, "other", move |k| async move {
            k.wait_event(held, true).await;
            if bug {
                k.up_read(sem).await;
                k.write_once(held, false).await;
            }
        });
    })
}
