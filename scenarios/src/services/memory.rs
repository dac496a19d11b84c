//! Memory: allocation and its failure, frees, reuse, leaks, page state, overlaid words.

use super::{expect, twins};
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, ListHead, RcuHead, Var};
use ksim::run::Scenario;

const SLAB: &str = "mm/slub.c, mm/kasan/, v6.3";
const PAGE: &str = "mm/page_alloc.c, v6.3";
const RCU: &str = "kernel/rcu/tree.c, include/linux/mm_types.h, v6.3";

ksim::kernel_struct! {
    /// A node of a stack.
    struct Node("node", Slab) { next: Var<Option<Node>>, value: Var<u64> }
}
ksim::kernel_struct! {
    /// A page, as far as it matters here.
    struct Page("page", Page) { flags: Atomic, union { lru: ListHead, rcu_head: RcuHead } }
    free_checks { flags & 0x40 => 0, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set" }
}
ksim::kernel_struct! {
    /// A slab object whose list node and `rcu_head` are the same words.
    struct Session("session", Slab) { union { node: ListHead, rcu: RcuHead }, state: Var<u64> }
}

/// `PG_active`.
const ACTIVE: u64 = 0x40;

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        use_after_free(),
        double_free(),
        invalid_free(),
        out_of_bounds(),
        reuse(),
        aba(),
        alloc_failure(),
        leak(),
        bad_page(),
        free_page_on_list(),
        add_queued(),
        queue_listed(),
        write_queued(),
    ]
    .concat()
}

/// 1. CPU0 publishes the node, and CPU1 takes the pointer.
/// 2. CPU0 frees it; CPU1 writes.
fn use_after_free() -> Vec<Scenario> {
    let about = "an object freed while another CPU writes to it";
    twins("use-after-free", about, SLAB, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(2);
        let node: Node = sim.object("node");
        let done = sim.word("done", 0u64);
        sim.task(0, "owner", move |k| async move {
            if !bug {
                k.spin_until(done, 1).await;
            }
            k.kfree(node).await;
        });
        sim.task(1, "user", move |k| async move {
            let k = &k.func("user");
            k.write(node.value(), 1).await;
            k.write_once(done, 1).await;
        });
    })
}

/// 1. Both CPUs see the pointer; both free.
fn double_free() -> Vec<Scenario> {
    let about = "one object freed by two CPUs, each of which saw the pointer";
    twins("double-free", about, SLAB, &[Kind::DoubleFree], |sim, bug| {
        sim.cpus(2);
        let node: Node = sim.object("node");
        let slot = sim.word("slot", Some(node));
        for cpu in 0..2 {
            sim.task(cpu, "free", move |k| async move {
                let seen = if bug {
                    let seen = k.read_once(slot).await;
                    k.write_once(slot, None).await;
                    seen
                } else {
                    k.xchg(slot, None).await
                };
                if let Some(node) = seen {
                    k.kfree(node).await;
                }
            });
        }
    })
}

/// 1. The task frees a pointer into the object instead of its start.
fn invalid_free() -> Vec<Scenario> {
    let about = "kfree() of a pointer into an object";
    twins("invalid-free", about, SLAB, &[Kind::DoubleFree], |sim, bug| {
        sim.cpus(1);
        let node: Node = sim.object("node");
        let at = if bug { node.value().0 } else { node.0 };
        sim.task(0, "free", move |k| async move {
            k.func("release").kfree(Node(at)).await;
        });
    })
}

/// 1. The task writes behind the end of the object.
fn out_of_bounds() -> Vec<Scenario> {
    let about = "a write behind the end of an object";
    twins("out-of-bounds", about, SLAB, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        let node: Node = sim.object("node");
        let at: Var = <Var as ksim::program::Field>::at(node.0.word(if bug { 2 } else { 1 }));
        sim.task(0, "task", move |k| async move { k.func("fill").write(at, 1).await });
    })
}

/// 1. CPU0 frees a node and gets the same memory back; CPU1 still writes to the first one.
/// 2. Without KASAN nobody notices; the write is seen in the new object.
fn reuse() -> Vec<Scenario> {
    let about = "without KASAN a stale write lands in the next object of the slot";
    twins("reuse", about, SLAB, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        sim.reuse_memory(bug);
        sim.kasan(false);
        let node: Node = sim.object("node");
        sim.task(0, "owner", move |k| async move {
            k.kfree(node).await;
            let new: Node = k.kzalloc().await;
            let value = k.read(new.value()).await;
            let again = k.read(new.value()).await;
            k.assert((value, again) == (0, 0), "nobody else knows the new node").await;
        });
        sim.task(1, "user", move |k| async move { k.write(node.value(), 7).await });
    })
}

/// A lock-free stack (Treiber). 1. CPU0 reads top A and its next B.
/// 2. CPU1 pops A and B, frees both, and pushes a new node that is A's memory.
/// 3. The `cmpxchg()` of CPU0 finds the same address, and makes the freed B the top.
fn aba() -> Vec<Scenario> {
    let about = "ABA: a lock-free pop meets a node freed and allocated again";
    twins("aba", about, SLAB, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        sim.reuse_memory(bug);
        sim.kasan(false);
        let (a, b): (Node, Node) = (sim.object("a"), sim.object("b"));
        let top = sim.word("top", Some(a));
        sim.set(a.next(), Some(b));
        sim.task(0, "pop", move |k| async move {
            pop(&k, top).await;
        });
        sim.task(1, "recycle", move |k| async move {
            let (first, second) = (pop(&k, top).await, pop(&k, top).await);
            for node in [second, first].into_iter().flatten() {
                k.kfree(node).await;
            }
            if second.is_none() {
                return;
            }
            let new: Node = k.kzalloc().await;
            k.write_once(top, Some(new)).await;
        });
        sim.at_end(move |end| match end.get(top) {
            Some(node) if !end.is_live(node) => Err("the top of the stack is freed".to_owned()),
            _ => Ok(()),
        });
    })
}

async fn pop(k: &Kernel, top: Var<Option<Node>>) -> Option<Node> {
    let k = &k.func("pop");
    loop {
        let old = k.read_once(top).await?;
        let next = k.read_once(old.next()).await;
        let next = next.filter(|n| n.0.is_kernel());
        let seen = k.cmpxchg(top, Some(old), next).await;
        if seen.is_some_and(|s| ksim::base::ptr::same_word(s.0.0, old.0.0)) {
            return Some(old);
        }
    }
}

/// 1. The allocation fails, as the schedule decides; the caller uses its result all the same.
fn alloc_failure() -> Vec<Scenario> {
    let about = "kzalloc(GFP_ATOMIC) fails and nobody looks";
    twins("alloc-failure", about, SLAB, &[Kind::UseAfterFree], |sim, bug| {
        sim.cpus(1);
        sim.settings().alloc_may_fail = true;
        sim.task(0, "task", move |k| async move {
            let k = &k.func("prepare");
            let node: Option<Node> = k.kzalloc_atomic().await;
            let null = <Node as ksim::program::Object>::from_ptr(ksim::base::ptr::Ptr::NULL);
            let node = match node {
                None if !bug => return,
                node => node.unwrap_or(null),
            };
            k.write(node.value(), 1).await;
            k.kfree(node).await;
        });
    })
}

/// 1. The task allocates, and forgets.
fn leak() -> Vec<Scenario> {
    let about = "an object that no pointer leads to when all is done";
    twins("leak", about, "mm/kmemleak.c, v6.3", &[Kind::Leak], |sim, bug| {
        sim.cpus(1);
        sim.settings().leaks = true;
        let slot = sim.word("slot", None::<Node>);
        sim.task(0, "task", move |k| async move {
            let k = &k.func("publish");
            let (outer, inner): (Node, Node) = (k.kzalloc().await, k.kzalloc().await);
            k.write_once(slot, Some(outer)).await;
            if !bug {
                k.write_once(outer.next(), Some(inner)).await;
            }
        });
    })
}

/// 1. CPU1 sets Active on the page; 2. CPU0 frees it without clearing the flag.
fn bad_page() -> Vec<Scenario> {
    let about = "a page freed with a flag set that free pages must not have";
    twins("bad-page", about, PAGE, &[Kind::BadPageState], |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            let k = &k.func("release");
            let page: Page = k.alloc_page().await;
            k.set_bits("SetPageActive", page.flags(), ACTIVE).await;
            if !bug {
                k.test_and_clear_bits("ClearPageActive", page.flags(), ACTIVE).await;
            }
            k.free_page(page).await;
        });
    })
}

/// 1. The page is freed; 2. it is taken off the list that it was on.
///
/// `struct page` is never unmapped, so DEBUG_LIST sees the links of the allocator's free list.
fn free_page_on_list() -> Vec<Scenario> {
    let about = "list_del() of a page that is free";
    twins("free-page-on-list", about, PAGE, &[Kind::ListCorruption], |sim, bug| {
        sim.cpus(1);
        let head = sim.list_head("head");
        sim.task(0, "task", move |k| async move {
            let k = &k.func("release");
            let page: Page = k.alloc_page().await;
            k.list_add(page.lru(), head).await;
            if bug {
                k.free_page(page).await;
            }
            k.list_del(page.lru()).await;
            if !bug {
                k.free_page(page).await;
            }
        });
    })
}

ksim::kernel_fn! { static SESSION_FREE = session_free }

async fn session_free(k: &Kernel, head: RcuHead) {
    let k = &k.func("session_free");
    let session: Session = ksim::program::container_of(head, Session::rcu);
    k.kfree(session).await;
}

/// 1. CPU0 queues the session; 2. CPU1 adds it to a list, which writes the words of the head.
fn add_queued() -> Vec<Scenario> {
    let about = "list_add() of an object that waits for a grace period";
    twins("overlay-add-queued", about, RCU, &[Kind::OverlayConflict], |sim, bug| {
        sim.cpus(1);
        let session: Session = sim.object("session");
        let head = sim.list_head("head");
        sim.task(0, "task", move |k| async move {
            let k = &k.func("retire");
            k.preempt_disable().await;
            if !bug {
                k.list_add(session.node(), head).await;
                k.list_del(session.node()).await;
            }
            k.call_rcu(session.rcu(), &SESSION_FREE).await;
            if bug {
                k.list_add(session.node(), head).await;
            }
            k.preempt_enable().await;
        });
    })
}

/// 1. The session is on a list; 2. `call_rcu()` overwrites its links.
fn queue_listed() -> Vec<Scenario> {
    let about = "call_rcu() of an object that is on a list";
    twins("overlay-queue-listed", about, RCU, &[Kind::OverlayConflict], |sim, bug| {
        sim.cpus(1);
        let session: Session = sim.object("session");
        let head = sim.list_head("head");
        sim.list_add_tail(session.node(), head);
        sim.task(0, "task", move |k| async move {
            let k = &k.func("retire");
            if !bug {
                k.list_del(session.node()).await;
            }
            k.call_rcu(session.rcu(), &SESSION_FREE).await;
        });
        sim.at_end(move |end| expect("empty", end.list_empty(head).into(), 1));
    })
}

/// 1. CPU0 queues the session; 2. CPU1 zeroes the words of its list node, before the callback runs.
fn write_queued() -> Vec<Scenario> {
    let about = "a plain write to the words of a queued rcu_head";
    twins("overlay-write-queued", about, RCU, &[Kind::OverlayConflict], |sim, bug| {
        sim.cpus(1);
        let session: Session = sim.object("session");
        sim.task(0, "task", move |k| async move {
            let k = &k.func("retire");
            let func: Var = <Var as ksim::program::Field>::at(session.rcu().0.word(1));
            if !bug {
                k.write(func, 0).await;
            }
            k.preempt_disable().await;
            k.call_rcu(session.rcu(), &SESSION_FREE).await;
            if bug {
                k.write(func, 0).await;
            }
            k.preempt_enable().await;
        });
    })
}
