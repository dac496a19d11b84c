//! What interrupts, softirqs and regions that turn them off must not do.
//!
//! Expected: `sleep-in-atomic` or `inconsistent-lock-state` in each `bug`, nothing in each `fix`.
//!
//! Source: kernel/softirq.c, kernel/smp.c, kernel/locking/lockdep.c, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::TASKLET_SOFTIRQ;
use ksim::program::Kernel;
use ksim::run::Scenario;

const SOFTIRQ: &str = "kernel/softirq.c, v6.3";
const CALLS: &str = "smp_call_function_many_cond(), kernel/smp.c, v6.3";
const LOCKDEP: &str = "check_wait_context(), kernel/locking/lockdep.c, v6.3";

ksim::kernel_fn! { static FLUSH = flush; }

async fn flush(k: &Kernel, (): ()) {
    k.relax().await;
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [bh_enable(), smp_call(), smp_call_in_softirq(), preempt_leak(), wait_context()].concat()
}

/// A lock turned into a `_bh` one, under a caller that has interrupts off.
fn bh_enable() -> [Scenario; 2] {
    let about = "spin_unlock_bh() with interrupts off";
    twins("bh-enable-irqs-off", about, SOFTIRQ, &[Kind::InconsistentLockState], |sim, bug| {
        let lock = sim.spin_lock("lock");
        sim.task(0, "task", move |k| async move {
            let flags = k.local_irq_save().await;
            match bug {
                true => k.spin_lock_bh(lock).await,
                false => k.spin_lock(lock).await,
            }
            match bug {
                true => k.spin_unlock_bh(lock).await,
                false => k.spin_unlock(lock).await,
            }
            k.local_irq_restore(flags).await;
        });
    })
}

/// Two of them would wait for each other; one is enough for the warning.
fn smp_call() -> [Scenario; 2] {
    let about = "smp_call_function() with interrupts off";
    twins("smp-call-irqs-off", about, CALLS, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(2);
        sim.task(0, "task", move |k| async move {
            if bug {
                k.local_irq_disable().await;
            }
            k.smp_call_function(&FLUSH, (), true).await;
            if bug {
                k.local_irq_enable().await;
            }
        });
    })
}

/// Whether or not it waits for the others.
fn smp_call_in_softirq() -> [Scenario; 2] {
    let about = "smp_call_function() in a softirq";
    twins("smp-call-softirq", about, CALLS, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(2);
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            if bug {
                k.smp_call_function(&FLUSH, (), false).await;
            }
        });
        sim.task(0, "task", move |k| async move {
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            if !bug {
                k.smp_call_function(&FLUSH, (), false).await;
            }
            k.local_bh_enable().await;
        });
    })
}

/// The count is repaired, so the task below does not suffer.
fn preempt_leak() -> [Scenario; 2] {
    let about = "a softirq handler returns with preemption off";
    twins("softirq-preempt-leak", about, SOFTIRQ, &[Kind::SleepInAtomic], |sim, bug| {
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.preempt_disable().await;
            if !bug {
                k.preempt_enable().await;
            }
        });
        sim.task(0, "task", move |k| async move {
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
            k.cond_resched().await;
        });
    })
}

/// Free or not: the mutex may sleep. A trylock does not.
fn wait_context() -> [Scenario; 2] {
    let about = "a mutex taken in an interrupt that holds a spinlock";
    let kinds = [Kind::InconsistentLockState, Kind::SleepInAtomic];
    twins("wait-context", about, LOCKDEP, &kinds, |sim, bug| {
        let (lock, mutex) = (sim.spin_lock("lock"), sim.mutex("mutex"));
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(lock).await;
            if bug {
                k.mutex_lock(mutex).await;
                k.mutex_unlock(mutex).await;
            } else if k.mutex_trylock(mutex).await {
                k.mutex_unlock(mutex).await;
            }
            k.spin_unlock(lock).await;
        });
    })
}
