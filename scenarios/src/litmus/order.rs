//! Two CPUs and two words, with and without a lock.

use super::{Shape, results, shape};

const MODEL: &str = "tools/memory-model/litmus-tests, v6.3";

/// 1. P0 writes x, then y; P1 reads y, then x. Never y = 1 and x = 0.
///
/// Allowed: P1 reads x first.
pub(super) fn message_passing() -> Shape {
    let about = "MP: whoever sees the flag sees the data";
    shape("mp", about, MODEL, [&["00", "01", "11"], &["00", "01", "10", "11"]], |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.write_once(x, 1).await;
            k.write_once(y, 1).await;
        });
        sim.task(1, "p1", move |k| async move {
            let (first, second) = if allowed { (x, y) } else { (y, x) };
            let seen = (k.read_once(first).await, k.read_once(second).await);
            let (seen_y, seen_x) = if allowed { (seen.1, seen.0) } else { seen };
            k.write_once(r0, seen_y).await;
            k.write_once(r1, seen_x).await;
        });
        vec![r0, r1]
    })
}

/// 1. P0 writes x, then reads y; P1 writes y, then reads x. Never both 0.
///
/// Allowed: both read first.
pub(super) fn store_buffering() -> Shape {
    let about = "SB: of two who write, then read, one sees the other";
    shape("sb", about, MODEL, [&["01", "10", "11"], &["00", "01", "10"]], |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        for (cpu, role, mine, other, result) in [(0, "p0", x, y, r0), (1, "p1", y, x, r1)] {
            sim.task(cpu, role, move |k| async move {
                if !allowed {
                    k.write_once(mine, 1).await;
                }
                let seen = k.read_once(other).await;
                if allowed {
                    k.write_once(mine, 1).await;
                }
                k.write_once(result, seen).await;
            });
        }
        vec![r0, r1]
    })
}

/// 1. P0 reads x, then writes y; P1 reads y, then writes x. Never both 1.
///
/// Allowed: both write first.
pub(super) fn load_buffering() -> Shape {
    let about = "LB: of two who read, then write, one reads too early";
    shape("lb", about, MODEL, [&["00", "01", "10"], &["01", "10", "11"]], |sim, allowed| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        for (cpu, role, mine, other, result) in [(0, "p0", x, y, r0), (1, "p1", y, x, r1)] {
            sim.task(cpu, role, move |k| async move {
                if allowed {
                    k.write_once(other, 1).await;
                }
                let seen = k.read_once(mine).await;
                if !allowed {
                    k.write_once(other, 1).await;
                }
                k.write_once(result, seen).await;
            });
        }
        vec![r0, r1]
    })
}

/// 1. P0 writes x and y under a lock; P1 reads both under it. Never one of them.
///
/// Allowed: P1 does not lock.
pub(super) fn message_passing_locked() -> Shape {
    let about = "a critical section is seen as a whole or not at all";
    shape("mp-locked", about, MODEL, [&["00", "11"], &["00", "01", "10", "11"]], |sim, allowed| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let [r0, r1] = results(sim, ["r0", "r1"]);
        sim.task(0, "p0", move |k| async move {
            k.spin_lock(lock).await;
            k.write_once(x, 1).await;
            k.write_once(y, 1).await;
            k.spin_unlock(lock).await;
        });
        sim.task(1, "p1", move |k| async move {
            if !allowed {
                k.spin_lock(lock).await;
            }
            let seen = (k.read_once(x).await, k.read_once(y).await);
            if !allowed {
                k.spin_unlock(lock).await;
            }
            k.write_once(r0, seen.0).await;
            k.write_once(r1, seen.1).await;
        });
        vec![r0, r1]
    })
}
