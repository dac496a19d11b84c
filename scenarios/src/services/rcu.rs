//! RCU: what readers hold off, when callbacks run, and what one may not do.

use super::{expect, twins, works};
use ksim::base::finding::Kind;
use ksim::kernel::settings::RcuFlavour;
use ksim::program::{Kernel, RcuHead, SpinLock, Var, container_of};
use ksim::run::{Scenario, Sim};

const SOURCE: &str = "kernel/rcu/tree.c, Documentation/RCU/Design/Requirements, v6.3";
const TYPESAFE: &str = "SLAB_TYPESAFE_BY_RCU, include/linux/slab.h, v6.3";

ksim::kernel_struct! {
    /// What readers look at.
    struct Entry("entry", Slab) { value: Var<u64>, owner: Var<u64>, rcu: RcuHead }
}
ksim::kernel_struct! {
    /// An object of a type-safe cache: its lock stays a lock.
    struct Safe("safe", SlabTypesafeByRcu) { lock: SpinLock, key: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        readers("preemptible", |_| {}),
        readers("classic", |sim| sim.settings().rcu = RcuFlavour::Classic),
        readers("offloaded", |sim| sim.settings().rcu_offload = true),
        read_lock(),
        preempt_off_is_a_reader(),
        irq_is_a_reader(),
        preempted_reader(),
        callback_order(),
        callback_in_softirq(),
        barrier("rcu-barrier", false),
        barrier("rcu-barrier-offloaded", true),
        barrier_waits_for_all(),
        double_call(),
        unlock_imbalance(),
        exit_in_reader(),
        typesafe_recheck(),
        typesafe_ends(),
        many_callbacks(),
    ]
    .concat()
}

ksim::kernel_fn! {
    static ENTRY_FREE = entry_free;
    static ENTRY_COUNT = entry_count;
    static ENTRY_ORDER = entry_order;
}

async fn entry_free(k: &Kernel, head: RcuHead) {
    let k = &k.func("entry_free");
    let entry: Entry = container_of(head, Entry::rcu);
    k.kfree(entry).await;
}

/// The word whose address is in `owner`.
async fn counter(k: &Kernel, entry: Entry) -> Var {
    let at = k.read(entry.owner()).await;
    <Var as ksim::program::Field>::at(ksim::base::ptr::Ptr(at))
}

async fn entry_count(k: &Kernel, head: RcuHead) {
    let k = &k.func("entry_count");
    let entry: Entry = container_of(head, Entry::rcu);
    let count = counter(k, entry).await;
    let value = k.read_once(count).await;
    k.write_once(count, value + 1).await;
}

async fn entry_order(k: &Kernel, head: RcuHead) {
    let k = &k.func("entry_order");
    let entry: Entry = container_of(head, Entry::rcu);
    let last = counter(k, entry).await;
    let (mine, seen) = (k.read(entry.value()).await, k.read_once(last).await);
    k.assert(mine == seen + 1, "callbacks of a CPU run in order").await;
    k.write_once(last, mine).await;
}

/// 1. CPU0 reads the pointer under `rcu_read_lock()`.
/// 2. CPU1 unpublishes the object and gives it to `call_rcu()`; a third task does so with another
///    one and `synchronize_rcu()`.
/// 3. CPU0 reads the object: the grace period waits for it.
///
/// With the mistake CPU1 frees at once.
fn readers(flavour: &str, set: fn(&mut Sim)) -> Vec<Scenario> {
    let name = format!("rcu-free-{flavour}");
    let about = "an object freed after a grace period, or at once, while a reader looks at it";
    twins(&name, about, SOURCE, &[Kind::UseAfterFree], move |sim, bug| {
        sim.cpus(2);
        set(sim);
        let objects: [Entry; 2] = [sim.object("first"), sim.object("second")];
        let slots = objects.map(|entry| sim.word("slot", Some(entry)));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("reader");
            for slot in slots {
                k.rcu_read_lock().await;
                if let Some(entry) = k.rcu_dereference(slot).await {
                    k.read(entry.value()).await;
                }
                k.rcu_read_unlock().await;
            }
        });
        sim.task(1, "call", move |k| async move {
            k.rcu_assign_pointer(slots[0], None).await;
            if bug {
                k.kfree(objects[0]).await;
            } else {
                k.call_rcu(objects[0].rcu(), &ENTRY_FREE).await;
            }
        });
        sim.task(1, "sync", move |k| async move {
            k.rcu_assign_pointer(slots[1], None).await;
            k.synchronize_rcu().await;
            k.kfree(objects[1]).await;
        });
        sim.at_end(move |end| expect("live", end.live::<Entry>() as u64, 0));
    })
}

/// 1. The reader forgets `rcu_read_lock()`; the grace period ends between its two reads.
fn read_lock() -> Vec<Scenario> {
    let about = "a reader without rcu_read_lock()";
    twins("rcu-read-lock", about, SOURCE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("reader");
            if !bug {
                k.rcu_read_lock().await;
            }
            if let Some(entry) = k.read_once(slot).await {
                k.read(entry.value()).await;
            }
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
        sim.task(1, "writer", move |k| async move {
            k.rcu_assign_pointer(slot, None).await;
            k.synchronize_rcu().await;
            k.kfree(entry).await;
        });
    })
}

/// As [`read_lock`]; the reader only turns preemption off, which holds off grace periods since
/// v5.0.
fn preempt_off_is_a_reader() -> Vec<Scenario> {
    let about = "a region with preemption off is a reader; one where it was on for a moment is two";
    twins("rcu-preempt-off", about, SOURCE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("reader");
            k.preempt_disable().await;
            if let Some(entry) = k.read_once(slot).await {
                if bug {
                    k.preempt_enable().await;
                    k.preempt_disable().await;
                }
                k.read(entry.value()).await;
            }
            k.preempt_enable().await;
        });
        sim.task(1, "writer", move |k| async move {
            k.rcu_assign_pointer(slot, None).await;
            k.synchronize_rcu().await;
            k.kfree(entry).await;
        });
    })
}

/// As [`read_lock`]; the reader is an interrupt, on a CPU that is idle otherwise.
///
/// With the mistake the writer does not wait.
fn irq_is_a_reader() -> Vec<Scenario> {
    let about = "an interrupt handler is a reader";
    twins("rcu-irq", about, SOURCE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.irq(0, "device", 1, move |k| async move {
            let k = &k.func("handler");
            if let Some(entry) = k.read_once(slot).await {
                k.read(entry.value()).await;
            }
        });
        sim.task(1, "writer", move |k| async move {
            k.rcu_assign_pointer(slot, None).await;
            if !bug {
                k.synchronize_rcu().await;
            }
            k.kfree(entry).await;
        });
    })
}

/// 1. A reader is preempted; a task of its CPU waits for a grace period, which waits for the reader.
///
/// With the mistake the reader leaves between its two reads.
fn preempted_reader() -> Vec<Scenario> {
    let about = "a preempted reader holds off the grace period for which its CPU waits";
    twins("rcu-preempted", about, SOURCE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("reader");
            k.rcu_read_lock().await;
            k.rcu_read_lock().await;
            let entry = k.rcu_dereference(slot).await;
            k.rcu_read_unlock().await;
            if bug {
                k.rcu_read_unlock().await;
            }
            if let Some(entry) = entry {
                k.read(entry.value()).await;
            }
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
        sim.task(0, "writer", move |k| async move {
            k.rcu_assign_pointer(slot, None).await;
            k.synchronize_rcu().await;
            k.kfree(entry).await;
        });
    })
}

/// 1. One CPU queues three callbacks; they run in that order, whichever grace period each gets.
///
/// With the mistake they are queued on two CPUs, between which there is no order.
fn callback_order() -> Vec<Scenario> {
    let about = "callbacks of one CPU run in order; those of two do not";
    twins("rcu-callback-order", about, SOURCE, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let last = sim.word("last", 0u64);
        let objects: [Entry; 3] = [sim.object("one"), sim.object("two"), sim.object("three")];
        for (n, entry) in objects.into_iter().enumerate() {
            sim.set(entry.value(), n as u64 + 1);
            sim.set(entry.owner(), last.0.0);
        }
        let queued = sim.word("queued", 0u64);
        sim.task(0, "queue", move |k| async move {
            k.call_rcu(objects[0].rcu(), &ENTRY_ORDER).await;
            k.call_rcu(objects[1].rcu(), &ENTRY_ORDER).await;
            if !bug {
                k.call_rcu(objects[2].rcu(), &ENTRY_ORDER).await;
            }
            k.write_once(queued, 1).await;
        });
        sim.task(1, "other", move |k| async move {
            if bug {
                k.wait_event(queued, 1).await;
                k.call_rcu(objects[2].rcu(), &ENTRY_ORDER).await;
            }
        });
        sim.at_end(move |end| expect("last", end.get(last), 3));
    })
}

/// 1. The task queues a callback and changes the word; the callback runs on top of it in softirq.
///
/// With the mistake the task does so with softirqs on.
fn callback_in_softirq() -> Vec<Scenario> {
    let about = "a callback interrupts the task of its CPU unless softirqs are off";
    twins("rcu-callback-softirq", about, SOURCE, &[Kind::Assertion], |sim, bug| {
        sim.cpus(1);
        let count = sim.word("count", 0u64);
        let entry: Entry = sim.object("entry");
        sim.set(entry.owner(), count.0.0);
        sim.task(0, "task", move |k| async move {
            k.call_rcu(entry.rcu(), &ENTRY_COUNT).await;
            if !bug {
                k.local_bh_disable().await;
            }
            let value = k.read_once(count).await;
            k.write_once(count, value + 1).await;
            if !bug {
                k.local_bh_enable().await;
            }
        });
        sim.at_end(move |end| expect("count", end.get(count), 2));
    })
}

/// 1. CPU0 queues a callback that uses the module's object; CPU1 unloads: it waits for the
///    callback, or only for a grace period.
fn barrier(name: &str, offload: bool) -> Vec<Scenario> {
    let about = "unloading waits for callbacks with rcu_barrier(), not with synchronize_rcu()";
    twins(name, about, SOURCE, &[Kind::UseAfterFree], move |sim, bug| {
        sim.cpus(2);
        sim.settings().rcu_offload = offload;
        let (entry, module): (Entry, Entry) = (sim.object("entry"), sim.object("module"));
        sim.set(entry.owner(), module.value().0.0);
        let stopped = sim.word("stopped", 0u64);
        sim.task(0, "use", move |k| async move {
            k.call_rcu(entry.rcu(), &ENTRY_COUNT).await;
            k.write_once(stopped, 1).await;
        });
        sim.task(1, "unload", move |k| async move {
            let k = &k.func("module_exit");
            k.wait_event(stopped, 1).await;
            if bug {
                k.synchronize_rcu().await;
            } else {
                k.rcu_barrier().await;
            }
            k.kfree(module).await;
        });
    })
}

/// 1. Callbacks are queued on three CPUs; the barrier waits for all of them.
fn barrier_waits_for_all() -> Vec<Scenario> {
    works("rcu-barrier-all", "rcu_barrier() waits for the callbacks of all CPUs", SOURCE, |sim| {
        sim.cpus(3);
        let (ran, queued) = (sim.word("ran", 0u64), sim.atomic("queued", 0));
        for cpu in 0..3 {
            let entry: Entry = sim.object("entry");
            sim.set(entry.owner(), entry.value().0.0);
            sim.task(cpu, "queue", move |k| async move {
                k.call_rcu(entry.rcu(), &ENTRY_COUNT).await;
                k.atomic_inc(queued).await;
                if cpu == 0 {
                    k.wait_event(queued, 3).await;
                    k.rcu_barrier().await;
                    k.write_once(ran, 1).await;
                }
            });
            sim.at_end(move |end| expect("value", end.get(entry.value()), 1));
        }
        sim.at_end(move |end| expect("ran", end.get(ran), 1));
    })
}

/// 1. Both CPUs queue the same head.
fn double_call() -> Vec<Scenario> {
    let about = "call_rcu() of a head that is queued already";
    twins("double-call-rcu", about, SOURCE, &[Kind::DoubleCallRcu], |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let count = sim.word("count", 0u64);
        sim.set(entry.owner(), count.0.0);
        let dead = sim.atomic("dead", 0);
        for cpu in 0..2 {
            sim.task(cpu, "kill", move |k| async move {
                let k = &k.func("kill");
                let first = k.xchg(dead, 1).await == 0;
                if first || bug {
                    k.call_rcu(entry.rcu(), &ENTRY_COUNT).await;
                }
            });
        }
    })
}

/// 1. The task leaves a reader that it is not in.
fn unlock_imbalance() -> Vec<Scenario> {
    let about = "rcu_read_unlock() without rcu_read_lock()";
    twins("rcu-unlock-imbalance", about, SOURCE, &[Kind::SuspiciousRcu], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            k.rcu_read_lock().await;
            k.rcu_read_unlock().await;
            if bug {
                k.rcu_read_unlock().await;
            }
        });
    })
}

/// 1. The task ends inside a reader.
fn exit_in_reader() -> Vec<Scenario> {
    let about = "a task that ends inside rcu_read_lock()";
    twins("rcu-exit-in-reader", about, SOURCE, &[Kind::SuspiciousRcu], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            k.rcu_read_lock().await;
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
    })
}

/// 1. A reader finds the object with key 1 under RCU.
/// 2. Its owner frees it; another task gets the same memory, and makes it key 2.
/// 3. The reader locks it: the lock is still a lock, but the key has to be looked at again.
fn typesafe_recheck() -> Vec<Scenario> {
    let about = "an object of a type-safe cache comes back as another one under a reader";
    twins("typesafe-recheck", about, TYPESAFE, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        sim.reuse_memory(true);
        let safe: Safe = sim.object("safe");
        sim.set(safe.key(), 1);
        let slot = sim.word("slot", Some(safe));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("lookup");
            k.rcu_read_lock().await;
            if let Some(safe) = k.rcu_dereference(slot).await {
                k.spin_lock(safe.lock()).await;
                let key = k.read(safe.key()).await;
                k.assert(!bug || key == 1, "the object is still the one looked for").await;
                k.spin_unlock(safe.lock()).await;
            }
            k.rcu_read_unlock().await;
        });
        sim.task(1, "recycle", move |k| async move {
            let k = &k.func("recycle");
            k.spin_lock(safe.lock()).await;
            k.rcu_assign_pointer(slot, None).await;
            k.write(safe.key(), 0).await;
            k.spin_unlock(safe.lock()).await;
            k.kmem_cache_free(safe).await;
            let new: Safe = k.kmem_cache_alloc().await;
            k.spin_lock(new.lock()).await;
            k.write(new.key(), 2).await;
            k.spin_unlock(new.lock()).await;
        });
    })
}

/// 1. Without a reader even type-safe memory goes away after a grace period.
fn typesafe_ends() -> Vec<Scenario> {
    let about = "type-safe memory is safe only for readers";
    twins("typesafe-ends", about, TYPESAFE, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let safe: Safe = sim.object("safe");
        let slot = sim.word("slot", Some(safe));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("lookup");
            if !bug {
                k.rcu_read_lock().await;
            }
            if let Some(safe) = k.read_once(slot).await {
                k.read(safe.key()).await;
            }
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
        sim.task(1, "free", move |k| async move {
            k.rcu_assign_pointer(slot, None).await;
            k.kmem_cache_free(safe).await;
            k.synchronize_rcu().await;
        });
    })
}

/// 1. Twelve callbacks are ready at once: ten run in one round, the rest in the next.
fn many_callbacks() -> Vec<Scenario> {
    works("rcu-many-callbacks", "more callbacks than one round takes", SOURCE, |sim| {
        sim.cpus(1);
        let count = sim.word("count", 0u64);
        let objects: Vec<Entry> = (0..12).map(|_| sim.object("entry")).collect();
        for entry in &objects {
            sim.set(entry.owner(), count.0.0);
        }
        sim.task(0, "queue", move |k| async move {
            for entry in objects {
                k.call_rcu(entry.rcu(), &ENTRY_COUNT).await;
            }
        });
        sim.at_end(move |end| expect("count", end.get(count), 12));
    })
}
