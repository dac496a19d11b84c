//! The callers of the page-table functions, with the locks and references that make their calls
//! legal: page faults, unmaps, the exit of a process (mm/mmap.c and mm/memory.c, v6.3), and
//! khugepaged's `retract_page_tables()` (mm/khugepaged.c, v6.6).

use super::design::{Design, Gather, On};
use ksim::program::mm::{MmStruct, Table};
use ksim::program::{Kernel, Object, RwSem, Var};

ksim::kernel_struct! {
    /// `struct address_space` of a file that one mm has mapped.
    pub struct AddressSpace("address_space", Slab) {
        i_mmap_rwsem: RwSem,
        /// The mm whose mapping is linked here; NULL when there is none.
        i_mmap: Var<Option<MmStruct>>,
    }
}

/// The pmd entry of a slot.
pub fn pmd(mm: MmStruct, slot: usize) -> Var<Table> {
    use ksim::program::Field;
    Var::at(mm.pmd().get(slot).ptr())
}

/// The tables of an mm are distinct and each slot has one user, so a plain exchange would do; a
/// table is out of reach for new walkers from here on.
async fn pmd_clear(k: &Kernel, mm: MmStruct, slot: usize) -> Table {
    k.xchg(pmd(mm, slot), Table(ksim::base::ptr::Ptr::NULL)).await
}

/// A page fault in a slot without a table: `__pte_alloc()`.
pub async fn fault<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = D::page_table_alloc(k, mm).await;
    let k = &k.func("__pte_alloc");
    k.write_once(pmd(mm, slot), table).await;
}

/// Frees the table of a slot at once, as THP collapse did before the series.
pub async fn free<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = pmd_clear(&k.func("collapse_and_free_pmd"), mm, slot).await;
    D::page_table_free(k, mm, table).await;
}

/// Frees the table of a slot through a gather: `munmap()`.
pub async fn free_rcu<D: Design>(k: &Kernel, mm: MmStruct, slot: usize, batch: u64) {
    let k = &k.func("unmap_region");
    let mut tlb = Gather::<D>::new(mm, batch);
    let table = pmd_clear(k, mm, slot).await;
    pte_free_tlb::<D>(k, &mut tlb, table).await;
    k.tlb_finish_mmu(tlb).await;
}

async fn pte_free_tlb<D: Design>(k: &Kernel, tlb: &mut Gather<D>, table: Table) {
    let flush_mm = tlb.mm.context().flush_mm();
    k.func("pte_free_tlb").write_once(flush_mm, true).await;
    D::page_table_free_rcu(k, tlb, table).await;
}

/// Frees the table of a slot after a grace period, as THP collapse does by a thread of the mm.
pub async fn defer<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = pmd_clear(&k.func("collapse_pte_mapped_thp"), mm, slot).await;
    D::pte_free_defer(k, mm, table).await;
}

/// Frees the table that maps a slot of a file, whoever has it mapped. `i_mmap_rwsem` keeps the mm
/// alive: its exit unlinks the mapping before it frees tables.
pub async fn retract_page_tables<D: Design>(k: &Kernel, file: AddressSpace, slot: usize) {
    let k = &k.func("retract_page_tables");
    k.down_read(file.i_mmap_rwsem()).await;
    if let Some(mm) = k.read(file.i_mmap()).await {
        k.spin_lock(mm.page_table_lock()).await;
        let table = pmd_clear(k, mm, slot).await;
        k.spin_unlock(mm.page_table_lock()).await;
        if !table.is_null() {
            D::pte_free_defer(k, mm, table).await;
        }
    }
    k.up_read(file.i_mmap_rwsem()).await;
}

/// A thread of the process ends; the last one takes the address space with it.
pub async fn exit_mm<D: Design>(k: &Kernel, mm: MmStruct) {
    k.func("exit_mm").mmput::<On<D>>(mm).await;
}

/// Everything is unmapped: data pages first, then page tables, in this order.
pub async fn exit_mmap<D: Design>(k: &Kernel, mm: MmStruct) {
    let k = &k.func("exit_mmap");
    k.down_read(mm.mmap_lock()).await;
    let mut tlb = Gather::<D>::new(mm, ksim::program::gather::MAX_TABLE_BATCH);
    k.up_read(mm.mmap_lock()).await;
    k.down_write(mm.mmap_lock()).await;
    free_pgtables::<D>(k, &mut tlb, mm).await;
    k.tlb_finish_mmu(tlb).await;
    k.up_write(mm.mmap_lock()).await;
    D::exit_mmap_end(k, mm).await;
}

async fn free_pgtables<D: Design>(k: &Kernel, tlb: &mut Gather<D>, mm: MmStruct) {
    let k = &k.func("free_pgtables");
    let file = k.read(mm.file()).await;
    if !file.is_null() {
        unlink_file_vma(k, AddressSpace::from_ptr(file)).await;
    }
    for slot in 0..k.read(mm.map_count()).await as usize {
        let table = k.read_once(pmd(mm, slot)).await;
        if !table.is_null() {
            k.write_once(pmd(mm, slot), Table(ksim::base::ptr::Ptr::NULL)).await;
            pte_free_tlb::<D>(k, tlb, table).await;
        }
    }
}

async fn unlink_file_vma(k: &Kernel, file: AddressSpace) {
    let k = &k.func("unlink_file_vma");
    k.down_write(file.i_mmap_rwsem()).await;
    k.write(file.i_mmap(), None).await;
    k.up_write(file.i_mmap_rwsem()).await;
}
