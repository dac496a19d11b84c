//! `mmgrab`: the first version: hold the mm, and call `page_table_free()` from the callback.
//!
//! Expected: `overlay-conflict` and `double-call-rcu`: one `rcu_head`, two halves, and its words are
//! those of the list node; and `deadlock` and `inconsistent-lock-state`, since the callback takes
//! `context.lock` in softirq; `data-race`: nothing orders two deferrals, and both write `pt_mm`. The mm
//! itself stays: no `use-after-free`.
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   pte_free_defer(0): the rcu_head is queued,
//!      the state is still 0x03
//!  2                                            page_table_free(1): lock, 0x21, list_add: writes
//!                                               next and func of the queued rcu_head
//!  3   rcu_do_batch calls the address of a list
//! ```
//!
//! Source: Hugh Dickins, 29 May 2023, <6dd63b39-e71f-2e8b-7e0-83e02f3bcb39@google.com>; the flaws: Matthew
//! Wilcox and Gerald Schaefer, 1 June 2023.

use super::super::design::{Design, Gather, On};
use super::two_step_free as base;
use ksim::base::finding::Kind;
use ksim::base::ptr::Ptr;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Func, Kernel, RcuHead, Word, container_of};

/// See the module.
#[derive(Debug)]
pub struct Mmgrab;

impl Design for Mmgrab {
    const NAME: &'static str = "mmgrab";
    const ABOUT: &'static str = "mmgrab, and page_table_free in the callback";
    const SOURCE: &'static str =
        "Hugh Dickins, 29 May 2023, <6dd63b39-e71f-2e8b-7e0-83e02f3bcb39@google.com>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::OverlayConflict => &[
                "alloc-defer",
                "both",
                "collapse-exit",
                "defer-callback-exit",
                "defer-defer",
                "defer-exit",
                "defer-exit-first",
                "free-defer",
                "free-rcu-defer",
                "races",
                "row",
                "stress",
            ],
            Kind::DoubleCallRcu => &["defer-defer", "races", "row", "stress"],
            Kind::InconsistentLockState => &[
                "both",
                "collapse-exit",
                "defer-callback-exit",
                "defer-exit",
                "flush-defer-callback",
                "free-rcu-defer",
                "races",
                "row",
                "stress",
            ],
            Kind::Deadlock => &["flush-defer-callback", "stress"],
            Kind::DataRace => &["races"],
            _ => &[],
        }
    }
    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
        base::page_table_alloc(k, mm).await
    }
    async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
        base::page_table_free(k, mm, table).await;
    }
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
        base::page_table_free_rcu(k, tlb, table).await;
    }
    async fn __tlb_remove_table(k: &Kernel, table: Table) {
        base::__tlb_remove_table(k, table).await;
    }
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        pte_free_defer::<Self>(k, mm, table).await;
    }
}

/// `pte_free_defer()`: the mm and the half go into `pt_mm`.
pub async fn pte_free_defer<D: Design>(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("pte_free_defer");
    let page = table.page();
    k.mmgrab(mm).await;
    // An mm is aligned to 8 bytes, so its low bits can hold the half.
    k.write(page.pt_mm(), MmStruct(Ptr(mm.0.0 + table.half()))).await;
    k.call_rcu(page.rcu_head(), D::PTE_FREE_NOW).await;
}

/// The callback of a design.
trait Callback: Design {
    const PTE_FREE_NOW: &'static Func = &Func {
        name: "pte_free_now",
        call: |k, head| {
            Box::pin(async move { pte_free_now::<Self>(&k, RcuHead::from_word(head)).await })
        },
    };
}

impl<D: Design> Callback for D {}

async fn pte_free_now<D: Design>(k: &Kernel, head: RcuHead) {
    let k = &k.func("pte_free_now");
    let page = container_of(head, Page::rcu_head);
    let word = k.read(page.pt_mm()).await.0.0;
    let (mm, half) = (MmStruct(Ptr(word & !7)), word & 7);
    D::page_table_free(k, mm, page.table(half)).await;
    k.mmdrop_async::<On<D>>(mm).await;
}
