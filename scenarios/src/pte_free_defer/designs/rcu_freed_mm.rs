//! `rcu-freed-mm`: half-bits, with the mm freed by RCU.
//!
//! Expected: what half-bits shows of locks (`deadlock`, `inconsistent-lock-state`) and its `leak`; no
//! `use-after-free`. A callback that sees an A bit knows that the mm's last `free_mm()` was not asked
//! for yet, and holds off the grace period until it is done with the lock:
//!
//! ```text
//!      CPU0 (RCU softirq, a reader)             CPU1
//!  1   state 0x12 has an A bit: read page->pt_mm
//!  2                                            exit_mmap: 0x12 -> 0x30
//!  3                                            free_mm: call_rcu
//!  4   spin_lock_bh(mm->context.lock), unlock, end of the softirq
//!  5                                            the grace period may end: the mm is freed
//! ```
//!
//! Source: an idea of the thread, not a patch: Hugh Dickins, 14 June 2023, <fc5cd62e-d85f-36c3-ba37-db87e8b625d@google.com>.

use super::super::design::{Design, Gather};
use super::half_bits as half;
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, RcuHead, container_of};
use ksim::run::Sim;

/// See the module.
#[derive(Debug)]
pub struct RcuFreedMm;

impl Design for RcuFreedMm {
    const NAME: &'static str = "rcu-freed-mm";
    const ABOUT: &'static str = "PPHHAA with relinking, and the mm freed by RCU";
    const SOURCE: &'static str =
        "Hugh Dickins, 14 Jun 2023, <fc5cd62e-d85f-36c3-ba37-db87e8b625d@google.com>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        half::shows_of_locks(kind)
    }
    fn init_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.set(page.pt_mm(), mm);
    }
    async fn check_owner(k: &Kernel, page: Page, mm: MmStruct) {
        half::owned_by(k, page, mm).await;
    }
    async fn free_mm(k: &Kernel, mm: MmStruct) {
        k.func("free_mm").call_rcu(mm.delayed_drop(), &FREE_MM_RCU).await;
    }
    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
        half::page_table_alloc::<Self>(k, mm).await
    }
    async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
        half::page_table_free::<Self>(k, mm, table).await;
    }
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
        half::page_table_free_rcu(k, tlb, table).await;
    }
    async fn __tlb_remove_table(k: &Kernel, table: Table) {
        half::__tlb_remove_table(k, table).await;
    }
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        half::pte_free_defer::<Self>(k, mm, table).await;
    }
}

async fn free_mm_rcu(k: &Kernel, head: RcuHead) {
    let k = &k.func("free_mm_rcu");
    k.kmem_cache_free(container_of(head, MmStruct::delayed_drop)).await;
}
ksim::kernel_fn! { static FREE_MM_RCU = free_mm_rcu }
