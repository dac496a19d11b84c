//! Misuse of RCU: what lockdep and the scheduler complain of, and words changed too early.
//!
//! Expected: `suspicious-rcu` or `write-before-grace-period` in each `bug`, nothing in each `fix`.
//!
//! Source: kernel/rcu/{tree_plugin.h,update.c}, include/linux/rcupdate.h, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::kernel::settings::RcuFlavour;
use ksim::machine::cpu::TASKLET_SOFTIRQ;
use ksim::program::{Array, Kernel, RcuHead, Var, container_of};
use ksim::run::Scenario;

const SOURCE: &str = "Documentation/RCU/lockdep-splat.rst, v6.3";

ksim::kernel_struct! {
    /// A table that lockless readers walk.
    struct Table("table", Slab) { value: Var<u64>, link: Var<u64>, entries: Array<4>, rcu: RcuHead }
}

ksim::kernel_fn! { static FREE_TABLE = free_table; }

async fn free_table(k: &Kernel, head: RcuHead) {
    let k = &k.func("free_table");
    let table: Table = container_of(head, Table::rcu);
    k.write(table.link(), 0).await;
    k.kfree(table).await;
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        dereference(),
        synchronize_inside(),
        switch_inside(),
        classic_switch(),
        returned_inside(),
        links_in_table(),
        freed_early(),
    ]
    .concat()
}

/// The pointer is followed after the section has ended.
fn dereference() -> [Scenario; 2] {
    let about = "rcu_dereference() outside of a reader";
    twins("rcu-dereference", about, SOURCE, &[Kind::SuspiciousRcu], |sim, bug| {
        let pointer = sim.word::<Option<Table>>("pointer", None);
        sim.task(0, "reader", move |k| async move {
            k.rcu_read_lock().await;
            if bug {
                k.rcu_read_unlock().await;
            }
            k.rcu_dereference(pointer).await;
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
    })
}

/// It waits for itself.
fn synchronize_inside() -> [Scenario; 2] {
    let about = "synchronize_rcu() inside rcu_read_lock()";
    let kinds = [Kind::SuspiciousRcu, Kind::SleepInAtomic, Kind::Deadlock];
    twins("rcu-synchronize-inside", about, SOURCE, &kinds, |sim, bug| {
        sim.task(0, "task", move |k| async move {
            k.rcu_read_lock().await;
            if bug {
                k.synchronize_rcu().await;
            }
            k.rcu_read_unlock().await;
            if !bug {
                k.synchronize_rcu().await;
            }
        });
    })
}

/// A preemptible reader may be preempted, but must not block: might_sleep() says so, lockdep says
/// so, and RCU itself where it blocks indeed.
fn switch_inside() -> [Scenario; 2] {
    let about = "a mutex taken inside rcu_read_lock()";
    let kinds = [Kind::SuspiciousRcu, Kind::SleepInAtomic, Kind::InconsistentLockState];
    twins("rcu-switch-inside", about, SOURCE, &kinds, |sim, bug| {
        sim.cpus(2);
        let mutex = sim.mutex("mutex");
        sim.task(0, "reader", move |k| async move {
            if bug {
                k.rcu_read_lock().await;
                k.mutex_lock(mutex).await;
            } else {
                k.mutex_lock(mutex).await;
                k.rcu_read_lock().await;
            }
            k.rcu_read_unlock().await;
            k.mutex_unlock(mutex).await;
        });
        sim.task(1, "other", move |k| async move {
            k.mutex_lock(mutex).await;
            k.mutex_unlock(mutex).await;
        });
    })
}

/// Without preemptible RCU a reader is a region with preemption off.
fn classic_switch() -> [Scenario; 2] {
    let about = "cond_resched() inside rcu_read_lock(), without preemptible RCU";
    let kinds = [Kind::SuspiciousRcu, Kind::SleepInAtomic];
    twins("rcu-classic-switch", about, SOURCE, &kinds, |sim, bug| {
        sim.settings().rcu = RcuFlavour::Classic;
        sim.task(0, "task", move |k| async move {
            k.rcu_read_lock().await;
            if bug {
                k.cond_resched().await;
            }
            k.rcu_read_unlock().await;
            k.cond_resched().await;
        });
    })
}

/// One path through a handler forgets the unlock.
fn returned_inside() -> [Scenario; 2] {
    let about = "a softirq handler returns inside rcu_read_lock()";
    twins("rcu-returned-inside", about, SOURCE, &[Kind::SuspiciousRcu], |sim, bug| {
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            k.rcu_read_lock().await;
            if !bug {
                k.rcu_read_unlock().await;
            }
        });
        sim.task(0, "task", move |k| async move {
            k.local_bh_disable().await;
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            k.local_bh_enable().await;
        });
    })
}

/// The link through the table itself, before and after its readers have gone. No reader needs to
/// be there to see it.
fn links_in_table() -> [Scenario; 2] {
    let about = "a table that waits for its grace period is linked through its own entries";
    let source = "<ZH99cLKeALvUCIH8@ziepe.ca> and its answers";
    twins("gp-links-in-table", about, source, &[Kind::WriteBeforeGracePeriod], |sim, bug| {
        let table: Table = sim.object("table");
        sim.task(0, "task", move |k| async move {
            let k = &k.func("pte_free_defer");
            k.rcu_retire(table.entries()).await;
            if bug {
                k.write(table.entries().get(1), 1).await;
            } else {
                k.write(table.value(), 1).await;
            }
            k.call_rcu(table.rcu(), &FREE_TABLE).await;
        });
    })
}

/// As if there were no readers.
fn freed_early() -> [Scenario; 2] {
    let about = "an object freed before the grace period of its readers";
    twins("gp-freed-early", about, SOURCE, &[Kind::WriteBeforeGracePeriod], |sim, bug| {
        sim.task(0, "task", move |k| async move {
            let k = &k.func("replace");
            let table: Table = k.kzalloc().await;
            k.rcu_retire(table.entries()).await;
            if !bug {
                k.synchronize_rcu().await;
            }
            k.kfree(table).await;
        });
    })
}
