//! Lists: each check of `CONFIG_DEBUG_LIST`, one step away from a list that is as it should be.
//!
//! Expected: `services/list-…/bug` shows list-corruption with the message of its check. In each, the
//! list is `head -> a`, and `b` is not on it.

use super::{expect, twins, works};
use ksim::base::finding::Kind;
use ksim::program::{Field, Kernel, ListHead, Var};
use ksim::run::Scenario;

const SOURCE: &str = "lib/list_debug.c, include/linux/list.h, v6.3";

ksim::kernel_struct! {
    /// Something on a list.
    struct Item("item", Slab) { node: ListHead, key: Var<u64> }
}

/// The list `head -> a`, and a node on its own.
#[derive(Copy, Clone)]
struct Setup {
    head: ListHead,
    a: ListHead,
    b: ListHead,
}

/// Word 0 (`next`) or 1 (`prev`) of a node, to break it with.
fn link(node: ListHead, which: usize) -> Var {
    Var::at(node.ptr().word(which))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![fifo(), concurrent_del(), readers()];
    let check = |name: &str, about: &str, make: fn(&mut ksim::run::Sim, Setup, bool)| {
        let name = format!("list-{name}");
        twins(&name, about, SOURCE, &[Kind::ListCorruption], move |sim, bug| {
            sim.cpus(1);
            let (a, b): (Item, Item) = (sim.object("a"), sim.object("b"));
            let head = sim.list_head("head");
            sim.list_add_tail(a.node(), head);
            make(sim, Setup { head, a: a.node(), b: b.node() }, bug);
        })
    };
    all.push(check("add-prev-null", "list_add_tail() to a zeroed head", |sim, s, bug| {
        if bug {
            sim.set(link(s.head, 1), 0);
        }
        add(sim, s, true);
    }));
    all.push(check("add-next-null", "list_add() to a zeroed head", |sim, s, bug| {
        if bug {
            sim.set(link(s.head, 0), 0);
        }
        add(sim, s, false);
    }));
    all.push(check(
        "add-next-prev",
        "list_add() before a node that points elsewhere",
        |sim, s, bug| {
            if bug {
                sim.set(link(s.a, 1), s.b.ptr().0);
            }
            add(sim, s, false);
        },
    ));
    all.push(check(
        "add-prev-next",
        "list_add_tail() behind a node that points elsewhere",
        |sim, s, bug| {
            if bug {
                sim.set(link(s.a, 0), s.b.ptr().0);
            }
            add(sim, s, true);
        },
    ));
    all.push(check("add-double", "list_add() of the node that is first already", |sim, s, bug| {
        let new = if bug { s.a } else { s.b };
        add(sim, Setup { b: new, ..s }, false);
    }));
    all.push(check("del-next-null", "list_del() of a zeroed node", |sim, s, bug| {
        if bug {
            sim.set(link(s.a, 0), 0);
        }
        del(sim, s.a);
    }));
    all.push(check("del-prev-null", "list_del() of a node without prev", |sim, s, bug| {
        if bug {
            sim.set(link(s.a, 1), 0);
        }
        del(sim, s.a);
    }));
    all.push(check("del-poison1", "list_del() twice", |sim, s, bug| {
        sim.task(0, "del", move |k| async move {
            let k = &k.func("unlink");
            k.list_del(s.a).await;
            if bug {
                k.list_del(s.a).await;
            }
        });
    }));
    all.push(check("del-poison2", "list_del_rcu() twice", |sim, s, bug| {
        sim.task(0, "del", move |k| async move {
            let k = &k.func("unlink");
            k.list_del_rcu(s.a).await;
            if bug {
                k.list_del_rcu(s.a).await;
            }
        });
    }));
    all.push(check(
        "del-prev-next",
        "list_del() of a node that its prev does not know",
        |sim, s, bug| {
            if bug {
                sim.set(link(s.head, 0), s.b.ptr().0);
            }
            del(sim, s.a);
        },
    ));
    all.push(check(
        "del-next-prev",
        "list_del() of a node that its next does not know",
        |sim, s, bug| {
            if bug {
                sim.set(link(s.head, 1), s.b.ptr().0);
            }
            del(sim, s.a);
        },
    ));
    all.concat()
}

fn add(sim: &mut ksim::run::Sim, s: Setup, tail: bool) {
    sim.task(0, "add", move |k| async move {
        let k = &k.func("enqueue");
        if tail {
            k.list_add_tail(s.b, s.head).await;
        } else {
            k.list_add(s.b, s.head).await;
        }
    });
}

fn del(sim: &mut ksim::run::Sim, node: ListHead) {
    sim.task(0, "del", move |k| async move {
        let k = &k.func("unlink");
        k.list_del(node).await;
    });
}

/// 1. Two CPUs add at the tail under a lock; one of them takes everything off again, first first.
fn fifo() -> Vec<Scenario> {
    works("list-fifo", "a list as a queue between two CPUs", SOURCE, |sim| {
        sim.cpus(2);
        let head = sim.list_head("head");
        let lock = sim.spin_lock("lock");
        let items: [Item; 2] = [sim.object("first"), sim.object("second")];
        sim.task(0, "producer", move |k| async move {
            for item in items {
                k.spin_lock(lock).await;
                k.list_add_tail(item.node(), head).await;
                k.spin_unlock(lock).await;
            }
        });
        sim.task(1, "consumer", move |k| async move {
            let mut taken = 0;
            while taken < 2 {
                k.spin_until(link(head, 0), items[taken].node().ptr().0).await;
                k.spin_lock(lock).await;
                let first = k.list_first(head).await;
                k.assert(first == Some(items[taken].node()), "first in, first out").await;
                k.list_del_init(items[taken].node()).await;
                let empty = k.list_empty(items[taken].node()).await;
                k.assert(empty, "list_del_init() leaves an empty list").await;
                k.spin_unlock(lock).await;
                taken += 1;
            }
        });
        sim.at_end(move |end| expect("empty", end.list_empty(head).into(), 1));
    })
}

/// 1. Both CPUs see the list not empty; both take its first node off.
fn concurrent_del() -> Vec<Scenario> {
    let about = "two CPUs look at a list before they lock it";
    twins("list-concurrent-del", about, SOURCE, &[Kind::ListCorruption], |sim, bug| {
        sim.cpus(2);
        let (a, head) = (sim.object::<Item>("a"), sim.list_head("head"));
        let lock = sim.spin_lock("lock");
        sim.list_add_tail(a.node(), head);
        for cpu in 0..2 {
            sim.task(cpu, "take", move |k| async move { take(&k, lock, head, bug).await });
        }
        sim.at_end(move |end| expect("empty", end.list_empty(head).into(), 1));
    })
}

async fn take(k: &Kernel, lock: ksim::program::SpinLock, head: ListHead, bug: bool) {
    let k = &k.func("take");
    let mut first = None;
    if bug {
        first = k.list_first(head).await;
    }
    k.spin_lock(lock).await;
    if !bug {
        first = k.list_first(head).await;
    }
    if let Some(node) = first {
        k.list_del(node).await;
    }
    k.spin_unlock(lock).await;
}

/// 1. A reader walks the list without a lock; `list_del_rcu()` leaves `next`, so it gets to the end.
///
/// With the mistake the node is unlinked by `list_del_init()`: the reader walks in a circle of one.
fn readers() -> Vec<Scenario> {
    let about = "a lockless reader walks on from a node unlinked by list_del_rcu()";
    twins("list-rcu-reader", about, SOURCE, &[Kind::Assertion], |sim, bug| {
        sim.cpus(2);
        let (a, head) = (sim.object::<Item>("a"), sim.list_head("head"));
        sim.list_add_tail(a.node(), head);
        sim.task(0, "reader", move |k| async move {
            k.rcu_read_lock().await;
            let mut at = head;
            for _ in 0..2 {
                at = k.list_next(at).await;
                if at == head {
                    break;
                }
            }
            k.assert(at == head, "the walk ends").await;
            k.rcu_read_unlock().await;
        });
        sim.task(1, "writer", move |k| async move {
            if bug {
                k.list_del_init(a.node()).await;
            } else {
                k.list_del_rcu(a.node()).await;
            }
        });
    })
}
