//! Locks that interrupts, callbacks and the functions under them take again.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::{BLOCK_SOFTIRQ, NET_RX_SOFTIRQ};
use ksim::program::{Kernel, SpinLock, Work};
use ksim::run::Scenario;

pub(super) fn scenarios() -> Vec<Scenario> {
    [hugetlb(), iwlwifi(), s390_page_table_lock(), kmemleak(), powerpc_context(), pgd_lock()]
        .concat()
}

ksim::kernel_struct! {
    /// The pools of huge pages.
    struct Hugetlb("hugetlb", Slab) { hugetlb_lock: SpinLock, free_hpage_work: Work }
}
ksim::kernel_fn! {
    static FREE_HPAGE_WORKFN = free_hpage_workfn;
    static FLUSH_TLB_FUNC = flush_tlb_func;
}

async fn locked(k: &Kernel, lock: SpinLock) {
    k.spin_lock(lock).await;
    k.relax().await;
    k.spin_unlock(lock).await;
}

async fn free_hpage_workfn(k: &Kernel, work: Work) {
    let k = &k.func("free_hpage_workfn");
    let h: Hugetlb = ksim::program::container_of(work, Hugetlb::free_hpage_work);
    locked(k, h.hugetlb_lock()).await;
}

/// 1. The task (a sysctl write) takes `hugetlb_lock` with softirqs on.
/// 2. A bio completes in `BLOCK` softirq on the same CPU and drops the last reference of a huge page.
/// 3. `free_huge_page()` spins on `hugetlb_lock`.
///
/// Fix: outside of a task the page goes to a work item.
fn hugetlb() -> Vec<Scenario> {
    let about = "hugetlb_lock taken in a task with softirqs on, and in free_huge_page() in softirq";
    let source = "c77c0a8ac4c5; mail 20191217012508.31495-1-longman@redhat.com";
    let finds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("hugetlb-lock-softirq", about, source, &finds, |sim, bug| {
        sim.cpus(1);
        let h: Hugetlb = sim.object("hugetlb");
        sim.irq(0, "disk", 1, |k| async move { k.raise_softirq(BLOCK_SOFTIRQ).await });
        sim.softirq(BLOCK_SOFTIRQ, move |k| async move {
            let k = &k.func("free_huge_page");
            if bug {
                locked(k, h.hugetlb_lock()).await;
            } else {
                k.queue_work(h.free_hpage_work(), &FREE_HPAGE_WORKFN).await;
            }
        });
        sim.task(0, "sysctl", move |k| async move {
            locked(&k.func("hugetlb_sysctl_handler_common"), h.hugetlb_lock()).await;
        });
    })
}

/// 1. The task takes the station's rate-scaling lock; 2. the receive softirq takes it on top.
///
/// Fix: `spin_lock_bh()` in the task.
fn iwlwifi() -> Vec<Scenario> {
    let about = "the per-station rate-scaling lock of iwlmvm in a task and in the receive softirq";
    let finds = [Kind::InconsistentLockState, Kind::Deadlock];
    twins("iwlwifi-rs-lock", about, "f1a0898b5d6a", &finds, |sim, bug| {
        sim.cpus(1);
        let pers_lock = sim.spin_lock("lq_sta.pers.lock");
        sim.irq(0, "wifi", 1, |k| async move { k.raise_softirq(NET_RX_SOFTIRQ).await });
        sim.softirq(NET_RX_SOFTIRQ, move |k| async move {
            locked(&k.func("rs_drv_get_rate"), pers_lock).await;
        });
        sim.task(0, "station", move |k| async move {
            let k = &k.func("iwl_mvm_rs_rate_init");
            if bug {
                locked(k, pers_lock).await;
            } else {
                k.spin_lock_bh(pers_lock).await;
                k.relax().await;
                k.spin_unlock_bh(pers_lock).await;
            }
        });
    })
}

/// 1. The allocation holds `page_table_lock`, has lost a race, and frees its own table.
/// 2. `crst_table_free()` takes `page_table_lock` again.
fn s390_page_table_lock() -> Vec<Scenario> {
    let about = "an upper page table freed under page_table_lock, which its free takes";
    let finds = [Kind::Deadlock, Kind::LockInversion];
    twins("s390-page-table-lock", about, "50aa98bad056", &finds, |sim, bug| {
        sim.cpus(1);
        let lock = sim.spin_lock("mm.page_table_lock");
        sim.task(0, "fault", move |k| async move {
            let k = &k.func("__pmd_alloc");
            k.spin_lock(lock).await;
            if bug {
                locked(&k.func("crst_table_free"), lock).await;
            }
            k.spin_unlock(lock).await;
            if !bug {
                locked(&k.func("crst_table_free"), lock).await;
            }
        });
    })
}

/// 1. `mem_pool_alloc()` prints a warning under `kmemleak_lock`; 2. netconsole sends it, and allocates;
/// 3. the hook of the allocation takes `kmemleak_lock`.
///
/// Fix: print outside the lock.
fn kmemleak() -> Vec<Scenario> {
    let about = "a warning printed under kmemleak_lock allocates in netconsole";
    let finds = [Kind::Deadlock, Kind::LockInversion];
    twins("kmemleak-printk", about, "47b0f6d8f0d2", &finds, |sim, bug| {
        sim.cpus(1);
        let kmemleak_lock = sim.spin_lock("kmemleak_lock");
        sim.task(0, "alloc", move |k| async move {
            let k = &k.func("mem_pool_alloc");
            k.spin_lock(kmemleak_lock).await;
            if bug {
                locked(&k.func("create_object"), kmemleak_lock).await;
            }
            k.spin_unlock(kmemleak_lock).await;
            if !bug {
                locked(&k.func("create_object"), kmemleak_lock).await;
            }
        });
    })
}

/// 1. CPU0 destroys a context: takes `context_lock` with interrupts on.
/// 2. CPU1 switches contexts: holds its `rq->lock`, waits for `context_lock`.
/// 3. An interrupt on CPU0 wakes a task and spins on `rq->lock`.
///
/// Fix: interrupts off around `context_lock`.
fn powerpc_context() -> Vec<Scenario> {
    let about = "context_lock is taken under rq->lock, and with interrupts on";
    let finds = [Kind::Deadlock, Kind::LockInversion];
    twins("powerpc-context-lock", about, "b46b6942b39e", &finds, |sim, bug| {
        sim.cpus(2);
        let (context_lock, rq_lock) = (sim.spin_lock("context_lock"), sim.spin_lock("rq.lock"));
        sim.irq(0, "wakeup", 1, move |k| async move {
            locked(&k.func("try_to_wake_up"), rq_lock).await;
        });
        sim.task(0, "exit", move |k| async move {
            let k = &k.func("destroy_context");
            let flags = if bug { 0 } else { k.local_irq_save().await };
            locked(k, context_lock).await;
            if !bug {
                k.local_irq_restore(flags).await;
            }
        });
        sim.task(1, "switch", move |k| async move {
            let k = &k.func("switch_mmu_context");
            k.spin_lock_irq(rq_lock).await;
            locked(k, context_lock).await;
            k.spin_unlock_irq(rq_lock).await;
        });
    })
}

async fn flush_tlb_func(k: &Kernel, (): ()) {
    k.relax().await;
}

/// 1. CPU0 holds `pgd_lock` and waits for the others to flush their TLBs.
/// 2. CPU1 spins on `pgd_lock` with interrupts off, and takes no cross-call.
///
/// Fix: `pgd_lock` is taken with interrupts on. (Only the title was read; steps ours.)
fn pgd_lock() -> Vec<Scenario> {
    let about = "a TLB flush under pgd_lock waits for a CPU that spins on it, interrupts off";
    twins("x86-pgd-lock", about, "a79e53d85683", &[Kind::Deadlock], |sim, bug| {
        sim.cpus(2);
        let pgd_lock = sim.spin_lock("pgd_lock");
        sim.task(0, "flush", move |k| async move {
            let k = &k.func("change_page_attr");
            k.spin_lock(pgd_lock).await;
            k.smp_call_function(&FLUSH_TLB_FUNC, (), true).await;
            k.spin_unlock(pgd_lock).await;
        });
        sim.task(1, "sync", move |k| async move {
            let k = &k.func("vmalloc_sync_all");
            if bug {
                let flags = k.spin_lock_irqsave(pgd_lock).await;
                k.spin_unlock_irqrestore(pgd_lock, flags).await;
            } else {
                locked(k, pgd_lock).await;
            }
        });
    })
}
