//! `release-race`: the allocator before c2c224932fd0 (v5.16): the 2KB page-table release race.
//!
//! Expected: `list-corruption` where `page_table_free()` meets the callback of the other half.
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   page_table_free_rcu(lower): 0x03 -> 0x12,
//!      put on the list, queued
//!  2   (grace period passes)
//!  3                                            page_table_free(upper): lock, 0x12 -> 0x10
//!  4   __tlb_remove_table(lower): 0x10 -> 0x00
//!  5   the page goes back to the allocator
//!  6                                            list_del of a page that is free
//! ```
//!
//! Source: arch/s390/mm/pgalloc.c, v5.16; commit c2c224932fd0, in stable as 5.16.3.

use super::super::design::{Design, Gather};
use super::super::s390::{flip, release};
use super::two_step_free::{self as base, page_table_alloc};
use ksim::base::finding::Kind;
use ksim::program::Kernel;
use ksim::program::mm::{MmStruct, Table};

/// See the module.
#[derive(Debug)]
pub struct ReleaseRace;

impl Design for ReleaseRace {
    const NAME: &'static str = "release-race";
    const ABOUT: &'static str = "one-step page_table_free (v5.16)";
    const SOURCE: &'static str = "arch/s390/mm/pgalloc.c, v5.16; commit c2c224932fd0";
    const DEFERS: bool = false;

    fn shows(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::ListCorruption => &["free-free-rcu", "races", "row", "stress"],
            _ => &[],
        }
    }

    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
        page_table_alloc(k, mm).await
    }
    async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
        page_table_free(k, mm, table).await;
    }
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
        base::page_table_free_rcu(k, tlb, table).await;
    }
    async fn __tlb_remove_table(k: &Kernel, table: Table) {
        base::__tlb_remove_table(k, table).await;
    }
    async fn pte_free_defer(_: &Kernel, _: MmStruct, _: Table) {
        unreachable!("this kernel has no pte_free_defer()");
    }
}

/// `page_table_free()`, v5.16.
async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("page_table_free");
    let (page, context) = (table.page(), mm.context());
    if k.read(context.alloc_pgste()).await {
        flip(k, page, 0x03).await;
        return release(k, page).await;
    }
    let bit = table.half();
    k.spin_lock_bh(context.lock()).await;
    let mask = flip(k, page, 0x01 << bit).await;
    if mask & 0x03 != 0 {
        k.list_add(page.lru(), context.pgtable_list()).await;
    } else {
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(context.lock()).await;
    if mask != 0 {
        return;
    }
    release(k, page).await;
}
