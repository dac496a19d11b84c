//! Allocation.

use super::handle::Object;
use super::kernel::{Kernel, Operation};
use crate::base::op::{Gfp, Op};

impl Kernel {
    /// `kzalloc(GFP_KERNEL)`: may sleep; does not fail.
    pub async fn kzalloc<T: Object>(&self) -> T {
        let op = Op::Alloc { ty: T::desc(), gfp: Gfp::Kernel, zero: true };
        let object: Option<T> = self.op("kzalloc", op).await;
        object.unwrap_or_else(|| T::from_ptr(crate::base::ptr::Ptr::NULL))
    }

    /// `kmem_cache_alloc(GFP_KERNEL)`: not zeroed (a type-safe cache keeps what was there).
    pub async fn kmem_cache_alloc<T: Object>(&self) -> T {
        let op = Op::Alloc { ty: T::desc(), gfp: Gfp::Kernel, zero: false };
        let object: Option<T> = self.op("kmem_cache_alloc", op).await;
        object.unwrap_or_else(|| T::from_ptr(crate::base::ptr::Ptr::NULL))
    }

    /// `kzalloc(GFP_ATOMIC)`: must not sleep; where the scenario injects failures, the schedule
    /// decides whether it fails.
    #[track_caller]
    pub fn kzalloc_atomic<T: Object>(&self) -> Operation<'_, Option<T>> {
        self.op("kzalloc", Op::Alloc { ty: T::desc(), gfp: Gfp::Atomic, zero: true })
    }

    /// `alloc_page(GFP_KERNEL)`: may sleep; does not fail.
    pub async fn alloc_page<T: Object>(&self) -> T {
        let op = Op::Alloc { ty: T::desc(), gfp: Gfp::Kernel, zero: true };
        let page: Option<T> = self.op("alloc_page", op).await;
        page.unwrap_or_else(|| T::from_ptr(crate::base::ptr::Ptr::NULL))
    }

    /// `__get_free_page(GFP_NOWAIT)`: must not sleep; may fail as [`Kernel::kzalloc_atomic`].
    #[track_caller]
    pub fn get_free_page_nowait<T: Object>(&self) -> Operation<'_, Option<T>> {
        self.op("__get_free_page", Op::Alloc { ty: T::desc(), gfp: Gfp::Atomic, zero: true })
    }

    /// `kfree()`.
    #[track_caller]
    pub fn kfree<T: Object>(&self, object: T) -> Operation<'_, ()> {
        self.op("kfree", Op::Free { at: object.ptr() })
    }

    /// `kmem_cache_free()`.
    #[track_caller]
    pub fn kmem_cache_free<T: Object>(&self, object: T) -> Operation<'_, ()> {
        self.op("kmem_cache_free", Op::Free { at: object.ptr() })
    }

    /// `__free_page()`: checks the page's state as `free_pages_prepare()` does.
    #[track_caller]
    pub fn free_page<T: Object>(&self, page: T) -> Operation<'_, ()> {
        self.op("__free_page", Op::Free { at: page.ptr() })
    }
}
