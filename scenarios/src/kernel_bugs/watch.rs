//! What watchdogs, sanitizers and the kernel's own warnings said; once wrongly.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{RwSem, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// `struct ext4_inode_info`.
    struct Inode("ext4_inode_info", Slab) { i_data_sem: RwSem, i_disksize: Var<u64> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [ext4(), memcg(), pgste_warning()].concat()
}

/// 1. W: the end of a buffered write stores `i_disksize` under `i_data_sem`.
/// 2. P: writeback loads it without that lock.
///
/// Fix: both accesses are marked.
fn ext4() -> Vec<Scenario> {
    let about = "i_disksize stored by a buffered write and loaded by writeback, both plainly";
    twins("ext4-disksize", about, "35df4299a648", &[Kind::DataRace], |sim, bug| {
        sim.cpus(2);
        sim.settings().data_race = true;
        let inode: Inode = sim.object("inode");
        sim.task(0, "write", move |k| async move {
            let k = &k.func("ext4_write_end");
            k.down_write(inode.i_data_sem()).await;
            match bug {
                true => k.write(inode.i_disksize(), 4096).await,
                false => k.write_once(inode.i_disksize(), 4096).await,
            }
            k.up_write(inode.i_data_sem()).await;
        });
        sim.task(1, "flush", move |k| async move {
            let k = &k.func("ext4_writepages");
            match bug {
                true => k.read(inode.i_disksize()).await,
                false => k.read_once(inode.i_disksize()).await,
            };
        });
    })
}

/// 1. T: scans the tasks of a memcg that is out of memory, again and again, without a point at which
///    it could be rescheduled.
/// 2. The victim, on the same CPU, never gets to exit.
///
/// A scan that is merely long is one that never ends here. Fix: `cond_resched()` in the scan.
fn memcg() -> Vec<Scenario> {
    let about = "the scan for a memcg's OOM victim keeps its CPU for itself";
    twins("memcg-oom-scan", about, "ade81479c7dd", &[Kind::Stall], |sim, bug| {
        sim.cpus(1);
        sim.preemptible(false);
        let exited = sim.word("victim.exited", false);
        sim.task(0, "oom", move |k| async move {
            let k = &k.func("mem_cgroup_scan_tasks");
            while !k.read_once(exited).await {
                match bug {
                    true => k.relax().await,
                    false => k.cond_resched().await,
                }
            }
        });
        sim.task(0, "victim", move |k| async move {
            k.func("do_exit").write_once(exited, true).await;
        });
    })
}

/// 1. S: enabling SIE sets `has_pgste`, and only then marks the VMAs as without huge pages.
/// 2. K: khugepaged, without `mmap_lock`, has seen such a VMA, and frees its page table by
///    `pte_free_defer()`, which warns of an mm with guest tables.
///
/// Nothing is wrong but the warning. Fix: it is gone.
fn pgste_warning() -> Vec<Scenario> {
    let about = "pte_free_defer() warns of has_pgste while SIE is being enabled: a false positive";
    twins("s390-pgste-warning", about, "5647f61ad917", &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let (has_pgste, nohuge) =
            (sim.word("mm.context.has_pgste", 0u64), sim.word("vma.nohuge", 0u64));
        sim.task(0, "sie", move |k| async move {
            let k = &k.func("s390_enable_sie");
            k.write_once(has_pgste, 1).await;
            k.func("thp_split_mm").write_once(nohuge, 1).await;
        });
        sim.task(1, "khugepaged", move |k| async move {
            let k = &k.func("retract_page_tables");
            if k.read_once(nohuge).await == 0 {
                let k = &k.func("pte_free_defer");
                let has = k.read_once(has_pgste).await;
                if bug {
                    k.assert(has == 0, "WARN_ON_ONCE(mm_has_pgste(mm))").await;
                }
            }
        });
    })
}
