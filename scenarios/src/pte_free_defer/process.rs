//! The callers of the page-table functions, with the locks and references that make their calls
//! legal: page faults, unmaps, the exit of a process (mm/mmap.c and mm/memory.c, v6.3).

use super::design::{Design, Gather, On};
use ksim::base::ptr::Ptr;
use ksim::program::mm::{HALF_WORDS, MmStruct, Table};
use ksim::program::{Array, Field, Kernel, Mutex, Object, RwSem, Var};

ksim::kernel_struct! {
    /// `struct address_space` of a file that one mm has mapped.
    pub struct AddressSpace("address_space", Slab) {
        i_mmap_rwsem: RwSem,
        /// The mm whose mapping is linked here; NULL when there is none.
        i_mmap: Var<Option<MmStruct>>,
        /// The lock of the huge page that replaces a table: one collapse of a range at a time.
        page_lock: Mutex,
    }
}

/// The pmd entry of a slot.
pub fn pmd(mm: MmStruct, slot: usize) -> Var<Table> {
    Var::at(mm.pmd().get(slot).ptr())
}

/// `pmd_clear()` with the flush: the table is out of reach for new walkers from here on. Each slot has
/// one user at a time, so a plain exchange does.
pub async fn pmd_clear(k: &Kernel, mm: MmStruct, slot: usize) -> Table {
    k.xchg(pmd(mm, slot), Table(Ptr::NULL)).await
}

/// Not of the kernel: walkers that have found the table may still be in it, until a grace period has
/// passed.
async fn retire(k: &Kernel, table: Table) {
    k.rcu_retire(Array::<HALF_WORDS>::at(table.0)).await;
}

/// A page fault in a slot without a table: `__pte_alloc()`.
pub async fn fault<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = D::page_table_alloc(k, mm).await;
    let k = &k.func("__pte_alloc");
    k.write_once(pmd(mm, slot), table).await;
}

/// Frees a table at once, as `zap_huge_pmd()` does with the one that was deposited behind a huge page:
/// nobody looks at it. The slot stands for the deposit.
pub async fn free<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = pmd_clear(&k.func("zap_deposited_table"), mm, slot).await;
    D::page_table_free(k, mm, table).await;
}

/// Frees the table of a slot through a gather: `munmap()`.
pub async fn free_rcu<D: Design>(k: &Kernel, mm: MmStruct, slot: usize, batch: u64) {
    unmap_region::<D>(k, mm, slot, batch, false).await;
}

/// As [`free_rcu`]; `retired` says that walkers are about, and that the batch cannot fail to be
/// allocated, so that a grace period will pass.
pub async fn unmap_region<D: Design>(
    k: &Kernel,
    mm: MmStruct,
    slot: usize,
    batch: u64,
    retired: bool,
) {
    let k = &k.func("unmap_region");
    let mut tlb = Gather::<D>::new(mm, batch);
    let table = pmd_clear(k, mm, slot).await;
    if retired {
        retire(k, table).await;
    }
    pte_free_tlb::<D>(k, &mut tlb, table).await;
    k.tlb_finish_mmu(tlb).await;
}

async fn pte_free_tlb<D: Design>(k: &Kernel, tlb: &mut Gather<D>, table: Table) {
    let flush_mm = tlb.mm.context().flush_mm();
    k.func("pte_free_tlb").write_once(flush_mm, true).await;
    D::page_table_free_rcu(k, tlb, table).await;
}

/// Frees the table of a slot after a grace period: what both callers of `pte_free_defer()` come down
/// to, retract_page_tables() and collapse_pte_mapped_thp().
pub async fn defer<D: Design>(k: &Kernel, mm: MmStruct, slot: usize) {
    let table = pmd_clear(&k.func("pmdp_collapse_flush"), mm, slot).await;
    defer_table::<D>(k, mm, table).await;
}

/// Calls `pte_free_defer()`, which promises that a grace period passes before the table changes.
pub async fn defer_table<D: Design>(k: &Kernel, mm: MmStruct, table: Table) {
    retire(k, table).await;
    D::pte_free_defer(k, mm, table).await;
}

/// A thread of the process ends; the last one takes the address space with it.
pub async fn exit_mm<D: Design>(k: &Kernel, mm: MmStruct) {
    k.func("exit_mm").mmput::<On<D>>(mm).await;
}

/// Everything is unmapped: data pages first, then page tables, in this order.
pub async fn exit_mmap<D: Design>(k: &Kernel, mm: MmStruct) {
    let k = &k.func("exit_mmap");
    k.down_read(mm.mmap_lock()).await;
    D::arch_exit_mmap(k, mm).await;
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
            k.write_once(pmd(mm, slot), Table(Ptr::NULL)).await;
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
