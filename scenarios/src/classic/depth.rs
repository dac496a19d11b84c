//! Programs on which tools are measured: counters, and bugs hidden between private operations.

use super::bug_on;
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, Var};
use ksim::run::{Scenario, Sim};

/// `tasks` tasks of a function of (kernel, number).
fn tasks<F>(sim: &mut Sim, n: u16, role: &'static str, body: impl Fn(Kernel, u16) -> F)
where
    F: Future<Output = ()> + 'static,
{
    for i in 0..n {
        sim.task(i, role, |k| body(k, i));
    }
}

async fn increments(k: Kernel, x: Var<u64>, n: u64, yields: bool) {
    for _ in 0..n {
        let old = k.read_once(x).await;
        if yields {
            k.relax().await;
        }
        k.write_once(x, old + 1).await;
    }
}

/// Two tasks count without a lock; says so at the end only if `checked`.
fn counter(n: u64, yields: bool, checked: bool) -> Scenario {
    let name = match (checked, yields) {
        (true, _) => format!("classic/lost-update-{n}/static"),
        (false, true) => format!("classic/counter-yield-{n}/static"),
        (false, false) => format!("classic/counter-{n}/static"),
    };
    let about = "two tasks count one word up by reading and writing it";
    let scenario = Scenario::new(name, about, move |sim, _| {
        sim.cpus(2);
        let x = sim.word("x", 0u64);
        tasks(sim, 2, "count", |k, _| increments(k, x, n, yields));
        if checked {
            sim.at_end(move |end| match end.get(x) {
                all if all == 2 * n => Ok(()),
                _ => Err("an update is lost".to_owned()),
            });
        }
    });
    if checked { scenario.finds(&[Kind::Assertion]) } else { scenario }
}

/// Three tasks of three read-modify-writes each.
fn rmw(same: bool) -> Scenario {
    let name = if same { "classic/rmw-same/static" } else { "classic/rmw-disjoint/static" };
    let about = "three tasks of three atomic increments, of one word or of one each";
    Scenario::new(name, about, move |sim, _| {
        sim.cpus(3);
        let words: Vec<Atomic> = (0..3).map(|_| sim.atomic("x", 0)).collect();
        tasks(sim, 3, "count", |k, i| {
            let word = words[if same { 0 } else { usize::from(i) }];
            async move {
                for _ in 0..3 {
                    k.atomic_fetch_add(word, 1).await;
                }
            }
        });
    })
}

async fn filler(k: &Kernel, private: Atomic, n: usize) {
    for _ in 0..n {
        k.atomic_fetch_add(private, 1).await;
    }
}

/// Operations of each task of `deep`.
const DEEP_LEN: usize = 40;

/// Task i opens a window of four operations if it sees that of task i - 1 open; the last one sees
/// the third. Each has private operations before (`at`) and after.
fn deep(name: &str, at: [usize; 4]) -> Scenario {
    const WINDOW: usize = 4;
    let about = "three ordered preemptions among four tasks; 151 of 160 operations are private";
    Scenario::new(format!("classic/{name}/static"), about, move |sim, _| {
        sim.cpus(4);
        let windows: [Atomic; 3] = std::array::from_fn(|_| sim.atomic("window", 0));
        let private: [Atomic; 4] = std::array::from_fn(|_| sim.atomic("private", 0));
        tasks(sim, 4, "look", |k, i| {
            let i = usize::from(i);
            let (at, private) = (at[i], private[i]);
            async move {
                filler(&k, private, at).await;
                let mut done = at;
                let mut open = true;
                if let Some(before) = i.checked_sub(1) {
                    done += 1;
                    open = k.atomic_fetch_add(windows[before], 0).await == 1;
                }
                if open && i == 3 {
                    bug_on(&k, true, "the windows are never open together").await;
                } else if open {
                    k.atomic_set(windows[i], 1).await;
                    filler(&k, private, WINDOW).await;
                    k.atomic_set(windows[i], 0).await;
                    done += WINDOW + 2;
                }
                filler(&k, private, DEEP_LEN - done).await;
            }
        });
    })
    .finds(&[Kind::Assertion])
}

/// A reference count race in which the freer does not wait for the reader.
fn uaf(private_steps: usize) -> Scenario {
    let name = format!("classic/refcount-race-{private_steps}/static");
    Scenario::new(name, "the freer does not wait for the reader", move |sim, _| {
        sim.cpus(2);
        let published = sim.atomic("published", 1);
        let dying = sim.atomic("dying", 0);
        let count = sim.atomic("count", 1);
        let freed = sim.atomic("freed", 0);
        let private = [sim.atomic("private", 0), sim.atomic("private", 0)];
        sim.task(0, "reader", move |k| async move {
            filler(&k, private[0], private_steps).await;
            let bad = k.atomic_fetch_add(published, 0).await != 0
                && k.atomic_fetch_add(dying, 0).await == 0
                && k.atomic_fetch_add(freed, 0).await != 0;
            bug_on(&k, bad, "what is alive is not freed").await;
            filler(&k, private[0], private_steps).await;
        });
        sim.task(1, "freer", move |k| async move {
            filler(&k, private[1], private_steps).await;
            k.atomic_set(published, 0).await;
            k.atomic_set(dying, 1).await;
            k.atomic_fetch_add(count, u64::MAX).await;
            k.atomic_set(freed, 1).await;
            filler(&k, private[1], private_steps).await;
        });
    })
    .finds(&[Kind::Assertion])
}

pub(super) fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = [2, 3, 4].map(|n| counter(n, false, false)).into();
    all.extend([2, 3, 4, 10].map(|n| counter(n, true, false)));
    all.extend([counter(2, false, true), counter(10, true, true), rmw(true), rmw(false)]);
    all.extend([deep("deep", [18; 4]), deep("deepskew", [32, 24, 16, 8]), uaf(0), uaf(20)]);
    all
}
