//! Readers, grace periods, callbacks.

use super::{Shape, results, shape};
use ksim::program::{Kernel, RcuHead, Var, container_of};

const RCU: &str = "Documentation/RCU/Design/Requirements/Requirements.rst, v6.3";

ksim::kernel_struct! {
    /// Something that a callback tells about.
    struct Note("note", Slab) { rcu: RcuHead, target: Var<u64>, value: Var<u64> }
}

ksim::kernel_fn! { static NOTE_WRITE = note_write }

/// The callback writes `value` to the word whose address is in `target`.
async fn note_write(k: &Kernel, head: RcuHead) {
    let k = &k.func("note_write");
    let note: Note = container_of(head, Note::rcu);
    let (target, value) = (k.read(note.target()).await, k.read(note.value()).await);
    let target: Var = <Var as ksim::program::Field>::at(ksim::base::ptr::Ptr(target));
    k.write_once(target, value).await;
}

/// How P1 of the RCU shapes waits between its two writes.
async fn update(k: &Kernel, x: Var, y: Var, wait: bool) {
    k.write_once(x, 1).await;
    if wait {
        k.synchronize_rcu().await;
    }
    k.write_once(y, 1).await;
}

/// 1. P0 reads x, then y, in one reader; P1 writes x, waits for a grace period, writes y.
///    Never x = 0 and y = 1: a reader that saw the old x ends before y is written.
///
/// Allowed: P1 does not wait.
pub(super) fn rcu_message_passing() -> Shape {
    let about = "MP+RCU: no reader sees what is before a grace period and what is after it";
    shape("rcu-mp", about, RCU, [&["00", "10", "11"], &["00", "01", "10", "11"]], |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen = (k.read_once(x).await, k.read_once(y).await);
            k.rcu_read_unlock().await;
            k.write_once(r0, seen.0).await;
            k.write_once(r1, seen.1).await;
        });
        sim.task(1, "p1", move |k| async move { update(&k, x, y, !allowed).await });
        vec![r0, r1]
    })
}

/// As [`rcu_message_passing`]; an inner reader ends between the two reads.
///
/// Allowed: it is the outer one that ends.
pub(super) fn rcu_nested() -> Shape {
    let about = "a nested reader ends with its outermost unlock";
    shape(
        "rcu-nested",
        about,
        RCU,
        [&["00", "10", "11"], &["00", "01", "10", "11"]],
        |sim, allowed| {
            sim.cpus(2);
            let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
            let [r0, r1] = results(sim, ["r0", "r1"]);
            sim.task(0, "p0", move |k| async move {
                k.rcu_read_lock().await;
                if !allowed {
                    k.rcu_read_lock().await;
                }
                let seen_x = k.read_once(x).await;
                k.rcu_read_unlock().await;
                if allowed {
                    k.rcu_read_lock().await;
                }
                let seen_y = k.read_once(y).await;
                k.rcu_read_unlock().await;
                k.write_once(r0, seen_x).await;
                k.write_once(r1, seen_y).await;
            });
            sim.task(1, "p1", move |k| async move { update(&k, x, y, true).await });
            vec![r0, r1]
        },
    )
}

/// 1. P0 and P1 read in overlapping readers; P2 writes x, waits, writes y. Neither sees x = 0 and
///    y = 1, whichever began when.
///
/// Allowed: P1 hands over from P0 without a reader of its own that covers both.
pub(super) fn rcu_overlapping() -> Shape {
    let about = "readers that overlap do not carry each other over a grace period";
    shape(
        "rcu-overlapping",
        about,
        RCU,
        [&["00", "10", "11"], &["00", "01", "10", "11", "90", "91"]],
        |sim, allowed| {
            sim.cpus(3);
            let (x, y, handed) =
                (sim.word("x", 0u64), sim.word("y", 0u64), sim.word("handed", 9u64));
            let [r0, r1] = results(sim, ["r0", "r1"]);
            sim.task(0, "p0", move |k| async move {
                k.rcu_read_lock().await;
                let seen = k.read_once(x).await;
                k.write_once(handed, seen).await;
                k.rcu_read_unlock().await;
            });
            sim.task(1, "p1", move |k| async move {
                k.rcu_read_lock().await;
                let seen_x = if allowed { k.read_once(handed).await } else { k.read_once(x).await };
                let seen_y = k.read_once(y).await;
                k.rcu_read_unlock().await;
                k.write_once(r0, seen_x).await;
                k.write_once(r1, seen_y).await;
            });
            sim.task(2, "p2", move |k| async move { update(&k, x, y, true).await });
            vec![r0, r1]
        },
    )
}

/// 1. P0 reads x and z in one reader; P1 writes x, waits, writes y; P2 reads y, waits, writes z.
///    Never x = 0 and z = 1.
///
/// Allowed: neither waits.
pub(super) fn rcu_two_updates() -> Shape {
    let about = "grace periods in a row: a reader spans none of them";
    shape(
        "rcu-two-updates",
        about,
        RCU,
        [&["00", "10", "11"], &["00", "01", "10", "11"]],
        |sim, allowed| {
            sim.cpus(3);
            let (x, y, z) = (sim.word("x", 0u64), sim.word("y", 0u64), sim.word("z", 0u64));
            let [r0, r1] = results(sim, ["r0", "r1"]);
            sim.task(0, "p0", move |k| async move {
                k.rcu_read_lock().await;
                let seen = (k.read_once(x).await, k.read_once(z).await);
                k.rcu_read_unlock().await;
                k.write_once(r0, seen.0).await;
                k.write_once(r1, seen.1).await;
            });
            sim.task(1, "p1", move |k| async move { update(&k, x, y, !allowed).await });
            sim.task(2, "p2", move |k| async move {
                k.wait_event(y, 1).await;
                update(&k, y, z, !allowed).await;
            });
            vec![r0, r1]
        },
    )
}

/// As [`rcu_message_passing`] with `call_rcu()`: the callback writes y.
///
/// Allowed: P0 is two readers.
pub(super) fn rcu_callback() -> Shape {
    let about = "a callback runs after the readers that began before it was queued";
    shape(
        "rcu-callback",
        about,
        RCU,
        [&["00", "10", "11"], &["00", "01", "10", "11"]],
        |sim, allowed| {
            sim.cpus(2);
            let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
            let note: Note = sim.object("note");
            sim.set(note.target(), y.0.0);
            sim.set(note.value(), 1);
            let [r0, r1] = results(sim, ["r0", "r1"]);
            sim.task(0, "p0", move |k| async move {
                k.rcu_read_lock().await;
                let seen_x = k.read_once(x).await;
                if allowed {
                    k.rcu_read_unlock().await;
                    k.rcu_read_lock().await;
                }
                let seen_y = k.read_once(y).await;
                k.rcu_read_unlock().await;
                k.write_once(r0, seen_x).await;
                k.write_once(r1, seen_y).await;
            });
            sim.task(1, "p1", move |k| async move {
                k.write_once(x, 1).await;
                k.call_rcu(note.rcu(), &NOTE_WRITE).await;
            });
            vec![r0, r1]
        },
    )
}

/// 1. P0 queues a callback that writes x, waits in `rcu_barrier()`, and reads x: never 0.
///
/// Allowed: it waits in `synchronize_rcu()` only.
pub(super) fn rcu_barrier() -> Shape {
    let about = "rcu_barrier() waits for callbacks, synchronize_rcu() for readers";
    shape("rcu-barrier", about, RCU, [&["1"], &["0", "1"]], |sim, allowed| {
        sim.cpus(1);
        let x = sim.word("x", 0u64);
        let note: Note = sim.object("note");
        sim.set(note.target(), x.0.0);
        sim.set(note.value(), 1);
        let [r0] = results(sim, ["r0"]);
        sim.task(0, "p0", move |k| async move {
            k.call_rcu(note.rcu(), &NOTE_WRITE).await;
            if allowed {
                k.synchronize_rcu().await;
            } else {
                k.rcu_barrier().await;
            }
            let seen = k.read_once(x).await;
            k.write_once(r0, seen).await;
        });
        vec![r0]
    })
}

/// 1. P0 queues callbacks that write 1 and 2 to x: in the end x is 2.
///
/// Allowed: P1 queues the second, once the first is queued.
pub(super) fn callback_order() -> Shape {
    let about = "callbacks of one CPU run in order, those of two in any";
    shape("callback-order", about, RCU, [&["2"], &["1", "2"]], |sim, allowed| {
        sim.cpus(2);
        let (x, queued) = (sim.word("x", 0u64), sim.word("queued", 0u64));
        let notes: [Note; 2] = [sim.object("first"), sim.object("second")];
        for (note, value) in notes.into_iter().zip([1, 2]) {
            sim.set(note.target(), x.0.0);
            sim.set(note.value(), value);
        }
        sim.task(0, "p0", move |k| async move {
            k.call_rcu(notes[0].rcu(), &NOTE_WRITE).await;
            if !allowed {
                k.call_rcu(notes[1].rcu(), &NOTE_WRITE).await;
            }
            k.write_once(queued, 1).await;
        });
        sim.task(1, "p1", move |k| async move {
            if allowed {
                k.wait_event(queued, 1).await;
                k.call_rcu(notes[1].rcu(), &NOTE_WRITE).await;
            }
        });
        vec![x]
    })
}

/// 1. P0 reads y, then writes x, in one reader; P1 writes y, waits for a grace period, reads x. Never
///    both 0: a reader that saw the old y has written x before P1 looks.
///
/// Allowed: P1 does not wait.
pub(super) fn rcu_store_buffering() -> Shape {
    let about = "SB+RCU: who waits for readers sees what those have written who did not see it";
    shape("rcu-sb", about, RCU, [&["01", "10", "11"], &["00", "01", "10", "11"]], |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.rcu_read_lock().await;
            let seen = k.read_once(y).await;
            k.write_once(x, 1).await;
            k.rcu_read_unlock().await;
            k.write_once(r0, seen).await;
        });
        sim.task(1, "p1", move |k| async move {
            k.write_once(y, 1).await;
            if !allowed {
                k.synchronize_rcu().await;
            }
            let seen = k.read_once(x).await;
            k.write_once(r1, seen).await;
        });
        vec![r0, r1]
    })
}

/// As [`rcu_message_passing`]; P0 turns preemption off instead.
///
/// Allowed: it is on for a moment between the two reads.
pub(super) fn preempt_off() -> Shape {
    let about = "a region with preemption off is a reader";
    shape(
        "rcu-preempt-off",
        about,
        RCU,
        [&["00", "10", "11"], &["00", "01", "10", "11"]],
        |sim, allowed| {
            sim.cpus(2);
            let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
            let [r0, r1] = results(sim, ["r0", "r1"]);
            sim.task(0, "p0", move |k| async move {
                k.preempt_disable().await;
                let seen_x = k.read_once(x).await;
                if allowed {
                    k.preempt_enable().await;
                    k.preempt_disable().await;
                }
                let seen_y = k.read_once(y).await;
                k.preempt_enable().await;
                k.write_once(r0, seen_x).await;
                k.write_once(r1, seen_y).await;
            });
            sim.task(1, "p1", move |k| async move { update(&k, x, y, true).await });
            vec![r0, r1]
        },
    )
}
