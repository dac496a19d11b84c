//! `two-step-free`: the allocator after c2c224932fd0 (v5.16.3, unchanged up to v6.3).
//!
//! Expected: nothing, with any workload. It has no `pte_free_defer()`.
//!
//! `page_table_free()` marks its half as pending before it looks at the list, and gives the mark up
//! only after the lock. So against the callback of the other half:
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   page_table_free_rcu(lower): 0x03 -> 0x12
//!  2   (grace period passes)
//!  3                                            page_table_free(upper): lock, 0x12 -> 0x30
//!  4   __tlb_remove_table(lower): 0x30 -> 0x20
//!      not 0: the page is not mine to release
//!  5                                            list_del, unlock, 0x20 -> 0x00, release
//! ```
//!
//! Source: arch/s390/mm/pgalloc.c, v5.16.3 and v6.3.

use super::super::design::{Design, Gather};
use super::super::s390::{alloc_page, alloc_pgste, fill, flip, release, state};
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, container_of};

/// See the module.
#[derive(Debug)]
pub struct TwoStepFree;

impl Design for TwoStepFree {
    const NAME: &'static str = "two-step-free";
    const ABOUT: &'static str = "two-step page_table_free (c2c224932fd0)";
    const SOURCE: &'static str = "arch/s390/mm/pgalloc.c, v5.16.3; commit c2c224932fd0";
    const DEFERS: bool = false;

    fn shows(_: Kind) -> &'static [&'static str] {
        &[]
    }

    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
        page_table_alloc(k, mm).await
    }
    async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
        page_table_free(k, mm, table).await;
    }
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
        page_table_free_rcu(k, tlb, table).await;
    }
    async fn __tlb_remove_table(k: &Kernel, table: Table) {
        __tlb_remove_table(k, table).await;
    }
    async fn pte_free_defer(_: &Kernel, _: MmStruct, _: Table) {
        unreachable!("this kernel has no pte_free_defer()");
    }
}

/// `page_table_alloc()`, v6.3.
pub async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
    let k = &k.func("page_table_alloc");
    let context = mm.context();
    let pgste = k.read(context.alloc_pgste()).await;
    if !pgste {
        let mut table = None;
        k.spin_lock_bh(context.lock()).await;
        if let Some(lru) = k.list_first(context.pgtable_list()).await {
            let page = container_of(lru, Page::lru);
            let mask = state(k, page).await;
            // A half that is pending must not be handed out either.
            let busy = (mask | mask >> 4) & 3;
            if busy != 3 {
                let half = busy & 1;
                flip(k, page, 0x01 << half).await;
                k.list_del(page.lru()).await;
                table = Some(page.table(half));
            }
        }
        k.spin_unlock_bh(context.lock()).await;
        if let Some(table) = table {
            return table;
        }
    }
    let page = alloc_page(k).await;
    if pgste {
        return alloc_pgste(k, page).await;
    }
    flip(k, page, 0x01).await;
    fill(k, page, false).await;
    k.spin_lock_bh(context.lock()).await;
    k.list_add(page.lru(), context.pgtable_list()).await;
    k.spin_unlock_bh(context.lock()).await;
    page.table(0)
}

/// `page_table_free()`, v5.16.3.
pub async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("page_table_free");
    let (page, context) = (table.page(), mm.context());
    if k.read(context.alloc_pgste()).await {
        flip(k, page, 0x03).await;
        return release(k, page).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x11 << bit).await;
    if mask & 0x03 != 0 {
        k.list_add(page.lru(), context.pgtable_list()).await;
    } else {
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    let mask = flip(k, page, 0x10 << bit).await;
    if mask != 0 {
        return;
    }
    release(k, page).await;
}

/// `page_table_free_rcu()`, v6.3.
pub async fn page_table_free_rcu<D: Design>(k: &Kernel, tlb: &mut Gather<D>, table: Table) {
    let k = &k.func("page_table_free_rcu");
    let (page, context) = (table.page(), tlb.mm.context());
    if k.read(context.alloc_pgste()).await {
        return k.tlb_remove_table(tlb, table.tagged(3)).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x11 << bit).await;
    if mask & 0x03 != 0 {
        k.list_add_tail(page.lru(), context.pgtable_list()).await;
    } else {
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}

/// `__tlb_remove_table()`, v6.3: takes no lock.
pub async fn __tlb_remove_table(k: &Kernel, table: Table) {
    let k = &k.func("__tlb_remove_table");
    let (tag, table) = table.untagged();
    let page = table.page();
    let mask = flip(k, page, if tag == 3 { 0x03 } else { tag << 4 }).await;
    if tag != 3 && mask != 0 {
        return;
    }
    release(k, page).await;
}
