//! Address spaces and their page tables: `struct page` and `struct mm_struct` as far as page-table
//! code sees them, and the life of an mm (kernel/fork.c, v6.3).
//!
//! `mm_users` counts users of the address space, who together own one reference of `mm_count`;
//! `mm_count` counts holders of the struct itself. Both are plain `atomic_t`: no saturation, no
//! report by `refcount_t`. What an architecture adds is behind [`Arch`].

use super::handle::{
    Array, Atomic, Field, ListHead, Object, RcuHead, RwSem, SpinLock, Var, Word, Work, container_of,
};
use super::kernel::{Func, Kernel};
use crate::base::ptr::Ptr;

/// `PG_active` as a mask of `page->flags`.
pub const PG_ACTIVE: u64 = 1 << 5;
/// Words of page-table entries in one half of a page; 256 in the kernel.
pub const HALF_WORDS: usize = 2;
/// Page-table slots of one address space (one pmd entry each).
pub const PMDS: usize = 8;

crate::kernel_struct! {
    /// `struct page` of a page-table page (include/linux/mm_types.h, v6.3): the words behind
    /// `flags` are one union, so that being on a list and being queued on RCU exclude each other.
    /// The contents of the page follow, cut down to two tables of two entries.
    pub struct Page("page", Page) {
        /// Page flags: [`PG_ACTIVE`].
        flags: Atomic,
        union {
            /// Words 0 and 1 as a list node.
            lru: ListHead,
            /// Words 0 and 1 as an `rcu_head`: one for both halves.
            rcu_head: RcuHead,
        },
        /// Word 2; must be NULL when the page is freed.
        mapping: Var<u64>,
        union {
            /// Word 3: the mm that the page's tables belong to.
            pt_mm: Var<MmStruct>,
            /// Word 3: how many fragments are in use.
            pt_frag_refcount: Atomic,
            /// Word 3: the list that the page belongs to.
            pt_list: Var<Ptr>,
        },
        /// Word 4: the split page-table lock.
        ptl: SpinLock,
        /// The reference counter; its top byte is free for the architecture.
        _refcount: Atomic,
        /// What the page holds: the entries of its tables.
        entries: Array<4>,
    }
    free_checks {
        mapping & u64::MAX => 0, "non-NULL mapping";
        _refcount & 0xff00_0000 => 0, "nonzero _refcount";
        flags & PG_ACTIVE => 0, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
    }
}

crate::kernel_struct! {
    /// What an architecture keeps for each mm (`mm_context_t`; arch/s390/include/asm/mmu.h, v6.3,
    /// and the fragment cursor of powerpc).
    pub struct MmContext("mm_context_t", Static) {
        lock: SpinLock,
        pgtable_list: ListHead,
        gmap_list: ListHead,
        gmap_asce: Var<u64>,
        flush_mm: Var<bool>,
        flush_count: Atomic,
        /// Does the mm use whole pages as tables (PGSTE), as hosts of guests do?
        alloc_pgste: Var<bool>,
        /// Does the mm have guest tables?
        has_pgste: Var<bool>,
        /// A list object of its own, for designs that have one.
        pt_list: Var<Ptr>,
        /// The next fragment to hand out, or NULL.
        pte_frag: Var<Table>,
    }
}

crate::kernel_struct! {
    /// `struct mm_struct`.
    pub struct MmStruct("mm_struct", Slab) {
        mm_users: Atomic,
        mm_count: Atomic,
        mmap_lock: RwSem,
        /// Protects the pmd entries.
        page_table_lock: SpinLock,
        /// How many of the slots in `pmd` are in use.
        map_count: Var<u64>,
        /// The file that is mapped, or 0.
        file: Var<Ptr>,
        /// The page tables by slot; NULL where there is none.
        pmd: Array<8>,
        context: MmContext,
        async_put_work: Work,
        delayed_drop: RcuHead,
    }
}

/// A page table: the address of one half of a page, as pmd entries and callers hold it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Table(pub Ptr);

impl Word for Table {
    fn to_word(self) -> u64 {
        self.0.0
    }
    fn from_word(word: u64) -> Table {
        Table(Ptr(word))
    }
}

impl Table {
    /// `pmd_none()`.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// `virt_to_page()`.
    pub fn page(self) -> Page {
        Page::from_ptr(self.0.object())
    }

    /// Which half of its page it is: 0 or 1.
    pub fn half(self) -> u64 {
        let first = Page::from_ptr(Ptr::NULL).entries().ptr().offset();
        ((self.0.offset() - first) / HALF_WORDS) as u64
    }

    /// One of its entries, from 0 to [`HALF_WORDS`] - 1.
    pub fn entry(self, index: usize) -> Var {
        Var::at(self.0.word(index))
    }

    /// The address with low bits set, as it is handed to [`tlb_remove_table`](super::gather).
    #[must_use]
    pub fn tagged(self, bits: u64) -> Table {
        Table(Ptr(self.0.0 | bits))
    }

    /// The low two bits, and the address without them.
    pub fn untagged(self) -> (u64, Table) {
        (self.0.0 & 3, Table(Ptr(self.0.0 & !3)))
    }
}

impl Page {
    /// The table in this half.
    pub fn table(self, half: u64) -> Table {
        Table(self.entries().ptr().word(half as usize * HALF_WORDS))
    }
}

/// What an architecture does for the life of an mm and its page tables.
#[allow(async_fn_in_trait, reason = "programs run on one thread and are never sent")]
pub trait Arch: Sized + 'static {
    /// `exit_mmap()`: unmaps everything and frees the page tables.
    async fn exit_mmap(k: &Kernel, mm: MmStruct);
    /// `destroy_context()`.
    async fn destroy_context(_: &Kernel, _: MmStruct) {}
    /// `free_mm()`: gives the struct back to its cache.
    async fn free_mm(k: &Kernel, mm: MmStruct) {
        k.kmem_cache_free(mm).await;
    }
    /// `tlb_flush()`: invalidates the TLB of this mm.
    async fn tlb_flush(k: &Kernel, mm: MmStruct);
    /// `__tlb_remove_table()`: frees a table that nobody can reach any more.
    async fn tlb_remove_table(k: &Kernel, table: Table);
}

/// The functions of an architecture that are called by address.
trait Called: Arch {
    const MMDROP_ASYNC_FN: &'static Func;
}

impl<A: Arch> Called for A {
    const MMDROP_ASYNC_FN: &'static Func = &Func {
        name: "mmdrop_async_fn",
        call: |k, work| {
            Box::pin(async move {
                let k = &k.func("mmdrop_async_fn");
                let mm = container_of(Work::from_word(work), MmStruct::async_put_work);
                k.__mmdrop::<A>(mm).await;
            })
        },
    };
}

impl Kernel {
    /// `mmget()`: one more user; legal only for a user.
    pub async fn mmget(&self, mm: MmStruct) {
        self.func("mmget").atomic_inc(mm.mm_users()).await;
    }

    /// `mmget_not_zero()`: replies whether there still was a user.
    pub async fn mmget_not_zero(&self, mm: MmStruct) -> bool {
        self.func("mmget_not_zero").atomic_inc_not_zero(mm.mm_users()).await
    }

    /// `mmgrab()`: one more holder of the struct; legal only for a holder or user.
    pub async fn mmgrab(&self, mm: MmStruct) {
        self.func("mmgrab").atomic_inc(mm.mm_count()).await;
    }

    /// `mmput()`: the last user unmaps everything ([`Arch::exit_mmap`]); may sleep.
    pub async fn mmput<A: Arch>(&self, mm: MmStruct) {
        let k = &self.func("mmput");
        if k.atomic_dec_and_test(mm.mm_users()).await {
            A::exit_mmap(k, mm).await;
            k.mmdrop::<A>(mm).await;
        }
    }

    /// `mmdrop()`: the last holder frees the struct.
    pub async fn mmdrop<A: Arch>(&self, mm: MmStruct) {
        let k = &self.func("mmdrop");
        if k.atomic_dec_and_test(mm.mm_count()).await {
            k.__mmdrop::<A>(mm).await;
        }
    }

    /// `mmdrop_async()`: as [`Kernel::mmdrop`], but a work item does the rest: not everything in
    /// `__mmdrop()` is safe in a softirq.
    pub async fn mmdrop_async<A: Arch>(&self, mm: MmStruct) {
        let k = &self.func("mmdrop_async");
        if k.atomic_dec_and_test(mm.mm_count()).await {
            k.queue_work(mm.async_put_work(), A::MMDROP_ASYNC_FN).await;
        }
    }

    /// `__mmdrop()`: nobody holds the struct any more.
    pub async fn __mmdrop<A: Arch>(&self, mm: MmStruct) {
        let k = &self.func("__mmdrop");
        A::destroy_context(k, mm).await;
        A::free_mm(k, mm).await;
    }
}
