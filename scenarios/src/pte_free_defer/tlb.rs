//! The users of `context.lock` outside of the page-table allocator (arch/s390/include/asm/tlbflush.h
//! and arch/s390/mm/gmap.c, v6.3). Before the fix of the mail of 15 June 2023 they take it with
//! softirqs on, which is harmless as long as no softirq takes it.

use super::design::Design;
use ksim::program::mm::MmStruct;
use ksim::program::{Kernel, container_of};

ksim::kernel_struct! {
    /// `struct gmap`: a guest address space.
    pub struct Gmap("gmap", Slab) {
        list: ksim::program::ListHead,
        mm: ksim::program::Var<MmStruct>,
        asce: ksim::program::Var<u64>,
        ref_count: ksim::program::Refcount,
    }
}

async fn lock<D: Design>(k: &Kernel, mm: MmStruct) {
    if D::LOCK_BH {
        k.spin_lock_bh(mm.context().lock()).await;
    } else {
        k.spin_lock(mm.context().lock()).await;
    }
}

async fn unlock<D: Design>(k: &Kernel, mm: MmStruct) {
    if D::LOCK_BH {
        k.spin_unlock_bh(mm.context().lock()).await;
    } else {
        k.spin_unlock(mm.context().lock()).await;
    }
}

/// Flushes the TLB of the mm if a table was taken out of it since the last time.
pub async fn __tlb_flush_mm_lazy<D: Design>(k: &Kernel, mm: MmStruct) {
    let k = &k.func("__tlb_flush_mm_lazy");
    let context = mm.context();
    lock::<D>(k, mm).await;
    if k.read_once(context.flush_mm()).await {
        k.write_once(context.flush_mm(), false).await;
        __tlb_flush_mm(k, mm).await;
    }
    unlock::<D>(k, mm).await;
}

/// The flush itself touches nothing that others can see, but for the counter.
async fn __tlb_flush_mm(k: &Kernel, mm: MmStruct) {
    let k = &k.func("__tlb_flush_mm");
    k.atomic_inc(mm.context().flush_count()).await;
    k.read_once(mm.context().gmap_asce()).await;
    k.atomic_dec(mm.context().flush_count()).await;
}

/// A guest address space for this mm.
pub async fn gmap_create<D: Design>(k: &Kernel, mm: MmStruct, asce: u64) -> Gmap {
    let k = &k.func("gmap_create");
    let gmap: Gmap = k.kzalloc().await;
    k.refcount_set(gmap.ref_count(), 1).await;
    k.write(gmap.asce(), asce).await;
    k.write(gmap.mm(), mm).await;
    lock::<D>(k, mm).await;
    k.list_add_rcu(gmap.list(), mm.context().gmap_list()).await;
    let only = k.list_is_singular(mm.context().gmap_list()).await;
    k.write_once(mm.context().gmap_asce(), if only { asce } else { u64::MAX }).await;
    unlock::<D>(k, mm).await;
    gmap
}

/// Takes it off its mm and drops the reference that it has had since it was made.
pub async fn gmap_remove<D: Design>(k: &Kernel, gmap: Gmap) {
    let k = &k.func("gmap_remove");
    let mm = k.read(gmap.mm()).await;
    let gmaps = mm.context().gmap_list();
    lock::<D>(k, mm).await;
    k.list_del_rcu(gmap.list()).await;
    let asce = if k.list_empty(gmaps).await {
        0
    } else if k.list_is_singular(gmaps).await {
        let only = k.list_first(gmaps).await.unwrap_or(gmaps);
        k.read(container_of(only, Gmap::list).asce()).await
    } else {
        u64::MAX
    };
    k.write_once(mm.context().gmap_asce(), asce).await;
    unlock::<D>(k, mm).await;
    k.synchronize_rcu().await;
    gmap_put(k, gmap).await;
}

async fn gmap_put(k: &Kernel, gmap: Gmap) {
    let k = &k.func("gmap_put");
    if k.refcount_dec_and_test(gmap.ref_count()).await {
        k.kfree(gmap).await;
    }
}

/// The end of a context switch to a task of this mm.
pub async fn finish_arch_post_lock_switch<D: Design>(k: &Kernel, mm: MmStruct) {
    let k = &k.func("finish_arch_post_lock_switch");
    k.preempt_disable().await;
    k.spin_until(mm.context().flush_count(), 0).await;
    __tlb_flush_mm_lazy::<D>(k, mm).await;
    k.preempt_enable().await;
}
