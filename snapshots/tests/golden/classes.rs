//! One small scenario for each class of finding.

use ksim::base::finding::Kind;
use ksim::program::{
    Atomic, Kernel, ListHead, Mutex, RcuHead, Refcount, SpinLock, Var, container_of,
};
use ksim::run::{Scenario, Sim};

ksim::kernel_struct! {
    /// The owner of a list of pages.
    pub struct MmStruct("mm_struct", Slab) { lock: SpinLock, mm_count: Atomic, pgtable_list: ListHead }
}
ksim::kernel_struct! {
    /// A page-table page.
    pub struct Page("page", Page) {
        _mapcount: Atomic,
        union { lru: ListHead, rcu_head: RcuHead },
        mm: Var<Option<MmStruct>>,
    }
    free_checks { _mapcount & u64::MAX => 0, "nonzero mapcount" }
}
ksim::kernel_struct! {
    /// A counted object.
    pub struct Session("session", Slab) { refs: Refcount, state: Var<u64>, owner: Mutex }
}

async fn pte_free_now(k: &Kernel, head: RcuHead) {
    let k = &k.func("pte_free_now");
    let page: Page = container_of(head, Page::rcu_head);
    if let Some(mm) = k.read(page.mm()).await {
        k.spin_lock_bh(mm.lock()).await;
        k.spin_unlock_bh(mm.lock()).await;
    }
    k.free_page(page).await;
}
ksim::kernel_fn! { static PTE_FREE_NOW = pte_free_now }

async fn pte_free_defer(k: &Kernel, page: Page) {
    let k = &k.func("pte_free_defer");
    k.call_rcu(page.rcu_head(), &PTE_FREE_NOW).await;
}

async fn mmdrop(k: &Kernel, mm: MmStruct) {
    let k = &k.func("mmdrop");
    if k.atomic_dec_and_test(mm.mm_count()).await {
        let k = &k.func("__mmdrop");
        k.kmem_cache_free(mm).await;
    }
}

async fn unlink(k: &Kernel, mm: MmStruct, page: Page) {
    let k = &k.func("page_table_free");
    k.spin_lock_bh(mm.lock()).await;
    k.spin_unlock_bh(mm.lock()).await;
    k.list_del(page.lru()).await;
}

fn mm_and_page(sim: &mut Sim) -> (MmStruct, Page) {
    sim.cpus(2);
    let (mm, page): (MmStruct, Page) = (sim.object("mm"), sim.object("page"));
    sim.set(mm.mm_count(), 1);
    sim.set(page.mm(), Some(mm));
    sim.init_list_head(mm.pgtable_list());
    (mm, page)
}

/// A callback that finds its mm freed; with or without one more operation that has nothing to do
/// with it.
pub(crate) fn use_after_free(longer: bool) -> Scenario {
    let build = move |sim: &mut Sim| {
        let (mm, page) = mm_and_page(sim);
        sim.task(0, "munmap", move |k| async move { pte_free_defer(&k, page).await });
        sim.task(1, "exit", move |k| async move {
            k.func("exit_mm").atomic_inc(mm.mm_count()).await;
            if longer {
                k.func("exit_mm").relax().await;
            }
            k.func("exit_mm").atomic_dec(mm.mm_count()).await;
            mmdrop(&k, mm).await;
        });
    };
    of(Kind::UseAfterFree, build)
}

/// The scenarios. Each shows one kind.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        use_after_free(false),
        of(Kind::DoubleFree, |sim| {
            sim.cpus(2);
            let session: Session = sim.object("session");
            for cpu in 0..2 {
                sim.task(cpu, "close", move |k| async move {
                    let k = &k.func("session_close");
                    if k.read_once(session.state()).await == 0 {
                        k.kfree(session).await;
                    }
                });
            }
        }),
        of(Kind::ListCorruption, |sim| {
            let (mm, page) = mm_and_page(sim);
            sim.list_add_tail(page.lru(), mm.pgtable_list());
            for cpu in 0..2 {
                sim.task(cpu, "free", move |k| async move { unlink(&k, mm, page).await });
            }
        }),
        of(Kind::DoubleCallRcu, |sim| {
            let (_, page) = mm_and_page(sim);
            for cpu in 0..2 {
                sim.task(cpu, "collapse", move |k| async move { pte_free_defer(&k, page).await });
            }
        }),
        of(Kind::OverlayConflict, |sim| {
            let (mm, page) = mm_and_page(sim);
            sim.task(0, "collapse", move |k| async move { pte_free_defer(&k, page).await });
            sim.task(1, "free", move |k| async move {
                let k = &k.func("page_table_free");
                k.spin_lock_bh(mm.lock()).await;
                k.list_add(page.lru(), mm.pgtable_list()).await;
                k.spin_unlock_bh(mm.lock()).await;
            });
        }),
        of(Kind::ImpossibleState, |sim| {
            sim.cpus(2);
            let session: Session = sim.object("session");
            sim.invariant(Session::state, "two owners at most", |value| value <= 2);
            for cpu in 0..2 {
                sim.task(cpu, "open", move |k| async move {
                    let k = &k.func("session_open");
                    let seen = k.read(session.state()).await;
                    k.write(session.state(), seen + 1).await;
                    k.write(session.state(), 2 * seen + 1).await;
                });
            }
        }),
        of(Kind::Deadlock, |sim| {
            sim.cpus(2);
            let (a, b) = (sim.mutex("a_lock"), sim.mutex("b_lock"));
            for (cpu, role, first, second) in [(0, "rename", a, b), (1, "unlink", b, a)] {
                sim.task(cpu, role, move |k| async move {
                    let k = &k.func(if cpu == 0 { "do_rename" } else { "do_unlink" });
                    k.mutex_lock(first).await;
                    k.mutex_lock(second).await;
                    k.mutex_unlock(second).await;
                    k.mutex_unlock(first).await;
                });
            }
        }),
        of(Kind::InconsistentLockState, |sim| {
            let (mm, page) = mm_and_page(sim);
            sim.task(0, "flush", move |k| async move {
                let k = &k.func("__tlb_flush_mm_lazy");
                k.spin_lock(mm.lock()).await;
                k.spin_unlock(mm.lock()).await;
                pte_free_defer(k, page).await;
            });
        }),
        of(Kind::LockInversion, |sim| {
            sim.cpus(2);
            let (inode, page) = (sim.spin_lock("i_lock"), sim.spin_lock("pages_lock"));
            sim.task(0, "evict", move |k| async move {
                let k = &k.func("evict_inodes");
                k.spin_lock(inode).await;
                k.spin_lock(page).await;
                k.spin_unlock(page).await;
                k.spin_unlock(inode).await;
            });
            sim.task(1, "dirty", move |k| async move {
                let k = &k.func("mark_dirty");
                k.spin_lock(page).await;
                k.spin_lock(inode).await;
                k.spin_unlock(inode).await;
                k.spin_unlock(page).await;
            });
        }),
        of(Kind::WriteBeforeGracePeriod, |sim| {
            let (_, page) = mm_and_page(sim);
            sim.task(0, "collapse", move |k| async move {
                let k = &k.func("pte_free_defer");
                k.rcu_retire(page.mm()).await;
                k.write(page.mm(), None).await;
                k.call_rcu(page.rcu_head(), &PTE_FREE_NOW).await;
            });
        }),
        of(Kind::Stall, |sim| {
            sim.cpus(2);
            let ready = sim.word("ready", false);
            sim.task(0, "poll", move |k| async move {
                let k = &k.func("wait_for_device");
                k.preempt_disable().await;
                while !k.read_once(ready).await {
                    k.relax().await;
                }
                k.preempt_enable().await;
            });
            sim.task(1, "sync", move |k| async move {
                k.func("unregister_device").synchronize_rcu().await;
            });
        }),
        of(Kind::DataRace, |sim| {
            sim.cpus(2);
            sim.settings().data_race = true;
            let session: Session = sim.object("session");
            sim.task(0, "write", move |k| async move {
                k.func("ext4_write_end").write(session.state(), 4096).await;
            });
            sim.task(1, "writeback", move |k| async move {
                k.func("ext4_writepages").read(session.state()).await;
            });
        }),
        of(Kind::SleepInAtomic, |sim| {
            sim.cpus(1);
            let (lock, session): (SpinLock, Session) =
                (sim.spin_lock("lock"), sim.object("session"));
            sim.task(0, "reclaim", move |k| async move {
                let k = &k.func("reclaim");
                k.spin_lock(lock).await;
                k.mutex_lock(session.owner()).await;
                k.mutex_unlock(session.owner()).await;
                k.spin_unlock(lock).await;
            });
        }),
        of(Kind::SuspiciousRcu, |sim| {
            sim.cpus(1);
            sim.task(0, "reader", move |k| async move {
                let k = &k.func("reader");
                k.rcu_read_lock().await;
            });
        }),
        of(Kind::Refcount, |sim| {
            sim.cpus(2);
            let session: Session = sim.object("session");
            sim.set(session.refs(), 1);
            sim.task(0, "put", move |k| async move {
                k.func("session_put").refcount_dec_and_test(session.refs()).await;
            });
            sim.task(1, "get", move |k| async move {
                k.func("session_get").refcount_inc(session.refs()).await;
            });
        }),
        of(Kind::BadPageState, |sim| {
            let (_, page) = mm_and_page(sim);
            sim.task(0, "free", move |k| async move {
                k.func("page_table_free").free_page(page).await;
            });
            sim.task(1, "map", move |k| async move {
                k.func("page_add_anon_rmap").atomic_inc(page._mapcount()).await;
            });
        }),
        of(Kind::Leak, |sim| {
            sim.settings().leaks = true;
            sim.task(0, "open", move |k| async move {
                let _: Session = k.func("session_open").kzalloc().await;
            });
        }),
        of(Kind::Assertion, |sim| {
            sim.cpus(2);
            let count = sim.word("count", 0_u64);
            for cpu in 0..2 {
                sim.task(cpu, "inc", move |k| async move {
                    let seen = k.read_once(count).await;
                    k.write_once(count, seen + 1).await;
                });
            }
            sim.at_end(move |end| match end.get(count) {
                2 => Ok(()),
                other => Err(format!("count is {other}, not 2")),
            });
        }),
    ]
}

fn of(kind: Kind, build: impl Fn(&mut Sim) + Send + Sync + 'static) -> Scenario {
    let name = format!("class/{kind}");
    Scenario::new(name, "one class of finding", move |sim, _| build(sim)).finds(&[kind])
}
