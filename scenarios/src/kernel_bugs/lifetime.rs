//! Objects freed, queued or counted once too often or too early.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, ListHead, RcuHead, Refcount, Var, Work, container_of};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// `struct file`; `f_count` was a plain atomic then.
    struct File("file", Slab) { f_count: Atomic }
}
ksim::kernel_struct! {
    /// A message in the queue of a socket.
    struct Skb("sk_buff", Slab) { data: Var<u64> }
}
ksim::kernel_struct! {
    /// An object of a cache, freed by RCU.
    struct Tagged("tagged", Slab) { cache: Var<u64>, rcu: RcuHead }
}
ksim::kernel_struct! {
    /// `struct kmem_cache`, as far as a callback needs it.
    struct Cache("kmem_cache", Slab) { objects: Var<u64> }
}
ksim::kernel_struct! {
    /// `struct key`.
    struct Key("key", Slab) { usage: Refcount }
}
ksim::kernel_struct! {
    /// `struct workqueue_struct`.
    struct Wq("workqueue_struct", Slab) { flags: Var<u64> }
}
ksim::kernel_struct! {
    /// `struct pool_workqueue`.
    struct Pwq("pool_workqueue", Slab) { unbound_release_work: Work, wq: Var<Option<Wq>> }
}
ksim::kernel_struct! {
    /// taprio's `struct sched_gate_list`.
    struct Schedule("sched_gate_list", Slab) { rcu: RcuHead }
}
ksim::kernel_struct! {
    /// A class of the drr scheduler.
    struct DrrClass("drr_class", Slab) { alist: ListHead, qlen: Var<u64> }
}
ksim::kernel_fn! {
    static TAGGED_FREE = tagged_free;
    static RELEASE_WORKFN = pwq_unbound_release_workfn;
    static TAPRIO_FREE = taprio_free_sched_cb;
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [epoll(), unix_gc(), destroy_cache(), keyring(), pwq(), taprio(), drr()].concat()
}

/// The release of a file, after its last reference.
async fn fput(k: &Kernel, file: File) {
    let k = &k.func("fput");
    if k.atomic_dec_and_test(file.f_count()).await {
        k.kfree(file).await;
    }
}

/// 1. C: `fput()` drops the last reference; its release waits for the epoll mutex.
/// 2. E: holds the mutex and polls the file: takes a reference, 0 to 1, and drops it: the second
///    release.
/// 3. C frees what is free already.
///
/// Fix: poll only what `atomic_inc_not_zero()` could take.
fn epoll() -> Vec<Scenario> {
    let about = "epoll takes a reference of a file whose count is 0 already";
    let source = "4efaa5acf0a1 (CVE-2024-38580)";
    twins("epoll-file-count", about, source, &[Kind::DoubleFree], |sim, bug| {
        sim.cpus(2);
        let file: File = sim.object("file");
        let mutex = sim.mutex("ep.mtx");
        let linked = sim.word("linked", true);
        sim.set(file.f_count(), 1);
        sim.task(0, "close", move |k| async move {
            let k = &k.func("__fput");
            if k.atomic_dec_and_test(file.f_count()).await {
                k.mutex_lock(mutex).await;
                k.write_once(linked, false).await;
                k.mutex_unlock(mutex).await;
                k.kfree(file).await;
            }
        });
        sim.task(1, "epoll_wait", move |k| async move {
            let k = &k.func("ep_item_poll");
            k.mutex_lock(mutex).await;
            if k.read_once(linked).await {
                let got = if bug {
                    k.atomic_inc(file.f_count()).await;
                    true
                } else {
                    k.atomic_inc_not_zero(file.f_count()).await
                };
                if got {
                    k.relax().await;
                    fput(k, file).await;
                }
            }
            k.mutex_unlock(mutex).await;
        });
    })
}

/// Socket A is in flight in the queue of B, and B in that of A; B has a file descriptor, too.
///
/// 1. G: all references of A are in flight: a candidate.
/// 2. P: `recvmsg(MSG_PEEK)` on B installs A; P closes B.
/// 3. G: all references of B are in flight: a candidate. It purges the queues of both.
/// 4. P: receives from A, which is alive. (steps: inference)
///
/// Fix: `MSG_PEEK` waits until a garbage collection in progress is over.
fn unix_gc() -> Vec<Scenario> {
    let about = "MSG_PEEK takes a reference while the garbage collector counts them";
    twins("af-unix-gc-peek", about, "cbcf01128d0a", &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let (a, b): (File, File) = (sim.object("a"), sim.object("b"));
        let skb: Skb = sim.object("skb");
        sim.set(a.f_count(), 1);
        sim.set(b.f_count(), 2);
        let unix_gc_lock = sim.spin_lock("unix_gc_lock");
        sim.task(0, "gc", move |k| async move {
            let k = &k.func("unix_gc");
            k.spin_lock(unix_gc_lock).await;
            let inflight = 1;
            let dead = k.atomic_read(a.f_count()).await == inflight
                && k.atomic_read(b.f_count()).await == inflight;
            k.spin_unlock(unix_gc_lock).await;
            if dead {
                k.func("__skb_queue_purge").kfree(skb).await;
            }
        });
        sim.task(1, "peek", move |k| async move {
            let k = &k.func("unix_stream_read_generic");
            k.func("unix_peek_fds").atomic_inc(a.f_count()).await;
            if !bug {
                k.spin_lock(unix_gc_lock).await;
                k.spin_unlock(unix_gc_lock).await;
            }
            k.func("unix_release").atomic_dec(b.f_count()).await;
            k.read(skb.data()).await;
        });
    })
}

async fn tagged_free(k: &Kernel, head: RcuHead) {
    let k = &k.func("tagged_free");
    let object: Tagged = container_of(head, Tagged::rcu);
    let cache = Cache(ksim::base::ptr::Ptr(k.read(object.cache()).await));
    k.write(cache.objects(), 0).await;
    k.kfree(object).await;
}

/// 1. U: frees an object of the cache by RCU; stops using it; destroys the cache.
/// 2. R: the callback runs and returns the object to a cache that is gone.
///
/// Fix: `rcu_barrier()` before.
fn destroy_cache() -> Vec<Scenario> {
    let about = "a slab cache destroyed while callbacks still free into it";
    let source = "b55b423e8518, dc783ba4b9df";
    twins("slab-destroy-barrier", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        let (cache, object): (Cache, Tagged) = (sim.object("cache"), sim.object("object"));
        sim.set(object.cache(), cache.0.0);
        sim.task(0, "unload", move |k| async move {
            let k = &k.func("kmem_cache_destroy");
            k.call_rcu(object.rcu(), &TAGGED_FREE).await;
            if !bug {
                k.rcu_barrier().await;
            }
            k.kfree(cache).await;
        });
    })
}

/// 1. T: joins its own keyring again and again; each time one reference is not dropped.
///
/// Fix: `key_put()` on that path.
fn keyring() -> Vec<Scenario> {
    let about = "join_session_keyring() leaks a reference each time";
    let source = "23567fd052a9 (CVE-2016-0728)";
    twins("keys-session-leak", about, source, &[Kind::Refcount], |sim, bug| {
        sim.cpus(1);
        let keyring: Key = sim.object("keyring");
        sim.set(keyring.usage(), 0x7fff_fffc);
        sim.task(0, "join", move |k| async move {
            let k = &k.func("join_session_keyring");
            for _ in 0..5 {
                k.refcount_inc(keyring.usage()).await;
                if !bug {
                    k.refcount_dec(keyring.usage()).await;
                }
            }
        });
    })
}

async fn pwq_unbound_release_workfn(k: &Kernel, work: Work) {
    let k = &k.func("pwq_unbound_release_workfn");
    let pwq: Pwq = container_of(work, Pwq::unbound_release_work);
    if let Some(wq) = k.read(pwq.wq()).await {
        k.read(wq.flags()).await;
    }
    k.kfree(pwq).await;
}

/// 1. T: `alloc_workqueue()` fails midway; puts its pwqs, which queues their release; frees the wq.
/// 2. W: the release reads the wq.
///
/// Fix: the pwq is freed at once, without the release work.
fn pwq() -> Vec<Scenario> {
    let about = "a workqueue that fails to come up is freed before its pwqs are released";
    let source = "b42b0bddcbc8; mail 20210714091934.3124170-1-yangyingliang@huawei.com";
    twins("workqueue-pwq-release", about, source, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        let (wq, pwq): (Wq, Pwq) = (sim.object("wq"), sim.object("pwq"));
        sim.set(pwq.wq(), Some(wq));
        sim.task(0, "alloc", move |k| async move {
            let k = &k.func("alloc_workqueue");
            if bug {
                k.queue_work(pwq.unbound_release_work(), &RELEASE_WORKFN).await;
            } else {
                k.kfree(pwq).await;
            }
            k.kfree(wq).await;
        });
    })
}

async fn taprio_free_sched_cb(k: &Kernel, head: RcuHead) {
    let k = &k.func("taprio_free_sched_cb");
    k.kfree(container_of::<Schedule, RcuHead>(head, Schedule::rcu)).await;
}

async fn retire(k: &Kernel, oper: Var<Option<Schedule>>, bug: bool) {
    let seen = if bug { k.read_once(oper).await } else { k.xchg(oper, None).await };
    if let Some(schedule) = seen {
        k.call_rcu(schedule.rcu(), &TAPRIO_FREE).await;
        if bug {
            k.write_once(oper, None).await;
        }
    }
}

/// 1. The timer advances: the old schedule is queued; 2. a change of the configuration queues the
///    same one.
///
/// Here the fix takes the pointer with `xchg()`; the kernel's was not found.
fn taprio() -> Vec<Scenario> {
    let about = "a schedule queued by the timer and by a change of configuration";
    let source = "syzbot d17177af4afd8c6f804c";
    twins("taprio-double-call-rcu", about, source, &[Kind::DoubleCallRcu], |sim, bug| {
        sim.cpus(2);
        let old: Schedule = sim.object("oper_sched");
        let oper = sim.word("oper", Some(old));
        sim.irq(0, "hrtimer", 1, move |k| async move {
            retire(&k.func("switch_schedules"), oper, bug).await;
        });
        sim.task(0, "change", move |k| async move {
            let k = &k.func("taprio_change");
            k.rcu_read_lock().await;
            retire(k, oper, bug).await;
            k.rcu_read_unlock().await;
        });
    })
}

/// 1. The enqueue sees the child empty and calls it; netem duplicates the packet, which enqueues
///    again for the same class and puts it on the list.
/// 2. The outer call puts it on the list, too.
///
/// Fix: look at the list node after the child has returned.
fn drr() -> Vec<Scenario> {
    let about = "a class put on the active list by an enqueue within its own enqueue";
    twins("net-drr-double-add", about, "f99a3fbf023e", &[Kind::ListCorruption], |sim, bug| {
        sim.cpus(1);
        let class: DrrClass = sim.object("class");
        let active = sim.list_head("active");
        sim.init_list_head(class.alist());
        sim.task(0, "send", move |k| async move {
            let outer = k.func("drr_enqueue");
            let first = outer.read(class.qlen()).await == 0;
            let inner = outer.func("netem_enqueue").func("drr_enqueue");
            for k in [inner, outer] {
                let qlen = k.read(class.qlen()).await;
                k.write(class.qlen(), qlen + 1).await;
                let add = if bug { first } else { k.list_empty(class.alist()).await };
                if add {
                    k.list_add(class.alist(), active).await;
                }
            }
        });
    })
}
