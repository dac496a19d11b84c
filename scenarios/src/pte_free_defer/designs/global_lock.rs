//! `global-lock`: half-bits with one lock for the lists of all mms.
//!
//! Expected: `leak` when both halves are deferred (see [`half`](super::half)), nothing else. The lock
//! cannot be freed, and under it an A bit proves that the mm is there, because its exit clears the bit
//! under the same lock. No softirq takes `context.lock` any more.
//!
//! ```text
//!      CPU0 (RCU softirq, callback of half 0)   CPU1 (the last user of the mm exits)
//!  1   state 0x12 has an A bit
//!  2                                            exit_mmap: lock, 0x12 -> 0x30, unlock
//!  3                                            free_mm
//!  4   lock, 0x30 -> 0x20: no A bit, the mm is
//!      not looked at; unlock
//! ```
//!
//! Source: Hugh Dickins, 20 June 2023, <a722dbec-bd9e-1213-1edd-53cd547aa4f@google.com>.

use super::super::design::{Design, Gather};
use super::super::s390::{flip, release, state};
use super::half_bits as half;
use ksim::base::finding::Kind;
use ksim::base::ptr::{FIRST_ADDR, Ptr};
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, ListHead, SpinLock};
use ksim::run::Sim;

/// `static DEFINE_SPINLOCK(mm_pgtable_list_lock)`: the first object of setup, so that its address is
/// known to every function.
const MM_PGTABLE_LIST_LOCK: SpinLock = SpinLock(Ptr(1 << 63 | 1 << 40 | FIRST_ADDR));

/// See the module.
#[derive(Debug)]
pub struct GlobalLock;

impl Design for GlobalLock {
    const NAME: &'static str = "global-lock";
    const ABOUT: &'static str = "PPHHAA with relinking under one global lock";
    const SOURCE: &'static str =
        "Hugh Dickins, 20 Jun 2023, <a722dbec-bd9e-1213-1edd-53cd547aa4f@google.com>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        half::shows_of_the_rcu_head(kind)
    }
    fn init(sim: &mut Sim) {
        let lock = sim.spin_lock("mm_pgtable_list_lock");
        assert_eq!(lock, MM_PGTABLE_LIST_LOCK, "the lock must be the first object");
    }
    fn init_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.set(page.pt_mm(), mm);
    }
    async fn pgtable_list(_: &Kernel, mm: MmStruct) -> (SpinLock, ListHead) {
        (MM_PGTABLE_LIST_LOCK, mm.context().pgtable_list())
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
        let k = &k.func("__tlb_remove_table");
        let (tag, table) = table.untagged();
        let page = table.page();
        if tag == 3 {
            flip(k, page, 0x03).await;
            return release(k, page).await;
        }
        let mask;
        if state(k, page).await & 0x03 != 0 {
            let mm = k.read(page.pt_mm()).await;
            k.spin_lock_bh(MM_PGTABLE_LIST_LOCK).await;
            mask = flip(k, page, tag << 4).await;
            if mask & 0x03 != 0 {
                // The other half is still allocated, so its mm is there, with its list.
                k.list_add(page.lru(), mm.context().pgtable_list()).await;
            }
            k.spin_unlock_bh(MM_PGTABLE_LIST_LOCK).await;
        } else {
            mask = flip(k, page, tag << 4).await;
        }
        if mask != 0 {
            return;
        }
        release(k, page).await;
    }
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        half::pte_free_defer::<Self>(k, mm, table).await;
    }
}
