//! `powerpc-frag` and `powerpc-frag-fixed`: fragments that are never handed out again; as merged, and
//! with the fix of the exit path.
//!
//! Expected of the first: `bad-page-state` at an exit, and `write-before-grace-period`, since the page is
//! freed without the grace period that was promised; of the second: nothing.
//!
//! ```text
//!      CPU0 (khugepaged)                        CPU1
//!  1   pte_free_defer(fragment 0): SetPageActive,
//!      count 2 -> 1
//!  2                                            exit: pte_frag_destroy: fragment 1 was never handed
//!                                               out: count 1 -> 0: frees the page, still Active,
//!                                               and with no grace period
//! ```
//!
//! Source: arch/powerpc/mm/pgtable-frag.c, commit 32cc0b7c9d50 (v6.6); fix: fda4d71651f7.

use super::super::design::{Design, Gather};
use super::super::s390::{alloc_page, fill, release};
use ksim::base::finding::Kind;
use ksim::base::ptr::Ptr;
use ksim::program::mm::{MmStruct, PG_ACTIVE, Page, Table};
use ksim::program::{Kernel, RcuHead, container_of};
use ksim::run::Sim;

/// Fragments of a page.
const PTE_FRAG_NR: u64 = 2;

macro_rules! powerpc_frag {
    ($(#[$doc:meta])* $name:ident, $path:literal, $about:literal, $source:literal, $fixed:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Design for $name {
            const NAME: &'static str = $path;
            const ABOUT: &'static str = $about;
            const SOURCE: &'static str = $source;

            fn shows(kind: Kind) -> &'static [&'static str] {
                match kind {
                    Kind::BadPageState | Kind::WriteBeforeGracePeriod if !$fixed => {
                        &["defer-exit-first", "stress"]
                    }
                    _ => &[],
                }
            }
            fn init_page(sim: &mut Sim, _: MmStruct, page: Page) {
                sim.set(page._refcount(), 1);
                sim.set(page.pt_frag_refcount(), PTE_FRAG_NR);
            }
            fn list_page(sim: &mut Sim, mm: MmStruct, page: Page) {
                sim.set(mm.context().pte_frag(), page.table(1));
            }
            async fn arch_exit_mmap(k: &Kernel, mm: MmStruct) {
                let k = &k.func("arch_exit_mmap").func("destroy_pagetable_cache");
                pte_frag_destroy(k, mm, $fixed).await;
            }
            async fn tlb_flush(k: &Kernel, _: MmStruct) {
                k.func("tlb_flush").relax().await;
            }
            async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table {
                pte_fragment_alloc(k, mm).await
            }
            async fn page_table_free(k: &Kernel, _: MmStruct, table: Table) {
                pte_fragment_free(k, table).await;
            }
            async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
                k.func("pgtable_free_tlb").tlb_remove_table(tlb, table).await;
            }
            async fn __tlb_remove_table(k: &Kernel, table: Table) {
                pte_fragment_free(&k.func("__tlb_remove_table"), table).await;
            }
            async fn pte_free_defer(k: &Kernel, _: MmStruct, table: Table) {
                let k = &k.func("pte_free_defer");
                k.set_bits("SetPageActive", table.page().flags(), PG_ACTIVE).await;
                pte_fragment_free(k, table).await;
            }
        }
    };
}

powerpc_frag! {
    /// As merged.
    PowerpcFrag, "powerpc-frag", "powerpc fragments, as merged",
    "arch/powerpc/mm/pgtable-frag.c, commit 32cc0b7c9d50 (v6.6)", false
}
powerpc_frag! {
    /// With an exit path that knows Active.
    PowerpcFragFixed, "powerpc-frag-fixed", "powerpc fragments, with the fixed exit path",
    "commit fda4d71651f7", true
}

async fn pte_fragment_alloc(k: &Kernel, mm: MmStruct) -> Table {
    let k = &k.func("pte_fragment_alloc");
    let context = mm.context();
    let none = Table(Ptr::NULL);
    k.spin_lock(mm.page_table_lock()).await;
    let table = k.read(context.pte_frag()).await;
    if !table.is_null() {
        // The last fragment of two: the cursor moves off the page.
        k.write(context.pte_frag(), none).await;
    }
    k.spin_unlock(mm.page_table_lock()).await;
    if !table.is_null() {
        return table;
    }
    let page = alloc_page(k).await;
    k.atomic_set(page.pt_frag_refcount(), 1).await;
    fill(k, page, false).await;
    k.spin_lock(mm.page_table_lock()).await;
    if k.read(context.pte_frag()).await.is_null() {
        k.atomic_set(page.pt_frag_refcount(), PTE_FRAG_NR).await;
        k.write(context.pte_frag(), page.table(1)).await;
    }
    k.spin_unlock(mm.page_table_lock()).await;
    page.table(0)
}

async fn pte_free_now(k: &Kernel, head: RcuHead) {
    release(&k.func("pte_free_now"), container_of(head, Page::rcu_head)).await;
}
ksim::kernel_fn! { static PTE_FREE_NOW = pte_free_now }

async fn pte_fragment_free(k: &Kernel, table: Table) {
    let k = &k.func("pte_fragment_free");
    let page = table.page();
    let count = k.atomic_read(page.pt_frag_refcount()).await;
    k.assert(count > 0, "a fragment in use is counted").await;
    if k.atomic_dec_and_test(page.pt_frag_refcount()).await {
        free_page(k, page).await;
    }
}

/// Nobody uses the page: release it at once, or after a grace period where one was promised.
async fn free_page(k: &Kernel, page: Page) {
    if k.test_and_clear_bits("TestClearPageActive", page.flags(), PG_ACTIVE).await {
        k.call_rcu(page.rcu_head(), &PTE_FREE_NOW).await;
    } else {
        pte_free_now(k, page.rcu_head()).await;
    }
}

async fn pte_frag_destroy(k: &Kernel, mm: MmStruct, fixed: bool) {
    let k = &k.func("pte_frag_destroy");
    let table = k.read(mm.context().pte_frag()).await;
    if table.is_null() {
        return;
    }
    let (page, left) = (table.page(), PTE_FRAG_NR - table.half());
    let old = k.atomic_fetch_add(page.pt_frag_refcount(), left.wrapping_neg()).await;
    if old != left {
        return;
    }
    if fixed {
        free_page(k, page).await;
    } else {
        release(k, page).await;
    }
}
