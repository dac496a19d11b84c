//! The callers of `pte_free_defer()`: `retract_page_tables()` and `collapse_pte_mapped_thp()`
//! (mm/khugepaged.c, v6.6); and what the second did before the series, `collapse_and_free_pmd()`
//! (v6.3). Also the way in which they look at a table, `pte_offset_map_lock()`.
//!
//! All three replace a table of small pages by one huge page, which is locked meanwhile. Left out:
//! notifiers and counters, and the skipping of VMAs that do not qualify.

use super::design::Design;
use super::process::{AddressSpace, defer_table, pmd, pmd_clear};
use super::s390::EMPTY;
use ksim::program::Kernel;
use ksim::program::mm::{MmStruct, Table};

/// Frees the table that maps a slot of a file, whoever has it mapped. `i_mmap_rwsem` keeps the mm
/// alive: its exit unlinks the mapping before it frees tables. No `mmap_lock`.
pub async fn retract_page_tables<D: Design>(k: &Kernel, file: AddressSpace, slot: usize) {
    let k = &k.func("retract_page_tables");
    k.down_read(file.i_mmap_rwsem()).await;
    if let Some(mm) = k.read(file.i_mmap()).await {
        let table = k.read_once(pmd(mm, slot)).await;
        if !table.is_null() && !hpage_collapse_test_exit(k, mm).await {
            pmdp_collapse_flush(k, mm, slot, table).await;
            defer_table::<D>(k, mm, table).await;
        }
    }
    k.up_read(file.i_mmap_rwsem()).await;
}

/// A thread of the mm, or khugepaged, collapses a slot: with `mmap_lock` for read since the series,
/// for write before it.
pub async fn collapse<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    if D::DEFERS {
        k.down_read(mm.mmap_lock()).await;
        if !hpage_collapse_test_exit(k, mm).await {
            collapse_pte_mapped_thp::<D>(&k.func("collapse_pte_mapped_thp"), mm, slot).await;
        }
        k.up_read(mm.mmap_lock()).await;
    } else {
        k.down_write(mm.mmap_lock()).await;
        if !hpage_collapse_test_exit(k, mm).await {
            collapse_and_free_pmd::<D>(&k.func("collapse_and_free_pmd"), mm, slot).await;
        }
        k.up_write(mm.mmap_lock()).await;
    }
}

async fn hpage_collapse_test_exit(k: &Kernel, mm: MmStruct) -> bool {
    k.func("hpage_collapse_test_exit").atomic_read(mm.mm_users()).await == 0
}

async fn collapse_pte_mapped_thp<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    // Step 1: do all entries map the parts of the huge page?
    let Some(table) = pte_offset_map_lock(k, mm, slot).await else { return };
    k.read_once(table.entry(0)).await;
    pte_unmap_unlock(k, table).await;
    // Step 2: clear them.
    let Some(table) = pte_offset_map_lock(k, mm, slot).await else { return };
    k.write_once(table.entry(0), EMPTY).await;
    pte_unmap_unlock(k, table).await;
    // Step 4: remove the empty table.
    pmdp_collapse_flush(k, mm, slot, table).await;
    defer_table::<D>(k, mm, table).await;
}

/// Safe without a grace period, since no walker without locks but gup_fast looks at tables: the
/// others hold `mmap_lock`, and the function call waits for gup_fast.
async fn collapse_and_free_pmd<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = pmd_clear(&k.func("pmdp_collapse_flush"), mm, slot).await;
    k.tlb_remove_table_sync_one().await;
    D::page_table_free(k, mm, table).await;
}

/// Under the pmd lock and, nested, the lock of the table.
async fn pmdp_collapse_flush(k: &Kernel, mm: MmStruct, slot: usize, table: Table) {
    let ptl = table.page().ptl();
    k.spin_lock(mm.page_table_lock()).await;
    k.spin_lock_nested(ptl, 1).await;
    pmd_clear(&k.func("pmdp_collapse_flush"), mm, slot).await;
    k.spin_unlock(ptl).await;
    k.spin_unlock(mm.page_table_lock()).await;
}

/// The table of a slot, inside `rcu_read_lock()` and with its lock held; `None` if there is none.
pub async fn pte_offset_map_lock(k: &Kernel, mm: MmStruct, slot: usize) -> Option<Table> {
    let k = &k.func("pte_offset_map_lock");
    loop {
        k.rcu_read_lock().await;
        let table = k.read_once(pmd(mm, slot)).await;
        if table.is_null() {
            k.rcu_read_unlock().await;
            return None;
        }
        k.spin_lock(table.page().ptl()).await;
        if k.read_once(pmd(mm, slot)).await == table {
            return Some(table);
        }
        pte_unmap_unlock(k, table).await;
    }
}

/// `pte_unmap_unlock()`.
pub async fn pte_unmap_unlock(k: &Kernel, table: Table) {
    k.spin_unlock(table.page().ptl()).await;
    k.rcu_read_unlock().await;
}
