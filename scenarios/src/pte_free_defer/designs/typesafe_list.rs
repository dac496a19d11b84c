//! `typesafe-list`: global-lock, split per mm: lock and list in an object of a type-safe cache.
//!
//! Expected: `leak` when both halves are deferred (see [`half`](super::half)), nothing else. Between the read of
//! the pointer and the lock the object may have been given to another mm; it is still a lock and a
//! list until the reader is done, and the A bits are looked at again under the lock.
//!
//! ```text
//!      CPU0 (RCU softirq, callback of half 0)   CPU1 (the last user of the mm exits)
//!  1   rcu_read_lock; 0x12 has an A bit
//!  2                                            exit_mmap: 0x12 -> 0x30
//!  3                                            destroy_context: the object goes to its cache
//!  4                                            another mm takes it
//!  5   lock of the object, 0x30 -> 0x20: no A
//!      bit, its list is left alone; unlock
//! ```
//!
//! Source: Hugh Dickins, 22 June 2023, <a69a26c0-ec93-3ad-a443-6655b5e49df2@google.com>.

use super::super::design::{Design, Gather};
use super::super::s390::{flip, release, state};
use super::half_bits as half;
use ksim::base::finding::Kind;
use ksim::base::ptr::Ptr;
use ksim::program::mm::{MmStruct, Page, Table};
use ksim::program::{Kernel, ListHead, Object, SpinLock, Var};
use ksim::run::Sim;

ksim::kernel_struct! {
    /// `struct pgtable_list`.
    pub struct PgtableList("pgtable_list", SlabTypesafeByRcu) {
        list: ListHead,
        lock: SpinLock,
    }
}

/// The constructor of the cache: runs once for each piece of memory, not at every allocation.
async fn pgtable_list_ctor(k: &Kernel, object: PgtableList) {
    use ksim::program::Field;
    let k = &k.func("pgtable_list_ctor");
    if k.read(Var::<Ptr>::at(object.list().0)).await.is_null() {
        k.init_list_head(object.list()).await;
    }
}

/// See the module.
#[derive(Debug)]
pub struct TypesafeList;

impl Design for TypesafeList {
    const NAME: &'static str = "typesafe-list";
    const ABOUT: &'static str = "PPHHAA with relinking, lock and list in a type-safe object";
    const SOURCE: &'static str =
        "Hugh Dickins, 22 Jun 2023, <a69a26c0-ec93-3ad-a443-6655b5e49df2@google.com>";

    fn shows(kind: Kind) -> &'static [&'static str] {
        half::shows_of_the_rcu_head(kind)
    }
    fn init_context(sim: &mut Sim, mm: MmStruct) {
        let object: PgtableList = sim.object("pgtable_list");
        sim.init_list_head(object.list());
        sim.set(mm.context().pt_list(), object.ptr());
    }
    fn init_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        let object = sim.get(mm.context().pt_list());
        sim.set(page.pt_list(), object);
    }
    fn list_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        let object = PgtableList(sim.get(mm.context().pt_list()));
        sim.list_add_tail(page.lru(), object.list());
    }
    async fn init_new_context(k: &Kernel, mm: MmStruct) {
        let k = &k.func("alloc_pgtable_list");
        let object: PgtableList = k.kmem_cache_alloc().await;
        pgtable_list_ctor(k, object).await;
        k.write(mm.context().pt_list(), object.ptr()).await;
    }
    async fn destroy_context(k: &Kernel, mm: MmStruct) {
        let k = &k.func("destroy_context");
        let object = PgtableList(k.read(mm.context().pt_list()).await);
        k.kmem_cache_free(object).await;
    }
    async fn pgtable_list(k: &Kernel, mm: MmStruct) -> (SpinLock, ListHead) {
        let object = PgtableList(k.read(mm.context().pt_list()).await);
        (object.lock(), object.list())
    }
    async fn set_owner(k: &Kernel, page: Page, mm: MmStruct) {
        let object = k.read(mm.context().pt_list()).await;
        k.write(page.pt_list(), object).await;
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
        k.rcu_read_lock().await;
        if state(k, page).await & 0x03 != 0 {
            let object = PgtableList(k.read(page.pt_list()).await);
            k.spin_lock_bh(object.lock()).await;
            mask = flip(k, page, tag << 4).await;
            if mask & 0x03 != 0 {
                k.list_add(page.lru(), object.list()).await;
            }
            k.spin_unlock_bh(object.lock()).await;
        } else {
            mask = flip(k, page, tag << 4).await;
        }
        k.rcu_read_unlock().await;
        if mask != 0 {
            return;
        }
        release(k, page).await;
    }
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table) {
        half::pte_free_defer::<Self>(k, mm, table).await;
    }
}
