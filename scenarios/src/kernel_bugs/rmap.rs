//! The way back from an anonymous page to its VMAs: `mm/rmap.c` of v5.19.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, ListHead, RwSem, Var, container_of};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// `struct anon_vma`: with the one counter from before the fix, and with the two from after it.
    struct AnonVma("anon_vma", SlabTypesafeByRcu) {
        root: Var<AnonVma>,
        rwsem: RwSem,
        refcount: Atomic,
        degree: Var<u64>,
        num_children: Var<u64>,
        num_active_vmas: Var<u64>,
        parent: Var<AnonVma>,
        /// The interval tree, here a list.
        rb_root: ListHead,
    }
}
ksim::kernel_struct! {
    /// `struct anon_vma_chain`: one VMA in one anon_vma.
    struct Avc("anon_vma_chain", Slab) {
        vma: Var<Vma>,
        anon_vma: Var<AnonVma>,
        same_vma: ListHead,
        rb: ListHead,
    }
}
ksim::kernel_struct! {
    /// `struct vm_area_struct`.
    struct Vma("vm_area_struct", Slab) {
        anon_vma_chain: ListHead,
        anon_vma: Var<Option<AnonVma>>,
    }
}
ksim::kernel_struct! {
    /// An anonymous page.
    struct Page("page", Page) { mapping: Var<Option<AnonVma>> }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    anon_vma_degree()
}

impl AnonVma {
    /// Counts the anon_vmas whose parent this is; of a root, itself too.
    fn children(self, bug: bool) -> Var<u64> {
        if bug { self.degree() } else { self.num_children() }
    }

    /// Counts the VMAs whose new pages go here.
    fn active_vmas(self, bug: bool) -> Var<u64> {
        if bug { self.degree() } else { self.num_active_vmas() }
    }
}

async fn inc(k: &Kernel, counter: Var<u64>) {
    let count = k.read(counter).await;
    k.write(counter, count + 1).await;
}

async fn dec(k: &Kernel, counter: Var<u64>) {
    let count = k.read(counter).await;
    k.write(counter, count - 1).await;
}

async fn anon_vma_alloc(k: &Kernel) -> AnonVma {
    let k = &k.func("anon_vma_alloc");
    let anon_vma: AnonVma = k.kmem_cache_alloc().await;
    k.init_list_head(anon_vma.rb_root()).await;
    k.atomic_set(anon_vma.refcount(), 1).await;
    k.write(anon_vma.parent(), anon_vma).await;
    k.write(anon_vma.root(), anon_vma).await;
    anon_vma
}

async fn put_anon_vma(k: &Kernel, anon_vma: AnonVma) {
    let k = &k.func("put_anon_vma");
    if !k.atomic_dec_and_test(anon_vma.refcount()).await {
        return;
    }
    let root = k.read(anon_vma.root()).await;
    k.kmem_cache_free(anon_vma).await;
    if root != anon_vma && k.atomic_dec_and_test(root.refcount()).await {
        k.kmem_cache_free(root).await;
    }
}

async fn anon_vma_lock_write(k: &Kernel, anon_vma: AnonVma) -> RwSem {
    let root = k.read(anon_vma.root()).await;
    k.down_write(root.rwsem()).await;
    root.rwsem()
}

async fn anon_vma_chain_link(k: &Kernel, vma: Vma, anon_vma: AnonVma) {
    let avc: Avc = k.kmem_cache_alloc().await;
    let k = &k.func("anon_vma_chain_link");
    k.write(avc.vma(), vma).await;
    k.write(avc.anon_vma(), anon_vma).await;
    k.list_add(avc.same_vma(), vma.anon_vma_chain()).await;
    k.list_add(avc.rb(), anon_vma.rb_root()).await;
}

/// The chain of a VMA, from the newest anon_vma to the root.
async fn chain(k: &Kernel, vma: Vma) -> Vec<(Avc, AnonVma)> {
    let mut chain = Vec::new();
    let mut node = k.list_next(vma.anon_vma_chain()).await;
    while node != vma.anon_vma_chain() {
        let avc = container_of(node, Avc::same_vma);
        chain.push((avc, k.read(avc.anon_vma()).await));
        node = k.list_next(node).await;
    }
    chain
}

/// At the first fault.
async fn anon_vma_prepare(k: &Kernel, vma: Vma, bug: bool) {
    let k = &k.func("__anon_vma_prepare");
    let anon_vma = anon_vma_alloc(k).await;
    inc(k, anon_vma.children(bug)).await;
    let lock = anon_vma_lock_write(k, anon_vma).await;
    k.write(vma.anon_vma(), Some(anon_vma)).await;
    anon_vma_chain_link(k, vma, anon_vma).await;
    inc(k, anon_vma.active_vmas(bug)).await;
    k.up_write(lock).await;
}

/// Links `dst` to all that `src` is linked to, and reuses one of them if `dst` has none of its own.
async fn anon_vma_clone(k: &Kernel, dst: Vma, src: Vma, bug: bool) {
    let k = &k.func("anon_vma_clone");
    let mut lock = None;
    for (_, anon_vma) in chain(k, src).await.into_iter().rev() {
        if lock.is_none() {
            lock = Some(anon_vma_lock_write(k, anon_vma).await);
        }
        anon_vma_chain_link(k, dst, anon_vma).await;
        if k.read(dst.anon_vma()).await.is_some() || k.read(src.anon_vma()).await == Some(anon_vma)
        {
            continue;
        }
        let reuse = match bug {
            true => k.read(anon_vma.degree()).await < 2,
            false => {
                k.read(anon_vma.num_children()).await < 2
                    && k.read(anon_vma.num_active_vmas()).await == 0
            }
        };
        if reuse {
            k.write(dst.anon_vma(), Some(anon_vma)).await;
        }
    }
    if let Some(anon_vma) = k.read(dst.anon_vma()).await {
        inc(k, anon_vma.active_vmas(bug)).await;
    }
    if let Some(lock) = lock {
        k.up_write(lock).await;
    }
}

async fn anon_vma_fork(k: &Kernel, vma: Vma, pvma: Vma, bug: bool) {
    let k = &k.func("anon_vma_fork");
    let Some(parent) = k.read(pvma.anon_vma()).await else { return };
    k.write(vma.anon_vma(), None).await;
    anon_vma_clone(k, vma, pvma, bug).await;
    if k.read(vma.anon_vma()).await.is_some() {
        return;
    }
    let anon_vma = anon_vma_alloc(k).await;
    inc(k, anon_vma.active_vmas(bug)).await;
    let root = k.read(parent.root()).await;
    k.write(anon_vma.root(), root).await;
    k.write(anon_vma.parent(), parent).await;
    k.atomic_inc(root.refcount()).await;
    k.write(vma.anon_vma(), Some(anon_vma)).await;
    let lock = anon_vma_lock_write(k, anon_vma).await;
    anon_vma_chain_link(k, vma, anon_vma).await;
    inc(k, parent.children(bug)).await;
    k.up_write(lock).await;
}

async fn unlink_anon_vmas(k: &Kernel, vma: Vma, bug: bool) {
    let k = &k.func("unlink_anon_vmas");
    let (mut lock, mut empty) = (None, Vec::new());
    for (avc, anon_vma) in chain(k, vma).await {
        if lock.is_none() {
            lock = Some(anon_vma_lock_write(k, anon_vma).await);
        }
        k.list_del(avc.rb()).await;
        if k.list_empty(anon_vma.rb_root()).await {
            let parent = k.read(anon_vma.parent()).await;
            dec(k, parent.children(bug)).await;
            empty.push((avc, anon_vma));
            continue;
        }
        k.list_del(avc.same_vma()).await;
        k.kmem_cache_free(avc).await;
    }
    if let Some(anon_vma) = k.read(vma.anon_vma()).await {
        dec(k, anon_vma.active_vmas(bug)).await;
        k.write(vma.anon_vma(), None).await;
    }
    if let Some(lock) = lock {
        k.up_write(lock).await;
    }
    for (avc, anon_vma) in empty {
        let unused = k.read(anon_vma.children(bug)).await == 0
            && k.read(anon_vma.active_vmas(bug)).await == 0;
        k.assert(unused, "VM_WARN_ON(anon_vma->num_children || anon_vma->num_active_vmas)").await;
        put_anon_vma(k, anon_vma).await;
        k.list_del(avc.same_vma()).await;
        k.kmem_cache_free(avc).await;
    }
}

async fn vm_area_dup(k: &Kernel, old: Vma) -> Vma {
    let new: Vma = k.func("vm_area_dup").kmem_cache_alloc().await;
    let anon_vma = k.read(old.anon_vma()).await;
    k.write(new.anon_vma(), anon_vma).await;
    k.init_list_head(new.anon_vma_chain()).await;
    new
}

/// The VMAs of a child of a process with these.
async fn fork(k: &Kernel, vmas: &[Vma], bug: bool) -> Vec<Vma> {
    let k = &k.func("dup_mmap");
    let mut child = Vec::new();
    for &mpnt in vmas {
        let tmp = vm_area_dup(k, mpnt).await;
        anon_vma_fork(k, tmp, mpnt, bug).await;
        child.push(tmp);
    }
    child
}

async fn remove(k: &Kernel, vma: Vma, bug: bool) {
    unlink_anon_vmas(k, vma, bug).await;
    k.kmem_cache_free(vma).await;
}

async fn exit(k: &Kernel, vmas: Vec<Vma>, bug: bool) {
    let k = &k.func("exit_mmap");
    for vma in vmas {
        remove(k, vma, bug).await;
    }
}

/// `mprotect()` of the second half.
async fn split(k: &Kernel, vmas: &mut Vec<Vma>, bug: bool) {
    let k = &k.func("__split_vma");
    let new = vm_area_dup(k, vmas[0]).await;
    anon_vma_clone(k, new, vmas[0], bug).await;
    vmas.push(new);
}

/// `mprotect()` of the second half back, in the belief that VMAs with one anon_vma have one chain.
async fn merge(k: &Kernel, vmas: &mut Vec<Vma>, bug: bool) {
    let k = &k.func("vma_merge");
    let is_mergeable_anon_vma =
        k.read(vmas[0].anon_vma()).await == k.read(vmas[1].anon_vma()).await;
    if is_mergeable_anon_vma && let Some(next) = vmas.pop() {
        remove(k, next, bug).await;
    }
}

async fn page_add_new_anon_rmap(k: &Kernel, page: Page, vma: Vma) {
    let k = &k.func("page_add_new_anon_rmap");
    let anon_vma = k.read(vma.anon_vma()).await;
    k.write(page.mapping(), anon_vma).await;
}

/// Before a page that is mapped can be reclaimed.
async fn page_lock_anon_vma_read(k: &Kernel, page: Page) {
    let k = &k.func("page_lock_anon_vma_read");
    k.rcu_read_lock().await;
    if let Some(anon_vma) = k.read_once(page.mapping()).await {
        let root = k.read_once(anon_vma.root()).await;
        if k.down_read_trylock(root.rwsem()).await {
            k.up_read(root.rwsem()).await;
        }
    }
    k.rcu_read_unlock().await;
}

/// One after the other, without any race. A is the first anon_vma (`#0` in reports), B the second, …
///
/// 1. `init` (A) forks `one` (B), and that `two` (C); `one` exits, and B has nothing but the child C.
/// 2. `two` forks `three`, which reuses B. So it is no child of C, though linked to it.
/// 3. `two` and `three` split their VMAs: C has two, and so is not reused when `three` forks `four`,
///    whose VMAs get D and E. `four` writes a page in the second one: the page points to E.
/// 4. `two` exits: C has no VMA and no child.
/// 5. `four` forks `five`. Its first VMA reuses C; C has a degree of 1, as if it had only a child, so
///    the second VMA reuses it, too. One is linked to D, and the other to E.
/// 6. `five` merges the two, since they have the same anon_vma, and keeps the chain of the first.
/// 7. `four` exits: nobody is linked to E any more, and it is freed. `five` still maps the page.
/// 8. After a grace period (type-safe memory lasts so long) `five` gives the page to reclaim, which
///    follows it to E.
///
/// No shorter sequence does it. Fix: two counters, so that C is not reused while it has a VMA. (what
/// goes wrong: message of the commit; steps: inference)
fn anon_vma_degree() -> Vec<Scenario> {
    let about = "an anon_vma reused twice, so VMAs merge that are not linked to the same ones";
    let source = "2555283eb40d (CVE-2022-42703)";
    twins("anon-vma-degree", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        sim.settings().leaks = true;
        let page: Page = sim.object("page");
        let vma: Vma = sim.object("vma");
        sim.init_list_head(vma.anon_vma_chain());
        sim.task(0, "test", move |k| async move {
            let init = vec![vma];
            anon_vma_prepare(&k, vma, bug).await;
            let one = fork(&k, &init, bug).await;
            let mut two = fork(&k, &one, bug).await;
            exit(&k, one, bug).await;
            let mut three = fork(&k, &two, bug).await;
            split(&k, &mut two, bug).await;
            split(&k, &mut three, bug).await;
            let four = fork(&k, &three, bug).await;
            page_add_new_anon_rmap(&k, page, four[1]).await;
            exit(&k, two, bug).await;
            let mut five = fork(&k, &four, bug).await;
            merge(&k, &mut five, bug).await;
            exit(&k, four, bug).await;
            k.func("sys_membarrier").synchronize_rcu().await;
            page_lock_anon_vma_read(&k.func("madvise_pageout"), page).await;
            k.write(page.mapping(), None).await;
            for vmas in [five, three, init] {
                exit(&k, vmas, bug).await;
            }
        });
    })
}
