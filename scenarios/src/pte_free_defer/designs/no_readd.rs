//! `no-readd`: halves freed by `pte_free_defer()` never return to the list.
//!
//! Expected: `list-corruption`: the other half takes a page off the list that is not on it; and `leak`
//! when both halves are deferred (see [`half`](super::half)).
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   pte_free_defer(0): 0x03 -> 0x16; the other
//!      half is allocated: nothing; call_rcu
//!  2   callback: 0x12, then 0x02: half 1 is
//!      allocated, but the page is not listed
//!  3                                            page_table_free(1): lock, 0x02 -> 0x20: nothing
//!                                               allocated, no H bit: list_del
//! ```
//!
//! Source: Gerald Schaefer, 14 June 2023, <20230614153042.43a52187@thinkpad-T15>, with his own caveat.

use super::super::design::{Design, Gather};
use super::super::s390::{flip, release};
use super::half::Callbacks;
use super::two_step_free as base;
use ksim::base::finding::Kind;
use ksim::program::Kernel;
use ksim::program::mm::{MmStruct, Table};

/// See the module.
#[derive(Debug)]
pub struct NoReadd;

impl Design for NoReadd {
    const NAME: &'static str = "no-readd";
    const ABOUT: &'static str = "deferred halves do not return to the list";
    const SOURCE: &'static str =
        "Gerald Schaefer, 14 Jun 2023, <20230614153042.43a52187@thinkpad-T15>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::ListCorruption => &[
                "both",
                "collapse-exit",
                "defer-callback-exit",
                "defer-defer",
                "defer-exit",
                "free-defer",
                "free-rcu-defer",
                "races",
                "row",
                "stress",
            ],
            Kind::Leak => &["defer-defer", "races", "row", "stress"],
            _ => &[],
        }
    }
    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
        base::page_table_alloc(k, mm).await
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
        k.list_add(page.lru(), context.pgtable_list()).await;
    } else if mask & 0x0c == 0 {
        k.list_del(page.lru()).await;
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
    } else if mask & 0x0c == 0 {
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}

async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("pte_free_defer");
    let (page, context) = (table.page(), mm.context());
    if k.read(context.alloc_pgste()).await {
        return k.call_rcu(page.rcu_head(), NoReadd::PTE_FREE_PGSTE).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x15 << bit).await;
    if mask & 0x03 == 0 && mask & 0x0c != 0x0c {
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    if mask & 0x0c != 0x0c {
        k.call_rcu(page.rcu_head(), NoReadd::now(bit)).await;
    }
}
