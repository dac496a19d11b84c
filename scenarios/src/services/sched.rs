//! Tasks, work items, timers, sleeping, migration.

use super::{expect, twins, works};
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, Timer, Var, Work, container_of};
use ksim::run::Scenario;

const KTHREAD: &str = "kernel/kthread.c, v6.3";
const WORKQUEUE: &str = "kernel/workqueue.c, v6.3";
const TIMER: &str = "kernel/time/timer.c, v6.3";
const SCHED: &str = "kernel/sched/core.c, v6.3";

ksim::kernel_struct! {
    /// A device with work and a timer.
    struct Device("device", Slab) { work: Work, timer: Timer, count: Atomic, value: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        kthreads(),
        flush(),
        cancel(),
        work_pending_once(),
        requeue(),
        timer_fires(),
        timer_delete(),
        timer_modified(),
        sleep_order(),
        preemption(),
        migration(),
    ]
    .concat()
}

ksim::kernel_fn! {
    static COUNT = count_once;
    static DEVICE_WORK = device_work;
    static DEVICE_TIMER = device_timer;
    static DEVICE_REARM = device_rearm;
}

async fn count_once(k: &Kernel, count: Atomic) {
    k.atomic_inc(count).await;
}

async fn device_work(k: &Kernel, work: Work) {
    let k = &k.func("device_work");
    let device: Device = container_of(work, Device::work);
    let value = k.read_once(device.value()).await;
    k.write_once(device.value(), value + 1).await;
}

async fn device_timer(k: &Kernel, timer: Timer) {
    let k = &k.func("device_timer");
    let device: Device = container_of(timer, Device::timer);
    let value = k.read_once(device.value()).await;
    k.write_once(device.value(), value + 1).await;
}

async fn device_rearm(k: &Kernel, timer: Timer) {
    let k = &k.func("device_rearm");
    let device: Device = container_of(timer, Device::timer);
    if k.atomic_fetch_add(device.count(), 1).await < 2 {
        k.mod_timer(timer, &DEVICE_REARM, 1000).await;
    }
}

/// 1. The parent starts two children and waits for both; then both have counted.
fn kthreads() -> Vec<Scenario> {
    let about = "kthread_stop() returns when the thread has ended";
    twins("kthread", about, KTHREAD, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let count = sim.atomic("count", 0);
        sim.task(0, "parent", move |k| async move {
            let first = k.kthread_run(0, &COUNT, count).await;
            let second = k.kthread_run(1, &COUNT, count).await;
            k.kthread_join(first).await;
            if !bug {
                k.kthread_join(second).await;
            }
            let seen = k.atomic_read(count).await;
            k.assert(seen == 2, "both have ended").await;
        });
    })
}

/// 1. The task queues work and frees the device after flushing it, or without.
fn flush() -> Vec<Scenario> {
    let about = "a device freed with work pending or running";
    twins("work-flush", about, WORKQUEUE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        sim.task(0, "remove", move |k| async move {
            let k = &k.func("remove");
            k.queue_work(device.work(), &DEVICE_WORK).await;
            if !bug {
                k.flush_work(device.work()).await;
                let value = k.read_once(device.value()).await;
                k.assert(value == 1, "the work has run").await;
            }
            k.kfree(device).await;
        });
    })
}

/// 1. CPU0 queues work; CPU1 cancels it: it has run to its end, or never will.
fn cancel() -> Vec<Scenario> {
    let about = "cancel_work_sync() leaves the work neither pending nor running";
    works("work-cancel", about, WORKQUEUE, |sim| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        let queued = sim.word("queued", 0u64);
        sim.task(0, "queue", move |k| async move {
            k.queue_work(device.work(), &DEVICE_WORK).await;
            k.write_once(queued, 1).await;
        });
        sim.task(1, "remove", move |k| async move {
            k.wait_event(queued, 1).await;
            let was_pending = k.cancel_work_sync(device.work()).await;
            let value = k.read_once(device.value()).await;
            k.assert(value == u64::from(!was_pending), "run, or cancelled").await;
            k.kfree(device).await;
        });
    })
}

/// 1. Work is queued twice before it runs: the second `queue_work()` says no.
fn work_pending_once() -> Vec<Scenario> {
    works("work-pending-once", "work that is pending is not queued again", WORKQUEUE, |sim| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        sim.task(0, "queue", move |k| async move {
            let mut queued = 0;
            for _ in 0..2 {
                queued += u64::from(k.queue_work(device.work(), &DEVICE_WORK).await);
            }
            k.flush_work(device.work()).await;
            let value = k.read_once(device.value()).await;
            k.assert(value == queued, "runs as often as it was queued").await;
        });
    })
}

/// 1. Work runs; while it does it is queued again, and runs again afterwards, not beside itself.
fn requeue() -> Vec<Scenario> {
    works(
        "work-requeue",
        "work queued while it runs does not run beside itself",
        WORKQUEUE,
        |sim| {
            sim.cpus(2);
            let device: Device = sim.object("device");
            let queued = sim.atomic("queued", 0);
            for cpu in 0..2 {
                sim.task(cpu, "queue", move |k| async move {
                    if k.queue_work(device.work(), &DEVICE_WORK).await {
                        k.atomic_inc(queued).await;
                    }
                });
            }
            sim.at_end(move |end| expect("value", end.get(device.value()), end.get(queued)));
        },
    )
}

/// 1. The timer is armed; time passes; its handler runs in softirq and arms it again, three times.
fn timer_fires() -> Vec<Scenario> {
    works("timer", "a timer fires in softirq, and may arm itself again", TIMER, |sim| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        sim.task(0, "arm", move |k| async move {
            k.mod_timer(device.timer(), &DEVICE_REARM, 1000).await;
            k.wait_event(device.count(), 3).await;
        });
        sim.task(1, "other", |k| async move { k.relax().await });
        sim.at_end(move |end| expect("count", end.get(device.count()), 3));
    })
}

/// 1. The handler runs on CPU0; CPU1 deletes the timer without waiting, and frees the device.
fn timer_delete() -> Vec<Scenario> {
    let about = "timer_delete() does not wait for a running handler";
    twins("timer-delete", about, TIMER, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        let armed = sim.word("armed", 0u64);
        sim.task(0, "arm", move |k| async move {
            k.mod_timer(device.timer(), &DEVICE_TIMER, 1000).await;
            k.write_once(armed, 1).await;
        });
        sim.task(1, "remove", move |k| async move {
            let k = &k.func("remove");
            k.wait_event(armed, 1).await;
            if bug {
                k.timer_delete(device.timer()).await;
            } else {
                k.timer_delete_sync(device.timer()).await;
            }
            k.kfree(device).await;
        });
    })
}

/// 1. A timer armed twice before it fires runs once.
fn timer_modified() -> Vec<Scenario> {
    works("timer-modified", "mod_timer() of a pending timer moves it", TIMER, |sim| {
        sim.cpus(1);
        let device: Device = sim.object("device");
        sim.task(0, "arm", move |k| async move {
            let mut armed = 0;
            for _ in 0..2 {
                let delay = 1_000_000;
                let pending = k.mod_timer(device.timer(), &DEVICE_TIMER, delay).await;
                armed += u64::from(!pending);
            }
            k.sleep(10_000_000).await;
            let pending = k.timer_delete_sync(device.timer()).await;
            let value = k.read_once(device.value()).await;
            k.assert(value + u64::from(pending) == armed, "once for each time armed").await;
        });
    })
}

/// 1. Two tasks sleep, one longer: it wakes later. Waking is not running, so only time is ordered.
fn sleep_order() -> Vec<Scenario> {
    let about = "who sleeps less wakes first, but need not run first";
    twins("sleep", about, TIMER, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let woken = sim.word("woken", 0u64);
        sim.task(0, "short", move |k| async move {
            k.sleep(1_000).await;
            k.write_once(woken, 1).await;
        });
        sim.task(1, "long", move |k| async move {
            k.sleep(10_000_000).await;
            if !bug {
                k.wait_event(woken, 1).await;
            }
            let seen = k.read_once(woken).await;
            k.assert(seen == 1, "the short sleeper has run").await;
        });
    })
}

/// 1. A task spins on a word that another task of its CPU will write: it is preempted.
///
/// With the mistake it spins with preemption off.
fn preemption() -> Vec<Scenario> {
    let about = "spinning for a task of the same CPU ends only if one can be preempted";
    twins("preemption", about, SCHED, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(1);
        let flag = sim.word("flag", 0u64);
        sim.task(0, "spin", move |k| async move {
            if bug {
                k.preempt_disable().await;
            }
            k.spin_until(flag, 1).await;
            if bug {
                k.preempt_enable().await;
            }
        });
        sim.task(0, "set", move |k| async move { k.write_once(flag, 1).await });
    })
}

/// As [`preemption`] with preemption off; the other task may move to the second CPU.
///
/// With the mistake it may not.
fn migration() -> Vec<Scenario> {
    let about = "a task that waits for its CPU is moved to another";
    twins("migration", about, SCHED, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let flag = sim.word("flag", 0u64);
        sim.task(0, "spin", move |k| async move {
            k.preempt_disable().await;
            k.spin_until(flag, 1).await;
            k.preempt_enable().await;
        });
        let set = sim.task(0, "set", move |k| async move { k.write_once(flag, 1).await });
        if !bug {
            sim.migratable(set);
        }
    })
}
