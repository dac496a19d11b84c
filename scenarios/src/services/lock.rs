//! Locks: exclusion, flavours, and the circles that one can close with them.

use super::{expect, twins, works};
use ksim::base::finding::Kind;
use ksim::machine::cpu::NET_RX_SOFTIRQ;
use ksim::program::{Kernel, Mutex, SpinLock, Timer, Var, Work};
use ksim::run::{Scenario, Sim};

const SPINLOCK: &str = "include/linux/spinlock_api_smp.h, kernel/locking/lockdep.c, v6.3";
const SLEEPING: &str = "kernel/locking/mutex.c, kernel/locking/rwsem.c, v6.3";

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        exclusion(),
        irq_lock(),
        softirq_lock(),
        trylock(),
        irqsave_nests(),
        mutex_sleeps(),
        rwsem(),
        ab_ba(),
        mutex_ab_ba(),
        recursion(),
        join_circle(),
        flush_circle(),
        timer_circle(),
        lost_wakeup(),
        sleeping_owner(),
        bad_unlock(),
    ]
    .concat()
}

/// Reads, then writes one more: loses an update unless something excludes others in between.
async fn increment(k: &Kernel, at: Var) {
    let value = k.read_once(at).await;
    k.write_once(at, value + 1).await;
}

/// 1. CPU0, CPU1, CPU2: `spin_lock()`, increment, `spin_unlock()`, twice each.
///
/// Without the lock: CPU0 reads 0; CPU1 reads 0; both write 1.
fn exclusion() -> Vec<Scenario> {
    let about = "three CPUs increment a word under a spinlock; an update is lost without it";
    twins("spinlock", about, SPINLOCK, &[Kind::Assertion], |sim, bug| {
        sim.cpus(3);
        let lock = sim.spin_lock("lock");
        let count = sim.word("count", 0u64);
        for cpu in 0..3 {
            sim.task(cpu, "inc", move |k| async move {
                for _ in 0..2 {
                    if !bug {
                        k.spin_lock(lock).await;
                    }
                    increment(&k, count).await;
                    if !bug {
                        k.spin_unlock(lock).await;
                    }
                }
            });
        }
        sim.at_end(move |end| expect("count", end.get(count), 6));
    })
}

/// 1. The task takes the lock with interrupts on.
/// 2. The interrupt fires on the same CPU and spins on the lock for ever.
fn irq_lock() -> Vec<Scenario> {
    let about = "a lock of an interrupt handler, taken in a task with interrupts on";
    let finds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("irq-lock", about, SPINLOCK, &finds, |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        sim.irq(0, "device", 1, move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            if bug {
                k.spin_lock(lock).await;
                k.spin_unlock(lock).await;
            } else {
                k.spin_lock_irq(lock).await;
                k.spin_unlock_irq(lock).await;
            }
        });
    })
}

/// 1. The task takes the lock with softirqs on.
/// 2. An interrupt fires and raises `NET_RX`; at its exit the softirq runs on top of the task.
/// 3. The softirq spins on the lock of the task that it interrupted.
fn softirq_lock() -> Vec<Scenario> {
    let about = "a lock of a softirq, taken in a task with softirqs on";
    let finds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("softirq-lock", about, SPINLOCK, &finds, |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        sim.irq(0, "nic", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
        sim.task(0, "task", move |k| async move {
            if bug {
                k.spin_lock(lock).await;
                k.spin_unlock(lock).await;
            } else {
                k.spin_lock_bh(lock).await;
                k.spin_unlock_bh(lock).await;
            }
        });
    })
}

/// 1. The task takes the lock with interrupts on; an interrupt only tries it, and gives up.
///
/// With the mistake the handler does not look whether it got the lock.
fn trylock() -> Vec<Scenario> {
    let about = "spin_trylock() never waits; ignoring its answer breaks exclusion";
    twins("trylock", about, SPINLOCK, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let (count, tries) = (sim.word("count", 0u64), sim.atomic("tries", 0));
        for cpu in 0..2 {
            sim.task(cpu, "inc", move |k| async move {
                let taken = k.spin_trylock(lock).await;
                if !taken {
                    k.preempt_disable().await;
                }
                if taken || bug {
                    increment(&k, count).await;
                    k.atomic_inc(tries).await;
                }
                if taken {
                    k.spin_unlock(lock).await;
                } else {
                    k.preempt_enable().await;
                }
            });
        }
        sim.at_end(move |end| expect("count", end.get(count), end.get(tries)));
    })
}

/// 1. The task turns interrupts off, then takes a lock with `_irqsave` and restores.
/// 2. Interrupts are still off: the handler must not run between the two reads.
///
/// With the mistake the inner unlock is `_irq`, which turns interrupts on.
fn irqsave_nests() -> Vec<Scenario> {
    let about = "spin_unlock_irqrestore() restores, spin_unlock_irq() turns interrupts on";
    twins("irqsave-nested", about, SPINLOCK, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        let word = sim.word("word", 0u64);
        sim.irq(0, "device", 1, move |k| async move { k.write_once(word, 1).await });
        sim.task(0, "task", move |k| async move {
            k.local_irq_disable().await;
            let before = k.read_once(word).await;
            if bug {
                k.spin_lock_irq(lock).await;
                k.spin_unlock_irq(lock).await;
            } else {
                let flags = k.spin_lock_irqsave(lock).await;
                k.spin_unlock_irqrestore(lock, flags).await;
            }
            let after = k.read_once(word).await;
            k.assert(before == after, "interrupts are off").await;
            k.local_irq_enable().await;
        });
    })
}

/// 1. A takes the mutex and sleeps 1 ms with it.
/// 2. B, on the same CPU, and C, on another, wait asleep; all get it in the end.
fn mutex_sleeps() -> Vec<Scenario> {
    let about = "a mutex is held across a sleep while tasks of its CPU and another wait";
    works("mutex", about, SLEEPING, |sim| {
        sim.cpus(2);
        let mutex = sim.mutex("mutex");
        let count = sim.word("count", 0u64);
        for (cpu, role) in [(0, "a"), (0, "b"), (1, "c")] {
            sim.task(cpu, role, move |k| async move {
                k.mutex_lock(mutex).await;
                let value = k.read(count).await;
                k.sleep(1_000_000).await;
                k.write(count, value + 1).await;
                k.mutex_unlock(mutex).await;
                if k.mutex_trylock(mutex).await {
                    k.mutex_unlock(mutex).await;
                }
            });
        }
        sim.at_end(move |end| expect("count", end.get(count), 3));
    })
}

/// 1. Two readers may be inside together; the writer is alone.
///
/// With the mistake the writer takes the semaphore for reading, and a reader sees half of its work.
fn rwsem() -> Vec<Scenario> {
    let about = "readers share, a writer is alone";
    twins("rwsem", about, SLEEPING, &[Kind::Assertion], |sim, bug| {
        sim.cpus(3);
        let sem = sim.rw_sem("sem");
        let (a, b) = (sim.word("a", 0u64), sim.word("b", 0u64));
        for cpu in 0..2 {
            sim.task(cpu, "reader", move |k| async move {
                k.down_read(sem).await;
                let seen = (k.read_once(a).await, k.read_once(b).await);
                k.assert(seen.0 == seen.1, "readers see all or nothing").await;
                k.up_read(sem).await;
            });
        }
        sim.task(2, "writer", move |k| async move {
            if bug {
                k.down_read(sem).await;
            } else {
                k.down_write(sem).await;
            }
            k.write_once(a, 1).await;
            k.write_once(b, 1).await;
            if bug {
                k.up_read(sem).await;
            } else {
                k.up_write(sem).await;
            }
        });
    })
}

/// 1. CPU0 takes A; CPU1 takes B.
/// 2. CPU0 waits for B; CPU1 waits for A.
fn ab_ba() -> Vec<Scenario> {
    let about = "two spinlocks taken in opposite orders";
    twins("ab-ba", about, SPINLOCK, &[Kind::Deadlock, Kind::LockInversion], |sim, bug| {
        sim.cpus(2);
        let (a, b) = (sim.spin_lock("a"), sim.spin_lock("b"));
        let both = async |k: &Kernel, first: SpinLock, second: SpinLock| {
            k.spin_lock(first).await;
            k.spin_lock(second).await;
            k.spin_unlock(second).await;
            k.spin_unlock(first).await;
        };
        sim.task(0, "ab", move |k| async move { both(&k, a, b).await });
        sim.task(1, "ba", move |k| async move {
            if bug {
                both(&k, b, a).await;
            } else {
                both(&k, a, b).await;
            }
        });
    })
}

/// As [`ab_ba`], with mutexes and both tasks on one CPU: the first sleeps, so the second runs.
fn mutex_ab_ba() -> Vec<Scenario> {
    let about = "two mutexes taken in opposite orders on one CPU";
    twins("mutex-ab-ba", about, SLEEPING, &[Kind::Deadlock, Kind::LockInversion], |sim, bug| {
        sim.cpus(1);
        let (a, b) = (sim.mutex("a"), sim.mutex("b"));
        let both = async |k: &Kernel, first: Mutex, second: Mutex| {
            k.mutex_lock(first).await;
            k.mutex_lock(second).await;
            k.mutex_unlock(second).await;
            k.mutex_unlock(first).await;
        };
        sim.task(0, "ab", move |k| async move { both(&k, a, b).await });
        sim.task(0, "ba", move |k| async move {
            if bug {
                both(&k, b, a).await;
            } else {
                both(&k, a, b).await;
            }
        });
    })
}

/// 1. The task takes the lock, and takes it again.
fn recursion() -> Vec<Scenario> {
    let about = "a spinlock taken twice by one task";
    twins("recursion", about, SPINLOCK, &[Kind::Deadlock, Kind::LockInversion], |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        sim.task(0, "task", move |k| async move {
            k.spin_lock(lock).await;
            if bug {
                k.spin_lock(lock).await;
                k.spin_unlock(lock).await;
            }
            k.spin_unlock(lock).await;
        });
    })
}

ksim::kernel_fn! {
    static TAKE_MUTEX = take_mutex;
    static WORK_TAKES_MUTEX = work_takes_mutex;
    static TIMER_TAKES_LOCK = timer_takes_lock;
}

async fn take_mutex(k: &Kernel, mutex: Mutex) {
    k.mutex_lock(mutex).await;
    k.mutex_unlock(mutex).await;
}

/// 1. The parent starts a child that takes the mutex, and takes it itself.
/// 2. It waits for the child to end, which waits for the mutex.
fn join_circle() -> Vec<Scenario> {
    let about = "kthread_stop() of a child that waits for a mutex of the parent";
    let source = "kernel/kthread.c, v6.3";
    twins("join-circle", about, source, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let mutex = sim.mutex("mutex");
        sim.task(0, "parent", move |k| async move {
            let child = k.kthread_run(1, &TAKE_MUTEX, mutex).await;
            k.mutex_lock(mutex).await;
            if bug {
                k.kthread_join(child).await;
                k.mutex_unlock(mutex).await;
            } else {
                k.mutex_unlock(mutex).await;
                k.kthread_join(child).await;
            }
        });
    })
}

ksim::kernel_struct! {
    /// A device with everything that can run on its behalf.
    struct Device("device", Slab) {
        mutex: Mutex,
        lock: SpinLock,
        work: Work,
        timer: Timer,
    }
}

async fn work_takes_mutex(k: &Kernel, work: Work) {
    let device: Device = ksim::program::container_of(work, Device::work);
    take_mutex(k, device.mutex()).await;
}

async fn timer_takes_lock(k: &Kernel, timer: Timer) {
    let device: Device = ksim::program::container_of(timer, Device::timer);
    k.spin_lock(device.lock()).await;
    k.spin_unlock(device.lock()).await;
}

/// 1. The task queues work that takes the mutex, and takes it itself.
/// 2. It flushes the work, which waits for the mutex.
fn flush_circle() -> Vec<Scenario> {
    let about = "flush_work() under a mutex that the work takes";
    let source = "kernel/workqueue.c, v6.3";
    twins("flush-circle", about, source, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(1);
        let device: Device = sim.object("device");
        sim.task(0, "task", move |k| async move {
            k.queue_work(device.work(), &WORK_TAKES_MUTEX).await;
            if bug {
                k.mutex_lock(device.mutex()).await;
            }
            k.flush_work(device.work()).await;
            if bug {
                k.mutex_unlock(device.mutex()).await;
            }
        });
    })
}

/// 1. CPU0 arms a timer whose handler takes the lock; it expires there.
/// 2. CPU1 takes the lock (softirqs off) and waits for the handler to end, which spins on the lock.
fn timer_circle() -> Vec<Scenario> {
    let about = "timer_delete_sync() under a lock that the handler takes";
    let source = "kernel/time/timer.c, v6.3";
    twins("timer-circle", about, source, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let device: Device = sim.object("device");
        let armed = sim.word("armed", 0u64);
        sim.task(0, "arm", move |k| async move {
            k.mod_timer(device.timer(), &TIMER_TAKES_LOCK, 1000).await;
            k.write_once(armed, 1).await;
        });
        sim.task(1, "delete", move |k| async move {
            k.spin_until(armed, 1).await;
            k.spin_lock_bh(device.lock()).await;
            if bug {
                k.timer_delete_sync(device.timer()).await;
            }
            k.spin_unlock_bh(device.lock()).await;
            k.timer_delete_sync(device.timer()).await;
        });
    })
}

/// 1. The waker looks whether somebody waits, and sees nobody.
/// 2. The waiter sets its flag and sleeps for ever.
fn lost_wakeup() -> Vec<Scenario> {
    let about = "a waker that looks for waiters before it sets the condition";
    let source = "kernel/sched/wait.c, v6.3";
    twins("lost-wakeup", about, source, &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let (waiting, woken) = (sim.word("waiting", 0u64), sim.word("woken", 0u64));
        sim.task(0, "waiter", move |k| async move {
            k.write_once(waiting, 1).await;
            k.wait_event(woken, 1).await;
        });
        sim.task(1, "waker", move |k| async move {
            if !bug || k.read_once(waiting).await == 1 {
                k.write_once(woken, 1).await;
            }
        });
    })
}

/// 1. The owner of a spinlock sleeps; another task of its CPU spins, and the owner, woken, cannot
///    have the CPU.
fn sleeping_owner() -> Vec<Scenario> {
    let about = "a spinlock held across a sleep, wanted by a task of the same CPU";
    let finds = [Kind::SleepInAtomic, Kind::Deadlock];
    twins("sleeping-owner", about, SPINLOCK, &finds, |sim: &mut Sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        sim.task(0, "owner", move |k| async move {
            k.spin_lock(lock).await;
            if bug {
                k.sleep(1000).await;
            }
            k.spin_unlock(lock).await;
        });
        sim.task(0, "other", move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
        });
    })
}

/// 1. The task unlocks what it has not locked.
fn bad_unlock() -> Vec<Scenario> {
    let about = "spin_unlock() of a lock that is not held";
    twins("bad-unlock", about, SPINLOCK, &[Kind::InconsistentLockState], |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("lock");
        sim.task(0, "task", move |k| async move {
            if bug {
                k.preempt_disable().await;
            } else {
                k.spin_lock(lock).await;
            }
            k.spin_unlock(lock).await;
        });
    })
}
