//! `full-page`: one table for each 4K page.
//!
//! Expected: nothing. There are no halves: no state, no list, no lock; each page has its `rcu_head` to
//! itself. It wastes 2K for each table.
//!
//! ```text
//!      CPU0                                     CPU1
//!  1   pte_free_defer(0): call_rcu on its page  pte_free_defer(1): call_rcu on its own page
//! ```
//!
//! Source: commit d08d4e7cd6bf (v6.7).

use super::super::cost::COSTS_OF_FULL_PAGES;
use super::super::design::{Design, Gather};
use super::super::process::pmd;
use super::super::s390::{EMPTY, alloc_page, fill, release};
use ksim::base::finding::Kind;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, RcuHead, container_of};
use ksim::run::{Cost, Sim};

/// See the module.
#[derive(Debug)]
pub struct FullPage;

impl Design for FullPage {
    const NAME: &'static str = "full-page";
    const ABOUT: &'static str = "one table for each page (d08d4e7cd6bf)";
    const SOURCE: &'static str = "commit d08d4e7cd6bf (v6.7)";
    const COSTS: &'static [Cost] = COSTS_OF_FULL_PAGES;

    fn shows(_: Kind) -> &'static [&'static str] {
        &[]
    }
    fn init_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.set(page._refcount(), 1);
        if !sim.get(pmd(mm, 1)).is_null() {
            let second: Page = sim.object("page");
            for i in 0..4 {
                sim.set(second.entries().get(i), EMPTY);
            }
            sim.set(second._refcount(), 1);
            sim.set(pmd(mm, 1), second.table(0));
            sim.must_be_freed(second);
        }
    }
    fn list_page(_: &mut Sim, _: MmStruct, _: Page) {}

    async fn page_table_alloc(k: &Kernel, _: MmStruct) -> Table {
        let k = &k.func("page_table_alloc");
        let page = alloc_page(k).await;
        fill(k, page, false).await;
        page.table(0)
    }
    async fn page_table_free(k: &Kernel, _: MmStruct, table: Table) {
        release(&k.func("page_table_free"), table.page()).await;
    }
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table) {
        k.func("page_table_free_rcu").tlb_remove_table(tlb, table).await;
    }
    async fn __tlb_remove_table(k: &Kernel, table: Table) {
        release(&k.func("__tlb_remove_table"), table.page()).await;
    }
    async fn pte_free_defer(k: &Kernel, _: MmStruct, table: Table) {
        k.func("pte_free_defer").call_rcu(table.page().rcu_head(), &PTE_FREE_NOW).await;
    }
}

async fn pte_free_now(k: &Kernel, head: RcuHead) {
    release(&k.func("pte_free_now"), container_of(head, Page::rcu_head)).await;
}
ksim::kernel_fn! { static PTE_FREE_NOW = pte_free_now }
