//! Readers that RCU does not count: on a CPU that is offline, or with a lock instead.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, RcuHead, Var, container_of};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// `struct mm_struct`, with the css that its last put releases.
    struct Mm("mm_struct", Slab) { mm_count: Atomic }
}
ksim::kernel_struct! {
    /// A node of the VMA tree.
    struct MapleNode("maple_node", Slab) { end: Var<u64>, rcu: RcuHead }
}
ksim::kernel_fn! { static MT_FREE_RCU = mt_free_rcu; }

pub(super) fn scenarios() -> Vec<Scenario> {
    [offline(), stack_expansion()].concat()
}

async fn mmdrop(k: &Kernel, mm: Mm) {
    let k = &k.func("mmdrop");
    if k.atomic_dec_and_test(mm.mm_count()).await {
        let k = &k.func("__mmdrop").func("css_release");
        k.rcu_read_lock().await;
        k.relax().await;
        k.rcu_read_unlock().await;
        k.kmem_cache_free(mm).await;
    }
}

/// 1. D, the idle task of a dying CPU, reports itself offline to RCU.
/// 2. It drops the mm that it has borrowed; it is the last, and the release of its css reads under
///    RCU.
///
/// Fix: the CPU that takes D down drops the mm (`finish_cpu()`).
fn offline() -> Vec<Scenario> {
    let about = "the idle task of an offline CPU drops the last reference of an mm";
    twins("sched-offline-mmdrop", about, "bf2c59fce407", &[Kind::SuspiciousRcu], |sim, bug| {
        sim.cpus(2);
        let mm: Mm = sim.object("mm");
        sim.set(mm.mm_count(), 1);
        let dead = sim.word("cpu1.dead", false);
        sim.task(1, "swapper", move |k| async move {
            let k = &k.func("do_idle");
            k.preempt_disable().await;
            k.func("cpuhp_report_idle_dead").rcu_report_dead().await;
            if bug {
                mmdrop(&k.func("idle_task_exit"), mm).await;
            }
            k.write_once(dead, true).await;
            k.preempt_enable().await;
        });
        sim.task(0, "hotplug", move |k| async move {
            let k = &k.func("takedown_cpu");
            k.wait_event(dead, true).await;
            if !bug {
                mmdrop(&k.func("finish_cpu"), mm).await;
            }
        });
    })
}

async fn mt_free_rcu(k: &Kernel, head: RcuHead) {
    let k = &k.func("mt_free_rcu");
    k.kfree(container_of::<MapleNode, RcuHead>(head, MapleNode::rcu)).await;
}

/// 1. F2: holds `mmap_lock` for reading, not `rcu_read_lock()`, and finds a node.
/// 2. F1: expands the stack under the same lock, also for reading: makes a new node, and frees the
///    old one by RCU.
/// 3. The grace period does not wait for F2, which reads the node. (steps: inference)
///
/// Fix: the stack is expanded with `mmap_lock` for writing.
fn stack_expansion() -> Vec<Scenario> {
    let about = "a tree node freed by RCU under a reader that holds mmap_lock only";
    let source = "8d7071af8907 (CVE-2023-3269)";
    twins("stack-expand-mmap-lock", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let (old, new): (MapleNode, MapleNode) = (sim.object("old"), sim.object("new"));
        let root = sim.word("mm_mt.root", Some(old));
        let mmap_lock = sim.rw_sem("mm.mmap_lock");
        sim.task(0, "walk", move |k| async move {
            let k = &k.func("mas_walk");
            k.down_read(mmap_lock).await;
            if let Some(node) = k.read_once(root).await {
                k.read_once(node.end()).await;
            }
            k.up_read(mmap_lock).await;
        });
        sim.task(1, "expand", move |k| async move {
            let k = &k.func("expand_stack");
            match bug {
                true => k.down_read(mmap_lock).await,
                false => k.down_write(mmap_lock).await,
            }
            k.rcu_assign_pointer(root, Some(new)).await;
            k.call_rcu(old.rcu(), &MT_FREE_RCU).await;
            match bug {
                true => k.up_read(mmap_lock).await,
                false => k.up_write(mmap_lock).await,
            }
        });
    })
}
