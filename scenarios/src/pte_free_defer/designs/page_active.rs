//! `page-active`: the merged design: one `call_rcu()` when the page dies.
//!
//! Expected: nothing, with any workload.
//!
//! The page flag Active says that at least one half was freed by `pte_free_defer()`; such a page is
//! not listed again, and whoever releases it waits for a grace period first. What broke the other
//! designs cannot happen: there is one `call_rcu()` in the life of a page; it is off the list by
//! then; the callback touches neither mm nor lock; `list_del_init()` of a page that is not listed
//! does no harm. The race that remains is benign:
//!
//! ```text
//!      CPU0                                     CPU1
//!  1                                            page_table_free(1): lock, 0x03 -> 0x21
//!  2                                            Active is not set
//!  3   pte_free_defer(0): SetPageActive
//!  4                                            put on the list, unlock, 0x21 -> 0x01
//!  5   page_table_free(0): lock, 0x01 -> 0x10,
//!      list_del_init, unlock, 0x10 -> 0x00
//!  6   Active: call_rcu
//! ```
//!
//! Source: Hugh Dickins, 1 July 2023, <7bef5695-fa4a-7215-7e9d-d4a83161c7ab@google.com>; merged as 8211dad62798 (v6.6).

use super::super::design::{Design, Gather};
use super::super::s390::{alloc_page, alloc_pgste, fill, flip, release, state};
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, PG_ACTIVE, Page, Table};
use ksim::program::{Kernel, RcuHead, container_of};
use ksim::run::Sim;

/// See the module.
#[derive(Debug)]
pub struct PageActive;

impl Design for PageActive {
    const NAME: &'static str = "page-active";
    const ABOUT: &'static str = "PageActive, one call_rcu when the page dies (merged)";
    const SOURCE: &'static str = "commit 8211dad62798 (v6.6)";

    fn shows(_: Kind) -> &'static [&'static str] {
        &[]
    }

    fn init_page(sim: &mut Sim, _: MmStruct, page: Page) {
        sim.init_list_head(page.lru());
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
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        let k = &k.func("pte_free_defer");
        k.set_bits("SetPageActive", table.page().flags(), PG_ACTIVE).await;
        page_table_free(k, mm, table).await;
        let pgste = k.read_once(mm.context().has_pgste()).await;
        k.assert(!pgste, "pte_free_defer() of an mm with guest tables").await;
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
                k.list_del_init(page.lru()).await;
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
        k.init_list_head(page.lru()).await;
        return alloc_pgste(k, page).await;
    }
    flip(k, page, 0x01).await;
    fill(k, page, false).await;
    k.spin_lock_bh(context.lock()).await;
    k.list_add(page.lru(), context.pgtable_list()).await;
    k.spin_unlock_bh(context.lock()).await;
    page.table(0)
}

async fn pte_free_now(k: &Kernel, head: RcuHead) {
    release(&k.func("pte_free_now"), container_of(head, Page::rcu_head)).await;
}
ksim::kernel_fn! { static PTE_FREE_NOW = pte_free_now }

/// The page is dead: release it at once, or after a grace period where one was promised.
async fn free_page(k: &Kernel, page: Page) {
    // page_table_release_check()
    let listed = !k.list_empty(page.lru()).await;
    k.assert(!listed, "a page that is released is on no list").await;
    if k.test_and_clear_bits("TestClearPageActive", page.flags(), PG_ACTIVE).await {
        k.call_rcu(page.rcu_head(), &PTE_FREE_NOW).await;
    } else {
        pte_free_now(k, page.rcu_head()).await;
    }
}

async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("page_table_free");
    let (page, context) = (table.page(), mm.context());
    if k.read(context.alloc_pgste()).await {
        flip(k, page, 0x03).await;
        return free_page(k, page).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x11 << bit).await;
    if mask & 0x03 != 0 && k.atomic_read(page.flags()).await & PG_ACTIVE == 0 {
        k.list_add(page.lru(), context.pgtable_list()).await;
    } else {
        k.list_del_init(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    let mask = flip(k, page, 0x10 << bit).await;
    if mask != 0 {
        return;
    }
    free_page(k, page).await;
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
    if mask & 0x03 != 0 && k.atomic_read(page.flags()).await & PG_ACTIVE == 0 {
        k.list_add_tail(page.lru(), context.pgtable_list()).await;
    } else {
        k.list_del_init(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}

async fn __tlb_remove_table(k: &Kernel, table: Table) {
    let k = &k.func("__tlb_remove_table");
    let (tag, table) = table.untagged();
    let page = table.page();
    let mask = flip(k, page, if tag == 3 { 0x03 } else { tag << 4 }).await;
    if tag != 3 && mask != 0 {
        return;
    }
    free_page(k, page).await;
}
