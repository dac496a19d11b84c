//! `links-in-table`: mmgrab, with the list node in the free half of the page.
//!
//! Expected: `assertion`: a walker that holds off RCU reads a list pointer as a page-table entry, because
//! `page_table_free_rcu()` writes the node before the grace period; `double-call-rcu`, since there is
//! still one `rcu_head`; `deadlock` and `inconsistent-lock-state` as in mmgrab.
//!
//! ```text
//!      CPU0 (gup_fast, interrupts off)          CPU1
//!  1   reads the pmd entry: table T
//!  2                                            unmap: clears the pmd entry
//!  3                                            page_table_free_rcu(T): list_add writes T[0], T[1]
//!  4   reads T[0]: a pointer
//! ```
//!
//! Source: Hugh Dickins, 5 June 2023, <175ebec8-761-c3f-2d98-6c3bd87161c8@google.com>; rejected by Jason Gunthorpe,
//! <ZH99cLKeALvUCIH8@ziepe.ca>.

use super::super::design::{Design, Gather};
use super::super::s390::{EMPTY, alloc_page, alloc_pgste, fill, flip, release, state};
use super::{mmgrab, two_step_free as base};
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, ListHead};
use ksim::run::Sim;

/// See the module.
#[derive(Debug)]
pub struct LinksInTable;

impl Design for LinksInTable {
    const NAME: &'static str = "links-in-table";
    const ABOUT: &'static str = "mmgrab, with the list node in the free half";
    const SOURCE: &'static str =
        "Hugh Dickins, 5 Jun 2023, <175ebec8-761-c3f-2d98-6c3bd87161c8@google.com>";

    fn finds(workload: &str) -> &'static [Kind] {
        use Kind::{
            Assertion, Deadlock, DoubleCallRcu, ImpossibleState, InconsistentLockState,
            OverlayConflict,
        };
        match workload {
            "defer-defer" => &[DoubleCallRcu, ImpossibleState],
            "defer-defer-alloc" => &[DoubleCallRcu, ImpossibleState, OverlayConflict],
            "defer-exit"
            | "defer-exit-first"
            | "defer-callback-exit"
            | "free-rcu-defer"
            | "free-rcu-defer-alloc" => &[InconsistentLockState],
            "row" | "stress" => {
                &[DoubleCallRcu, ImpossibleState, OverlayConflict, InconsistentLockState, Deadlock]
            }
            "flush-defer-callback" => &[Deadlock, InconsistentLockState],
            "gup-free-rcu" => &[Assertion],
            _ => &[],
        }
    }
    fn list_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.list_add_tail(node(page.table(1)), mm.context().pgtable_list());
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
        base::__tlb_remove_table(k, table).await;
    }
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        mmgrab::pte_free_defer::<Self>(k, mm, table).await;
    }
}

/// The first two entries of a table as a list node.
fn node(table: Table) -> ListHead {
    ListHead(table.0)
}

/// The other half of the page.
fn other(table: Table) -> Table {
    table.page().table(1 - table.half())
}

async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
    let k = &k.func("page_table_alloc");
    let context = mm.context();
    let pgste = k.read(context.alloc_pgste()).await;
    if !pgste {
        let mut found = None;
        k.spin_lock_bh(context.lock()).await;
        if let Some(first) = k.list_first(context.pgtable_list()).await {
            let table = Table(first.0);
            let mask = state(k, table.page()).await;
            if (mask | mask >> 4) & 3 != 3 {
                flip(k, table.page(), 0x01 << table.half()).await;
                k.list_del(node(table)).await;
                found = Some(table);
            }
        }
        k.spin_unlock_bh(context.lock()).await;
        if let Some(table) = found {
            k.write_once(table.entry(0), EMPTY).await;
            k.write_once(table.entry(1), EMPTY).await;
            return table;
        }
    }
    let page: Page = alloc_page(k).await;
    if pgste {
        return alloc_pgste(k, page).await;
    }
    flip(k, page, 0x01).await;
    fill(k, page, false).await;
    k.spin_lock_bh(context.lock()).await;
    k.list_add(node(page.table(1)), context.pgtable_list()).await;
    k.spin_unlock_bh(context.lock()).await;
    page.table(0)
}

async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
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
        k.list_add(node(table), context.pgtable_list()).await;
    } else {
        k.list_del(node(other(table))).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    let mask = flip(k, page, 0x10 << bit).await;
    if mask != 0 {
        return;
    }
    release(k, page).await;
}

async fn page_table_free_rcu<D: Design>(k: &Kernel, tlb: &mut Gather<D>, table: Table) {
    let k = &k.func("page_table_free_rcu");
    let (page, context) = (table.page(), tlb.mm.context());
    if k.read(context.alloc_pgste()).await {
        return k.tlb_remove_table(tlb, table.tagged(3)).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x11 << bit).await;
    if mask & 0x03 != 0 {
        k.list_add_tail(node(table), context.pgtable_list()).await;
    } else {
        k.list_del(node(other(table))).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}
