//! Sleeping where it is forbidden, each way into it.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::NET_RX_SOFTIRQ;
use ksim::program::{Kernel, RwSem, SpinLock, Var, Work};
use ksim::run::Scenario;

const SOURCE: &str = "__might_resched(), kernel/sched/core.c, v6.3";

ksim::kernel_struct! {
    /// Something to allocate.
    struct Buffer("buffer", Slab) { bytes: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        mutex_under_spinlock(),
        alloc_in_softirq(),
        sync_in_preempt_off(),
        resched_in_irqs_off(),
    ];
    all.extend(Entry::ALL.map(under_spinlock));
    all.extend(Context::ALL.map(in_context));
    all.concat()
}

/// 1. The task holds a spinlock and takes a mutex, free or not.
fn mutex_under_spinlock() -> Vec<Scenario> {
    let about = "mutex_lock() under a spinlock";
    let kinds = [Kind::SleepInAtomic, Kind::InconsistentLockState];
    twins("mutex-under-spinlock", about, SOURCE, &kinds, |sim, bug| {
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

/// 1. The task calls `cond_resched()` with interrupts off.
fn resched_in_irqs_off() -> Vec<Scenario> {
    let about = "cond_resched() with interrupts off";
    twins("resched-in-irqs-off", about, SOURCE, &[Kind::SleepInAtomic], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            k.local_irq_disable().await;
            if !bug {
                k.local_irq_enable().await;
            }
            k.cond_resched().await;
            if bug {
                k.local_irq_enable().await;
            }
        });
        sim.task(0, "other", |k| async move { k.relax().await });
    })
}

ksim::kernel_struct! {
    /// What the entries below wait for.
    struct Device("device", Slab) { sem: RwSem, ready: Var<u64>, work: Work }
}
ksim::kernel_fn! {
    static DEVICE_WORK = device_work;
    static CHILD = child;
}

async fn device_work(k: &Kernel, _: Work) {
    k.func("device_work").relax().await;
}

async fn child(k: &Kernel, (): ()) {
    k.func("child").relax().await;
}

/// A way into `might_sleep()`.
#[derive(Copy, Clone)]
enum Entry {
    DownRead,
    DownWrite,
    Barrier,
    Timeout,
    WaitEvent,
    FlushWork,
    CancelWork,
    Join,
    Schedule,
    Resched,
}

impl Entry {
    const ALL: [Entry; 10] = [
        Entry::DownRead,
        Entry::DownWrite,
        Entry::Barrier,
        Entry::Timeout,
        Entry::WaitEvent,
        Entry::FlushWork,
        Entry::CancelWork,
        Entry::Join,
        Entry::Schedule,
        Entry::Resched,
    ];

    fn name(self) -> &'static str {
        match self {
            Entry::DownRead => "down-read",
            Entry::DownWrite => "down-write",
            Entry::Barrier => "rcu-barrier",
            Entry::Timeout => "timeout",
            Entry::WaitEvent => "wait-event",
            Entry::FlushWork => "flush-work",
            Entry::CancelWork => "cancel-work-sync",
            Entry::Join => "kthread-stop",
            Entry::Schedule => "schedule",
            Entry::Resched => "cond-resched",
        }
    }

    async fn call(self, k: &Kernel, device: Device, task: Option<ksim::base::agent::AgentId>) {
        match self {
            Entry::DownRead => {
                k.down_read(device.sem()).await;
                k.up_read(device.sem()).await;
            }
            Entry::DownWrite => {
                k.down_write(device.sem()).await;
                k.up_write(device.sem()).await;
            }
            Entry::Barrier => k.rcu_barrier().await,
            Entry::Timeout => k.sleep(1_000).await,
            Entry::WaitEvent => _ = k.wait_event(device.ready(), 0).await,
            Entry::FlushWork => k.flush_work(device.work()).await,
            Entry::CancelWork => _ = k.cancel_work_sync(device.work()).await,
            Entry::Join => {
                if let Some(task) = task {
                    k.kthread_join(task).await;
                }
            }
            Entry::Schedule => k.schedule().await,
            Entry::Resched => k.cond_resched().await,
        }
    }
}

/// Each operation that may sleep, under a spinlock, even where it has nothing to wait for.
fn under_spinlock(entry: Entry) -> Vec<Scenario> {
    let lockdep = matches!(entry, Entry::DownRead | Entry::DownWrite);
    let kinds = [Kind::SleepInAtomic, Kind::InconsistentLockState];
    let name = format!("sleep-{}", entry.name());
    let about = format!("{} under a spinlock", entry.name());
    twins(&name, &about, SOURCE, &kinds[..1 + usize::from(lockdep)], move |sim, bug| {
        sim.cpus(2);
        let (lock, device): (SpinLock, Device) = (sim.spin_lock("lock"), sim.object("device"));
        sim.task(0, "task", move |k| async move {
            let k = &k.func("reset_device");
            k.queue_work(device.work(), &DEVICE_WORK).await;
            let task = match entry {
                Entry::Join => Some(k.kthread_run(1, &CHILD, ()).await),
                _ => None,
            };
            if bug {
                k.spin_lock(lock).await;
            }
            entry.call(k, device, task).await;
            if bug {
                k.spin_unlock(lock).await;
            }
        });
    })
}

/// A context in which one must not sleep.
#[derive(Copy, Clone)]
enum Context {
    BhOff,
    IrqsOff,
    Hardirq,
    Reader,
}

impl Context {
    const ALL: [Context; 4] = [Context::BhOff, Context::IrqsOff, Context::Hardirq, Context::Reader];

    fn name(self) -> &'static str {
        match self {
            Context::BhOff => "bh-off",
            Context::IrqsOff => "irqs-off",
            Context::Hardirq => "hardirq",
            Context::Reader => "rcu-reader",
        }
    }
}

/// Each context with an allocation that may sleep; the twin's may not.
fn in_context(context: Context) -> Vec<Scenario> {
    let name = format!("alloc-in-{}", context.name());
    let about = format!("kzalloc(GFP_KERNEL), {}", context.name());
    twins(&name, &about, SOURCE, &[Kind::SleepInAtomic], move |sim, bug| {
        sim.cpus(1);
        let program = move |k: Kernel| async move {
            let k = &k.func("prepare");
            match context {
                Context::BhOff => k.local_bh_disable().await,
                Context::IrqsOff => k.local_irq_disable().await,
                Context::Reader => k.rcu_read_lock().await,
                Context::Hardirq => {}
            }
            let buffer = if bug { Some(k.kzalloc().await) } else { k.kzalloc_atomic().await };
            if let Some(buffer) = buffer {
                k.kfree::<Buffer>(buffer).await;
            }
            match context {
                Context::BhOff => k.local_bh_enable().await,
                Context::IrqsOff => k.local_irq_enable().await,
                Context::Reader => k.rcu_read_unlock().await,
                Context::Hardirq => {}
            }
        };
        match context {
            Context::Hardirq => sim.irq(0, "device", 1, program),
            _ => _ = sim.task(0, "task", program),
        }
    })
}
