//! Readers where RCU does not look: on an idle CPU, on one that has gone offline.
//!
//! Expected: `suspicious-rcu` in each `bug`, with what comes of it where somebody frees; nothing in
//! each `fix`.
//!
//! Source: kernel/rcu/tree.c, kernel/context_tracking.c, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Kernel, RcuHead, Var, container_of};
use ksim::run::Scenario;

const SOURCE: &str = "Documentation/RCU/Design/Requirements, \"Idle and offline CPUs\", v6.3";

ksim::kernel_struct! {
    /// What readers look at.
    struct Entry("entry", Slab) { value: Var<u64>, rcu: RcuHead }
}

ksim::kernel_fn! { static ENTRY_FREE = entry_free; }

async fn entry_free(k: &Kernel, head: RcuHead) {
    let k = &k.func("entry_free");
    k.kfree(container_of::<Entry, RcuHead>(head, Entry::rcu)).await;
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [idle(), idle_dereference(), offline(), lost_callback()].concat()
}

/// Reads under `rcu_read_lock()`.
async fn read(k: &Kernel, slot: Var<Option<Entry>>) {
    let k = &k.func("lookup");
    k.rcu_read_lock().await;
    if let Some(entry) = k.read_once(slot).await {
        k.read(entry.value()).await;
    }
    k.rcu_read_unlock().await;
}

/// Unpublishes, waits for readers, frees.
async fn replace(k: &Kernel, slot: Var<Option<Entry>>) {
    let k = &k.func("replace");
    if let Some(entry) = k.xchg(slot, None).await {
        k.synchronize_rcu().await;
        k.kfree(entry).await;
    }
}

/// 1. The idle task tells RCU that it idles, and reads: no grace period waits for it.
/// 2. CPU1 waits for one, and frees.
///
/// In the twin it is an interrupt on the idle CPU that reads: there, RCU watches.
fn idle() -> [Scenario; 2] {
    let about = "an RCU reader in the idle loop";
    let kinds = [Kind::SuspiciousRcu, Kind::UseAfterFree];
    twins("rcu-idle-reader", about, SOURCE, &kinds, |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.task(0, "idle", move |k| async move {
            let k = &k.func("do_idle");
            k.preempt_disable().await;
            k.ct_idle_enter().await;
            match bug {
                true => read(k, slot).await,
                false => k.relax().await,
            }
            k.ct_idle_exit().await;
            k.preempt_enable().await;
        });
        if !bug {
            sim.irq(0, "device", 1, move |k| async move { read(&k, slot).await });
        }
        sim.task(1, "writer", move |k| async move { replace(&k, slot).await });
    })
}

/// A reader that was open before the CPU went idle does not help.
fn idle_dereference() -> [Scenario; 2] {
    let about = "rcu_dereference() on an idle CPU, inside rcu_read_lock()";
    twins("rcu-idle-dereference", about, SOURCE, &[Kind::SuspiciousRcu], |sim, bug| {
        let slot = sim.word::<Option<Entry>>("slot", None);
        sim.task(0, "idle", move |k| async move {
            let k = &k.func("do_idle");
            k.preempt_disable().await;
            k.rcu_read_lock().await;
            if bug {
                k.ct_idle_enter().await;
            }
            k.rcu_dereference(slot).await;
            if bug {
                k.ct_idle_exit().await;
            }
            k.rcu_read_unlock().await;
            k.preempt_enable().await;
        });
    })
}

/// 1. The dying CPU reports itself offline, and then reads.
///
/// The twin reads before.
fn offline() -> [Scenario; 2] {
    let about = "an RCU reader on a CPU that has reported itself offline";
    let kinds = [Kind::SuspiciousRcu, Kind::UseAfterFree];
    twins("rcu-offline-reader", about, SOURCE, &kinds, |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        let slot = sim.word("slot", Some(entry));
        sim.task(0, "cpuhp", move |k| async move {
            let k = &k.func("cpuhp_report_idle_dead");
            k.preempt_disable().await;
            if !bug {
                read(k, slot).await;
            }
            k.rcu_report_dead().await;
            if bug {
                read(k, slot).await;
            }
            k.preempt_enable().await;
        });
        sim.task(1, "writer", move |k| async move { replace(&k, slot).await });
    })
}

/// 1. The CPU dies; its callbacks go to another one.
/// 2. It queues one more, which nobody will call.
fn lost_callback() -> [Scenario; 2] {
    let about = "call_rcu() on a CPU whose callbacks have been taken over";
    let kinds = [Kind::SuspiciousRcu, Kind::Stall];
    twins("rcu-lost-callback", about, SOURCE, &kinds, |sim, bug| {
        sim.cpus(2);
        let entry: Entry = sim.object("entry");
        sim.task(1, "cpuhp", move |k| async move {
            let k = &k.func("cpuhp_report_idle_dead");
            k.preempt_disable().await;
            if !bug {
                k.call_rcu(entry.rcu(), &ENTRY_FREE).await;
            }
            k.rcu_report_dead().await;
            if bug {
                k.call_rcu(entry.rcu(), &ENTRY_FREE).await;
            }
            k.preempt_enable().await;
        });
    })
}
