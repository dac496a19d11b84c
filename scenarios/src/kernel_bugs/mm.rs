//! Page tables, VMAs, TLBs and timers that outlive what they stand for.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Kernel, SpinLock, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// A page-table page with one entry.
    struct Table("pte_table", Page) { pte: Var<u64>, lock: SpinLock }
}
ksim::kernel_struct! {
    /// A page of memory.
    struct Page("page", Page) { data: Var<u64> }
}
ksim::kernel_struct! {
    /// `struct vm_area_struct`.
    struct Vma("vm_area_struct", Slab) { vm_lock: SpinLock, anon_vma: Var<u64> }
}
ksim::kernel_struct! {
    /// A node of the VMA tree: one range.
    struct MapleNode("maple_node", Slab) { start: Var<u64>, end: Var<u64> }
}
ksim::kernel_struct! {
    /// `struct k_itimer`.
    struct Itimer("k_itimer", Slab) { firing: Var<bool>, overrun: Var<u64> }
}
ksim::kernel_fn! { static SYNC = tlb_remove_table_smp_sync }

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        collapse_uffd(),
        gup_free(),
        gup_stale_pin(),
        pfnmap(),
        vma_lock(),
        maple(),
        posix_timer(),
        migrate(),
    ]
    .concat()
}

async fn tlb_remove_table_smp_sync(k: &Kernel, (): ()) {
    k.relax().await;
}

/// 1. K: finds no present entry and drops the PTE lock.
/// 2. U: `UFFDIO_COPY` installs an entry in the same table and counts it.
/// 3. K: detaches the table: the entry is lost, the count stays.
///
/// Fix: the lock is kept across.
fn collapse_uffd() -> Vec<Scenario> {
    let about = "a page table detached after its lock was dropped, with a new entry in it";
    twins("collapse-uffd-copy", about, "a98460494b16", &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let table: Table = sim.object("table");
        let (pmd, rss) = (sim.word("pmd", Some(table)), sim.word("rss", 0u64));
        sim.task(0, "khugepaged", move |k| async move {
            let k = &k.func("collapse_pte_mapped_thp");
            k.spin_lock(table.lock()).await;
            let empty = k.read(table.pte()).await == 0;
            if bug {
                k.spin_unlock(table.lock()).await;
            }
            if empty {
                k.write_once(pmd, None).await;
            }
            if !bug {
                k.spin_unlock(table.lock()).await;
            }
        });
        sim.task(1, "uffd", move |k| async move {
            let k = &k.func("mfill_atomic_install_pte");
            k.spin_lock(table.lock()).await;
            if k.read_once(pmd).await.is_some() {
                k.write(table.pte(), 1).await;
                let count = k.read(rss).await;
                k.write(rss, count + 1).await;
            }
            k.spin_unlock(table.lock()).await;
        });
        sim.at_end(move |end| {
            let mapped = if end.get(pmd).is_some() { end.get(table.pte()) } else { 0 };
            if end.get(rss) == mapped { Ok(()) } else { Err("Bad rss-counter state".to_owned()) }
        });
    })
}

/// 1. G: `gup_fast`, interrupts off, reads the pmd.
/// 2. K: clears the pmd and frees the table at once.
/// 3. G: walks the freed table.
///
/// Fix: an interrupt to all CPUs before the free (`tlb_remove_table_sync_one()`).
fn gup_free() -> Vec<Scenario> {
    let about = "khugepaged frees a page table that gup_fast walks with interrupts off";
    let source = "2ba99c5e0881";
    twins("khugepaged-gup-free", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let table: Table = sim.object("table");
        let pmd = sim.word("pmd", Some(table));
        sim.task(0, "gup", move |k| async move {
            let k = &k.func("gup_pte_range");
            let flags = k.local_irq_save().await;
            if let Some(table) = k.read_once(pmd).await {
                k.read_once(table.pte()).await;
            }
            k.local_irq_restore(flags).await;
        });
        sim.task(1, "khugepaged", move |k| async move {
            let k = &k.func("collapse_and_free_pmd");
            k.write_once(pmd, None).await;
            if !bug {
                k.smp_call_function(&SYNC, (), true).await;
            }
            k.free_page(table).await;
        });
    })
}

/// 1. G: reads the pmd and the pte.
/// 2. K: clears the pmd, flushes without an interrupt, and checks that nobody else uses the page.
/// 3. G: pins the page; looks at the pte again, which is unchanged, and keeps it.
/// 4. K: copies the page: G has a stale one. (steps: inference)
///
/// Fix: look at the pmd again, too.
fn gup_stale_pin() -> Vec<Scenario> {
    let about = "gup_fast pins a page that is being collapsed, and re-checks only the pte";
    twins("gup-fast-collapse", about, "70cbc3cc78a9", &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let (pmd, count) = (sim.word("pmd", 1u64), sim.atomic("page._refcount", 1));
        let (pinned, copied) = (sim.word("pinned", 0u64), sim.word("copied", 0u64));
        sim.task(0, "gup", move |k| async move {
            let k = &k.func("gup_pte_range");
            let flags = k.local_irq_save().await;
            if k.read_once(pmd).await == 1 {
                k.atomic_inc(count).await;
                if bug || k.read_once(pmd).await == 1 {
                    k.write_once(pinned, 1).await;
                } else {
                    k.atomic_dec(count).await;
                }
            }
            k.local_irq_restore(flags).await;
        });
        sim.task(1, "khugepaged", move |k| async move {
            let k = &k.func("__collapse_huge_page_isolate");
            k.write_once(pmd, 0).await;
            if k.atomic_read(count).await == 1 {
                k.write_once(copied, 1).await;
            }
        });
        sim.at_end(move |end| match (end.get(pinned), end.get(copied)) {
            (1, 1) => Err("a page is pinned that was copied and replaced".to_owned()),
            _ => Ok(()),
        });
    })
}

/// What user space sees of a page: its TLB, which a flush empties between two of its accesses.
#[derive(Copy, Clone)]
struct Tlb {
    entry: Var<Option<Page>>,
    busy: SpinLock,
}

impl Tlb {
    fn new(sim: &mut ksim::run::Sim, page: Page) -> Tlb {
        Tlb { entry: sim.word("tlb", Some(page)), busy: sim.spin_lock("tlb.walk") }
    }

    async fn flush(self, k: &Kernel) {
        let k = &k.func("flush_tlb_range");
        k.spin_lock(self.busy).await;
        k.write_once(self.entry, None).await;
        k.spin_unlock(self.busy).await;
    }

    /// One memory access of user space: translation and store are one for the flush.
    async fn store(self, k: &Kernel) {
        let k = &k.func("user_store");
        k.spin_lock(self.busy).await;
        if let Some(page) = k.read_once(self.entry).await {
            k.write_once(page.data(), 1).await;
        }
        k.spin_unlock(self.busy).await;
    }
}

/// 1. A: zaps the entry of a PFN mapping; the TLB flush is put off; unlinks the VMA from its file.
/// 2. B, the driver: walks the VMAs of the file, does not find it, and frees the page.
/// 3. A thread of A's process still writes through its TLB.
///
/// Fix: flush before the VMA is unlinked.
fn pfnmap() -> Vec<Scenario> {
    let about = "a driver frees a page whose VMA is unlinked before the TLB is flushed";
    let source = "b67fbebd4cf9 (CVE-2022-39188)";
    twins("pfnmap-tlb-flush", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(3);
        let page: Page = sim.object("page");
        let tlb = Tlb::new(sim, page);
        let i_mmap_rwsem = sim.rw_sem("i_mmap_rwsem");
        let linked = sim.word("vma.linked", true);
        sim.task(0, "munmap", move |k| async move {
            let k = &k.func("free_pgtables");
            if !bug {
                tlb.flush(k).await;
            }
            k.down_write(i_mmap_rwsem).await;
            k.write(linked, false).await;
            k.up_write(i_mmap_rwsem).await;
            if bug {
                tlb.flush(k).await;
            }
        });
        sim.task(1, "driver", move |k| async move {
            let k = &k.func("unmap_mapping_range");
            k.down_read(i_mmap_rwsem).await;
            let found = k.read(linked).await;
            if found {
                tlb.flush(k).await;
            }
            k.up_read(i_mmap_rwsem).await;
            k.free_page(page).await;
        });
        sim.task(2, "user", move |k| async move { tlb.store(&k).await });
    })
}

/// 1. M: clears the entry under the PTE lock, drops the lock, and flushes later.
/// 2. Z: takes the PTE lock, sees the entry empty, and frees the page.
/// 3. A third thread still writes through its TLB. (steps: inference)
///
/// Fix: flush before the lock is dropped.
fn migrate() -> Vec<Scenario> {
    let about = "a migrated entry seen to be empty before the TLB is flushed";
    twins("migrate-device-tlb", about, "60bae7370896", &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(3);
        let (table, page): (Table, Page) = (sim.object("table"), sim.object("page"));
        sim.set(table.pte(), 1);
        let tlb = Tlb::new(sim, page);
        sim.task(0, "migrate", move |k| async move {
            let k = &k.func("migrate_vma_collect_pmd");
            k.spin_lock(table.lock()).await;
            k.write(table.pte(), 0).await;
            if !bug {
                tlb.flush(k).await;
            }
            k.spin_unlock(table.lock()).await;
            if bug {
                tlb.flush(k).await;
            }
        });
        sim.task(1, "zap", move |k| async move {
            let k = &k.func("zap_pte_range");
            k.spin_lock(table.lock()).await;
            let empty = k.read(table.pte()).await == 0;
            k.spin_unlock(table.lock()).await;
            if empty {
                k.free_page(page).await;
            }
        });
        sim.task(2, "user", move |k| async move { tlb.store(&k).await });
    })
}

/// 1. F: finds the VMA under RCU and sees an anon_vma.
/// 2. W: write-locks the VMA; its anon_vma becomes NULL.
/// 3. F: locks the VMA and uses its anon_vma. (steps: inference)
///
/// Fix: look after locking.
fn vma_lock() -> Vec<Scenario> {
    let about = "anon_vma looked at before the VMA is locked";
    twins("vma-lock-anon-vma", about, "657b5146955e", &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let vma: Vma = sim.object("vma");
        sim.set(vma.anon_vma(), 1);
        sim.task(0, "fault", move |k| async move {
            let k = &k.func("lock_vma_under_rcu");
            k.rcu_read_lock().await;
            let mut usable = bug && k.read_once(vma.anon_vma()).await != 0;
            k.spin_lock(vma.vm_lock()).await;
            if !bug {
                usable = k.read_once(vma.anon_vma()).await != 0;
            }
            if usable {
                let anon_vma = k.read_once(vma.anon_vma()).await;
                k.assert(anon_vma != 0, "vma->anon_vma").await;
            }
            k.spin_unlock(vma.vm_lock()).await;
            k.rcu_read_unlock().await;
        });
        sim.task(1, "munmap", move |k| async move {
            let k = &k.func("vma_start_write");
            k.spin_lock(vma.vm_lock()).await;
            k.write_once(vma.anon_vma(), 0).await;
            k.spin_unlock(vma.vm_lock()).await;
        });
    })
}

/// 1. F2: a page fault with `mmap_lock` for reading walks a node.
/// 2. F1: another one expands the stack and rewrites the node in place.
/// 3. F2: has read half of the old range and half of the new one.
///
/// Fix: F1 makes a new node, publishes it, and frees the old one by RCU.
fn maple() -> Vec<Scenario> {
    let about = "a tree node rewritten in place under a reader";
    let source = "3dd443254941; syzbot 8d95422d3537159ca390";
    twins("maple-tree-rcu", about, source, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let node: MapleNode = sim.object("node");
        sim.set(node.start(), 100);
        sim.set(node.end(), 200);
        let root = sim.word("mm_mt.root", Some(node));
        let mmap_lock = sim.rw_sem("mm.mmap_lock");
        sim.task(0, "fault", move |k| async move {
            let k = &k.func("mas_walk");
            k.down_read(mmap_lock).await;
            k.rcu_read_lock().await;
            if let Some(node) = k.rcu_dereference(root).await {
                let range = (k.read_once(node.start()).await, k.read_once(node.end()).await);
                let whole = range == (100, 200) || range == (50, 150);
                k.assert(whole, "the range is the old one or the new one").await;
            }
            k.rcu_read_unlock().await;
            k.up_read(mmap_lock).await;
        });
        sim.task(1, "expand", move |k| async move {
            let k = &k.func("expand_downwards");
            k.down_read(mmap_lock).await;
            let new: MapleNode = if bug { node } else { k.kzalloc().await };
            k.write_once(new.start(), 50).await;
            k.write_once(new.end(), 150).await;
            if !bug {
                k.rcu_assign_pointer(root, Some(new)).await;
                k.synchronize_rcu().await;
                k.kfree(node).await;
            }
            k.up_read(mmap_lock).await;
        });
    })
}

/// 1. T, in the tick of an exiting task: moves the timer to its firing list, drops the lock.
/// 2. D: `timer_delete()` finds no sighand, so takes no lock and sees no `firing`; frees the timer.
/// 3. T: walks its list. (steps: inference)
///
/// Fix: an exiting task fires no timers, so here D always looks at `firing` under the lock.
fn posix_timer() -> Vec<Scenario> {
    let about = "a CPU timer freed while the tick of an exiting task fires it";
    twins("posix-cpu-timer-exit", about, "f90fff1e152d", &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let timer: Itimer = sim.object("timer");
        let siglock = sim.spin_lock("sighand.siglock");
        let armed = sim.word("armed", Some(timer));
        sim.irq(0, "tick", 1, move |k| async move {
            let k = &k.func("run_posix_cpu_timers");
            k.spin_lock(siglock).await;
            let mine = k.xchg(armed, None).await;
            if let Some(timer) = mine {
                k.write_once(timer.firing(), true).await;
            }
            k.spin_unlock(siglock).await;
            if let Some(timer) = mine {
                k.write_once(timer.overrun(), 1).await;
                k.write_once(timer.firing(), false).await;
            }
        });
        sim.task(1, "delete", move |k| async move {
            let k = &k.func("posix_cpu_timer_del");
            if bug {
                k.xchg(armed, None).await;
            } else {
                k.spin_lock_irq(siglock).await;
                k.xchg(armed, None).await;
                let firing = k.read_once(timer.firing()).await;
                k.spin_unlock_irq(siglock).await;
                if firing {
                    k.spin_until(timer.firing(), false).await;
                }
            }
            k.kfree(timer).await;
        });
    })
}
