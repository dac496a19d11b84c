//! `links-in-table`: mmgrab, with the list node in the free half of the page.
//!
//! Expected: `write-before-grace-period`: `page_table_free_rcu()` writes the node while walkers may be in
//! the table, and `assertion`: one of them reads a list pointer as a page-table entry;
//! `double-call-rcu`, since there is still one `rcu_head`, and `impossible-state` after it: both
//! callbacks decode the same half from `pt_mm`; `deadlock`, `inconsistent-lock-state` and `data-race` as in
//! mmgrab.
//!
//! And `list-corruption`, too rarely for a check (in 7 of 400,000 runs of the load, in 13 of 100,000 of
//! `row` with three operations), so by a saved schedule: the first callback comes when the second
//! deferral has written `pt_mm` and not yet called `call_rcu()`, and frees the second half; that is
//! handed out and freed by RCU before the second callback, which lists it again.
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
    const SAVED: &'static [&'static str] = &[include_str!("links_in_table.stress.ksim")];

    fn shows(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::WriteBeforeGracePeriod => {
                &["defer-defer", "gup-free-rcu", "races", "row", "stress"]
            }
            Kind::Assertion => &["gup-batch-failure", "gup-free-rcu"],
            Kind::DoubleCallRcu | Kind::ImpossibleState => {
                &["defer-defer", "races", "row", "stress"]
            }
            Kind::InconsistentLockState => &[
                "both",
                "collapse-exit",
                "defer-callback-exit",
                "defer-exit",
                "defer-exit-first",
                "flush-defer-callback",
                "free-rcu-defer",
                "races",
                "row",
                "stress",
            ],
            Kind::Deadlock => &["both", "flush-defer-callback", "stress"],
            Kind::ListCorruption => &["stress"],
            Kind::DataRace => &["races"],
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

/// Takes a half off the list; its first two entries are empty again.
async fn unlink(k: &Kernel, table: Table) {
    k.list_del(node(table)).await;
    k.write_once(table.entry(0), EMPTY).await;
    k.write_once(table.entry(1), EMPTY).await;
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
            let listed = Table(first.0);
            let mask = state(k, listed.page()).await;
            let busy = (mask | mask >> 4) & 3;
            if busy != 3 {
                let half = busy & 1;
                let table = listed.page().table(half);
                // BUG_ON()
                k.assert(table == listed, "the free half is the one that is listed").await;
                flip(k, table.page(), 0x01 << half).await;
                unlink(k, table).await;
                found = Some(table);
            }
        }
        k.spin_unlock_bh(context.lock()).await;
        if let Some(table) = found {
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
        unlink(k, other(table)).await;
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
        unlink(k, other(table)).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}
