//! What a design of `pte_free_defer()` has to say, and how it meets the generic machinery.

use super::{cost, process, tlb};
use ksim::base::finding::Kind;
use ksim::program::gather::MmuGather;
use ksim::program::mm::{Arch, MmStruct, Page, Table};
use ksim::program::{Kernel, ListHead, SpinLock};
use ksim::run::{Cost, Sim};
use std::marker::PhantomData;

/// A gather of this design.
pub type Gather<D> = MmuGather<On<D>>;

/// A design: the page-table functions of one patch, as it was posted.
#[allow(async_fn_in_trait, reason = "programs run on one thread and are never sent")]
pub trait Design: Sized + 'static {
    /// Its name in scenario paths.
    const NAME: &'static str;
    /// One line.
    const ABOUT: &'static str;
    /// Kernel version, commit or mail.
    const SOURCE: &'static str;
    /// Has it a `pte_free_defer()`?
    const DEFERS: bool = true;
    /// Do the users of `context.lock` outside of the page-table code disable softirqs (the fix in
    /// the mail of 15 June 2023)?
    const LOCK_BH: bool = false;
    /// What its workloads cost.
    const COSTS: &'static [Cost] = cost::COSTS;

    /// In which workloads some schedule shows this kind; `x` stands for `x-alloc` too.
    fn shows(kind: Kind) -> &'static [&'static str];

    /// Schedules of the load that show what it shows too rarely for a check.
    const SAVED: &'static [&'static str] = &[];

    /// Static objects of its own.
    fn init(_: &mut Sim) {}
    /// Objects of its own in an mm that setup makes.
    fn init_context(_: &mut Sim, _: MmStruct) {}
    /// State of its own in a page that setup makes, which belongs to this mm.
    fn init_page(_: &mut Sim, _: MmStruct, _: Page) {}
    /// Puts a page on the list of its mm, in setup.
    fn list_page(sim: &mut Sim, mm: MmStruct, page: Page) {
        sim.list_add_tail(page.lru(), mm.context().pgtable_list());
    }

    /// The list of partly used pages of an mm, and the lock that protects it.
    async fn pgtable_list(_: &Kernel, mm: MmStruct) -> (SpinLock, ListHead) {
        (mm.context().lock(), mm.context().pgtable_list())
    }

    /// Notes in a fresh page whose it is, in designs that relink pages from the callback.
    async fn set_owner(k: &Kernel, page: Page, mm: MmStruct) {
        k.write(page.pt_mm(), mm).await;
    }

    /// What the patch warns of at the begin of every free.
    async fn check_owner(_: &Kernel, _: Page, _: MmStruct) {}

    /// `init_new_context()` of an mm made in the run.
    async fn init_new_context(k: &Kernel, mm: MmStruct) {
        k.init_list_head(mm.context().pgtable_list()).await;
    }
    /// `destroy_context()`.
    async fn destroy_context(_: &Kernel, _: MmStruct) {}
    /// `free_mm()`.
    async fn free_mm(k: &Kernel, mm: MmStruct) {
        k.func("free_mm").kmem_cache_free(mm).await;
    }
    /// `arch_exit_mmap()`.
    async fn arch_exit_mmap(_: &Kernel, _: MmStruct) {}
    /// At the very end of `exit_mmap()`.
    async fn exit_mmap_end(_: &Kernel, _: MmStruct) {}

    /// `pte_alloc_one()`.
    async fn page_table_alloc(k: &Kernel, mm: MmStruct) -> Table;
    /// `pte_free()`: at once.
    async fn page_table_free(k: &Kernel, mm: MmStruct, table: Table);
    /// `pte_free_tlb()`: through the gather.
    async fn page_table_free_rcu(k: &Kernel, tlb: &mut Gather<Self>, table: Table);
    /// After the grace period, or directly.
    async fn __tlb_remove_table(k: &Kernel, table: Table);
    /// After a grace period, without allocating memory and without failing.
    async fn pte_free_defer(k: &Kernel, mm: MmStruct, table: Table);
    /// `tlb_flush()`.
    async fn tlb_flush(k: &Kernel, mm: MmStruct) {
        tlb::__tlb_flush_mm_lazy::<Self>(k, mm).await;
    }
}

/// The design as an architecture.
#[derive(Debug)]
pub struct On<D>(PhantomData<D>);

impl<D: Design> Arch for On<D> {
    async fn exit_mmap(k: &Kernel, mm: MmStruct) {
        process::exit_mmap::<D>(k, mm).await;
    }
    async fn destroy_context(k: &Kernel, mm: MmStruct) {
        D::destroy_context(k, mm).await;
    }
    async fn free_mm(k: &Kernel, mm: MmStruct) {
        D::free_mm(k, mm).await;
    }
    async fn tlb_flush(k: &Kernel, mm: MmStruct) {
        D::tlb_flush(k, mm).await;
    }
    async fn tlb_remove_table(k: &Kernel, table: Table) {
        D::__tlb_remove_table(k, table).await;
    }
}
