//! `half-bits` and `half-bits-bh`: PPHHAA with relinking in `__tlb_remove_table()`, the patch that
//! the mail of 15 June 2023 reviews; and the same with the lock fix of that mail.
//!
//! Expected of both: `use-after-free` of the mm, whose lock the callback takes. Of the first also:
//! `deadlock` and `inconsistent-lock-state` on `context.lock`, which the callback takes in softirq
//! and others with softirqs on.
//!
//! The freed mm:
//!
//! ```text
//!      CPU0 (RCU softirq, callback of half 0)   CPU1 (the last user of the mm exits)
//!  1   state 0x12 has an A bit: read page->pt_mm
//!  2                                            exit_mmap: page_table_free_rcu(1): 0x12 -> 0x30
//!  3                                            the batch waits for a grace period; mmput goes on
//!  4                                            mmdrop -> __mmdrop -> free_mm
//!  5   spin_lock_bh(mm->context.lock)
//! ```
//!
//! The deadlock:
//!
//! ```text
//!      CPU0 alone
//!  1   __tlb_flush_mm_lazy (gmap_create, gmap_remove): spin_lock(context.lock), softirqs on
//!  2   tick: a callback is ready, RCU_SOFTIRQ is raised and runs on top of the task
//!  3   __tlb_remove_table: the other half is allocated: spin_lock_bh(context.lock), for ever
//! ```
//!
//! Source: Hugh Dickins, 12 June 2023, <a948f24b-4fe6-8bc0-221a-65e9ccc8371a@google.com>; lock fix and two compile
//! fixes: Gerald Schaefer, 15 June 2023, <20230615141132.63ac6e67@thinkpad-T15>.

use super::super::design::{Design, Gather};
use super::super::s390::{alloc_page, alloc_pgste, fill, flip, release, state};
use super::half::Callbacks;
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, container_of};
use ksim::run::Sim;

macro_rules! half_bits {
    ($(#[$doc:meta])* $name:ident, $path:literal, $about:literal, $source:literal, $bh:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Design for $name {
            const NAME: &'static str = $path;
            const ABOUT: &'static str = $about;
            const SOURCE: &'static str = $source;
            const LOCK_BH: bool = $bh;

            fn shows(kind: Kind) -> &'static [&'static str] {
                shows(kind, $bh)
            }
            fn init_page(sim: &mut Sim, mm: MmStruct, page: Page) {
                sim.set(page.pt_mm(), mm);
            }
            async fn check_owner(k: &Kernel, page: Page, mm: MmStruct) {
                owned_by(k, page, mm).await;
            }
            async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
                page_table_alloc::<Self>(k, mm).await
            }
            async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table) {
                page_table_free::<Self>(k, mm, table).await;
            }
            async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
                page_table_free_rcu(k, tlb, table).await;
            }
            async fn __tlb_remove_table(k: &Kernel, table: Table) {
                __tlb_remove_table(k, table).await;
            }
            async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
                pte_free_defer::<Self>(k, mm, table).await;
            }
        }
    };
}

half_bits! {
    /// As posted.
    HalfBits, "half-bits", "PPHHAA with relinking under context.lock, as posted",
    "Hugh Dickins, 12 Jun 2023, <a948f24b-4fe6-8bc0-221a-65e9ccc8371a@google.com>", false
}
half_bits! {
    /// With all users of the lock on `spin_lock_bh()`.
    HalfBitsBh, "half-bits-bh", "PPHHAA with relinking, and the lock fix of the seed mail",
    "Gerald Schaefer, 15 Jun 2023, <20230615141132.63ac6e67@thinkpad-T15>", true
}

fn shows(kind: Kind, bh: bool) -> &'static [&'static str] {
    match kind {
        Kind::UseAfterFree => &[
            "batch-failure-exit",
            "callback-exit",
            "callback-exit-offload",
            "collapse-exit",
            "defer-callback-exit",
            "defer-exit",
            "stress",
        ],
        _ if bh => shows_of_the_rcu_head(kind),
        _ => shows_of_locks(kind),
    }
}

/// What comes of a lock that is taken in softirq and, elsewhere, with softirqs on. Not where the
/// callback runs in a kthread: there is no softirq then that lockdep could see.
pub fn shows_of_locks(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::InconsistentLockState => &[
            "alloc-free-rcu",
            "batch-failure",
            "batch-failure-exit",
            "both",
            "callback-exit",
            "collapse-exit",
            "defer-callback-exit",
            "defer-exit",
            "flush-callback",
            "flush-defer-callback",
            "free-free-rcu",
            "free-rcu-defer",
            "free-rcu-free-rcu",
            "gmap-create-callback",
            "gmap-remove-callback",
            "gup-batch-failure",
            "gup-free-rcu",
            "races",
            "row",
            "stress",
        ],
        Kind::Deadlock => &[
            "flush-callback",
            "flush-defer-callback",
            "gmap-create-callback",
            "gmap-remove-callback",
            "stress",
        ],
        _ => shows_of_the_rcu_head(kind),
    }
}

/// What comes of the wrong test in `pte_free_half()`.
pub fn shows_of_the_rcu_head(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Leak => &["defer-defer", "races", "row", "stress"],
        _ => &[],
    }
}

/// `WARN_ON_ONCE(page->pt_mm != mm)`.
pub async fn owned_by(k: &Kernel, page: Page, mm: MmStruct) {
    let owner = k.read(page.pt_mm()).await;
    k.assert(owner == mm, "a page is freed by the mm that it belongs to").await;
}

/// `page_table_alloc()`.
pub async fn page_table_alloc<D: Design>(k: &Kernel, mm: MmStruct) -> Table {
    let k = &k.func("page_table_alloc");
    let context = mm.context();
    let pgste = k.read(context.alloc_pgste()).await;
    let (lock, list) = D::pgtable_list(k, mm).await;
    if !pgste {
        let mut table = None;
        k.spin_lock_bh(lock).await;
        if let Some(lru) = k.list_first(list).await {
            let page = container_of(lru, Page::lru);
            let mask = state(k, page).await;
            // Cannot be on this list if either state is pending, or both or none are allocated.
            k.assert(mask == 0x01 || mask == 0x02, "a listed page has one half allocated").await;
            let half = mask & 1;
            flip(k, page, 0x01 << half).await;
            k.list_del(page.lru()).await;
            table = Some(page.table(half));
        }
        k.spin_unlock_bh(lock).await;
        if let Some(table) = table {
            return table;
        }
    }
    let page = alloc_page(k).await;
    D::set_owner(k, page, mm).await;
    if pgste {
        return alloc_pgste(k, page).await;
    }
    flip(k, page, 0x01).await;
    fill(k, page, false).await;
    k.spin_lock_bh(lock).await;
    k.list_add(page.lru(), list).await;
    k.spin_unlock_bh(lock).await;
    page.table(0)
}

/// `page_table_free()`.
pub async fn page_table_free<D: Design>(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("page_table_free");
    let (page, context) = (table.page(), mm.context());
    D::check_owner(k, page, mm).await;
    if k.read(context.alloc_pgste()).await {
        flip(k, page, 0x03).await;
        return release(k, page).await;
    }
    let bit = table.half();
    let (lock, list) = D::pgtable_list(k, mm).await;
    k.spin_lock_bh(lock).await;
    let mask = flip(k, page, 0x01 << bit).await;
    if mask & 0x03 != 0 {
        // The other half is allocated.
        k.list_add(page.lru(), list).await;
    } else if mask & 0x30 == 0 {
        // The other half is not pending, so the page was listed.
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(lock).await;
    if mask != 0 {
        return;
    }
    release(k, page).await;
}

/// `page_table_free_rcu()`.
pub async fn page_table_free_rcu<D: Design>(k: &Kernel, tlb: &mut Gather<D>, table: Table) {
    let k = &k.func("page_table_free_rcu");
    let (page, context) = (table.page(), tlb.mm.context());
    D::check_owner(k, page, tlb.mm).await;
    if k.read(context.alloc_pgste()).await {
        return k.tlb_remove_table(tlb, table.tagged(3)).await;
    }
    let bit = table.half();
    let (lock, _) = D::pgtable_list(k, tlb.mm).await;
    k.spin_lock_bh(lock).await;
    let mask = flip(k, page, 0x11 << bit).await;
    if mask & 0x03 == 0 && mask & 0x30 != 0x30 {
        // The other half is neither allocated nor pending, so the page was listed.
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(lock).await;
    k.tlb_remove_table(tlb, table.tagged(1 << bit)).await;
}

/// `__tlb_remove_table()`.
pub async fn __tlb_remove_table(k: &Kernel, table: Table) {
    let k = &k.func("__tlb_remove_table");
    let (tag, table) = table.untagged();
    let page = table.page();
    if tag == 3 {
        flip(k, page, 0x03).await;
        return release(k, page).await;
    }
    let mask;
    if state(k, page).await & 0x03 != 0 {
        // The other half is allocated: this half can be used again, so put the page on the list.
        let mm = k.read(page.pt_mm()).await;
        k.spin_lock_bh(mm.context().lock()).await;
        mask = flip(k, page, tag << 4).await;
        if mask & 0x03 != 0 {
            k.list_add(page.lru(), mm.context().pgtable_list()).await;
        }
        k.spin_unlock_bh(mm.context().lock()).await;
    } else {
        mask = flip(k, page, tag << 4).await;
    }
    if mask != 0 {
        return;
    }
    release(k, page).await;
}

/// `pte_free_defer()`.
pub async fn pte_free_defer<D: Design>(k: &Kernel, mm: MmStruct, table: Table) {
    let k = &k.func("pte_free_defer");
    let (page, context) = (table.page(), mm.context());
    D::check_owner(k, page, mm).await;
    if k.read(context.alloc_pgste()).await {
        return k.call_rcu(page.rcu_head(), D::PTE_FREE_PGSTE).await;
    }
    let bit = table.half();
    let (lock, _) = D::pgtable_list(k, mm).await;
    k.spin_lock_bh(lock).await;
    let mask = flip(k, page, 0x15 << bit).await;
    if mask & 0x03 == 0 && mask & 0x30 != 0x30 {
        // The other half is neither allocated nor pending, so the page was listed.
        k.list_del(page.lru()).await;
    }
    k.spin_unlock_bh(lock).await;
    // Is the rcu_head free? If not, the callback of the other half will see to this one.
    if mask & 0x0c != 0x0c {
        k.call_rcu(page.rcu_head(), D::now(bit)).await;
    }
}
