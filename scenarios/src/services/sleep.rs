//! Sleeping where it is forbidden, each way into it.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::NET_RX_SOFTIRQ;
use ksim::program::{Kernel, Var};
use ksim::run::Scenario;

const SOURCE: &str = "__might_resched(), kernel/sched/core.c, v6.3";

ksim::kernel_struct! {
    /// Something to allocate.
    struct Buffer("buffer", Slab) { bytes: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [mutex_under_spinlock(), alloc_in_softirq(), sync_in_preempt_off(), schedule_in_irqs_off()]
        .concat()
}

/// 1. The task holds a spinlock and takes a mutex, free or not.
fn mutex_under_spinlock() -> Vec<Scenario> {
    let about = "mutex_lock() under a spinlock";
    twins("mutex-under-spinlock", about, SOURCE, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(2);
        let (lock, mutex) = (sim.spin_lock("lock"), sim.mutex("mutex"));
        sim.task(0, "task", move |k| async move {
            if !bug {
                k.mutex_lock(mutex).await;
            }
            k.spin_lock(lock).await;
            if bug {
                k.mutex_lock(mutex).await;
            }
            k.mutex_unlock(mutex).await;
            k.spin_unlock(lock).await;
        });
        sim.task(1, "other", move |k| async move {
            k.mutex_lock(mutex).await;
            k.mutex_unlock(mutex).await;
        });
    })
}

/// 1. The softirq allocates with `GFP_KERNEL`.
fn alloc_in_softirq() -> Vec<Scenario> {
    let about = "kzalloc(GFP_KERNEL) in softirq";
    twins("alloc-in-softirq", about, SOURCE, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(1);
        sim.irq(0, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move {
            let buffer = if bug { Some(k.kzalloc().await) } else { k.kzalloc_atomic().await };
            if let Some(buffer) = buffer {
                receive(&k, buffer).await;
            }
        });
        sim.task(0, "task", |k| async move { k.relax().await });
    })
}

async fn receive(k: &Kernel, buffer: Buffer) {
    let k = &k.func("receive");
    k.write(buffer.bytes(), 1).await;
    k.kfree(buffer).await;
}

/// 1. The task waits for a grace period with preemption off, which holds that grace period off: it
///    gets its answer only because `schedule()` switches all the same.
fn sync_in_preempt_off() -> Vec<Scenario> {
    let about = "synchronize_rcu() with preemption off";
    twins("sync-in-preempt-off", about, SOURCE, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            if bug {
                k.preempt_disable().await;
            }
            k.synchronize_rcu().await;
            if bug {
                k.preempt_enable().await;
            }
        });
    })
}

/// 1. The task calls `schedule()` with interrupts off.
fn schedule_in_irqs_off() -> Vec<Scenario> {
    let about = "schedule() with interrupts off";
    twins("schedule-in-irqs-off", about, SOURCE, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            k.local_irq_disable().await;
            if !bug {
                k.local_irq_enable().await;
            }
            k.schedule().await;
            if bug {
                k.local_irq_enable().await;
            }
        });
        sim.task(0, "other", |k| async move { k.relax().await });
    })
}
