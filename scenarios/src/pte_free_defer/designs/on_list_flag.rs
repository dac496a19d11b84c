//! `on-list-flag`: no-readd, with a flag that says whether the page is listed.
//!
//! Expected: `leak` when both halves are deferred (see [`half`](super::half)), nothing else: `list_del()`
//! only where the flag is set, and the flag changes only under the lock.
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   pte_free_defer(0): 0x03 -> 0x16, call_rcu
//!  2   callback: 0x02, the page is not listed
//!  3                                            page_table_free(1): 0x02 -> 0x20: the flag is not
//!                                               set: no list_del; 0x00: release
//! ```
//!
//! Source: Gerald Schaefer, 28 June 2023, <20230628211624.531cdc58@thinkpad-T15>.

use super::super::design::{Design, Gather};
use super::super::s390::{alloc_page, alloc_pgste, fill, flip, release, state};
use super::half::Callbacks;
use super::half_bits::shows_of_the_rcu_head;
use super::two_step_free as base;
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, ListHead, container_of};
use ksim::run::Sim;

/// See the module.
#[derive(Debug)]
pub struct OnListFlag;

impl Design for OnListFlag {
    const NAME: &'static str = "on-list-flag";
    const ABOUT: &'static str =
        "deferred halves do not return to the list; a flag says what is listed";
    const SOURCE: &'static str =
        "Gerald Schaefer, 28 Jun 2023, <20230628211624.531cdc58@thinkpad-T15>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        shows_of_the_rcu_head(kind)
    }
    fn list_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.list_add_tail(page.lru(), mm.context().pgtable_list());
        sim.set(page.pt_frag_refcount(), 1);
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
        pte_free_defer(k, mm, table).await;
    }
}

/// Puts the page on the list, with its flag.
async fn add(k: &Kernel, page: Page, list: ListHead) {
    k.list_add(page.lru(), list).await;
    k.atomic_set(page.pt_frag_refcount(), 1).await;
}

/// Takes the page off the list.
async fn del(k: &Kernel, page: Page) {
    k.list_del(page.lru()).await;
    k.atomic_set(page.pt_frag_refcount(), 0).await;
}

/// Takes the page off the list if it is there.
async fn del_if_listed(k: &Kernel, page: Page) {
    if k.atomic_read(page.pt_frag_refcount()).await != 0 {
        del(k, page).await;
    }
}

async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
    let k = &k.func("page_table_alloc");
    let context = mm.context();
    let pgste = k.read(context.alloc_pgste()).await;
    if !pgste {
        let mut table = None;
        k.spin_lock_bh(context.lock()).await;
        if let Some(lru) = k.list_first(context.pgtable_list()).await {
            let page = container_of(lru, Page::lru);
            let mask = state(k, page).await;
            let busy = (mask | mask >> 4) & 3;
            if busy != 3 {
                let half = busy & 1;
                flip(k, page, 0x01 << half).await;
                del(k, page).await;
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
    add(k, page, context.pgtable_list()).await;
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
        add(k, page, context.pgtable_list()).await;
    } else {
        del_if_listed(k, page).await;
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
        k.list_add_tail(page.lru(), context.pgtable_list()).await;
        k.atomic_set(page.pt_frag_refcount(), 1).await;
    } else {
        del_if_listed(k, page).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}

async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("pte_free_defer");
    let (page, context) = (table.page(), mm.context());
    if k.read(context.alloc_pgste()).await {
        return k.call_rcu(page.rcu_head(), OnListFlag::PTE_FREE_PGSTE).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x15 << bit).await;
    if mask & 0x03 == 0 {
        del_if_listed(k, page).await;
    }
    // BUG_ON()
    let listed = k.atomic_read(page.pt_frag_refcount()).await != 0;
    k.assert(!listed, "the page of a deferred half is not listed").await;
    k.spin_unlock_bh(context.lock()).await;
    if mask & 0x0c != 0x0c {
        k.call_rcu(page.rcu_head(), OnListFlag::now(bit)).await;
    }
}
