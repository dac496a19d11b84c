//! Programs whose number of classes of equivalent runs is known: the search by classes runs each
//! class to its end exactly once, and nothing else.
//!
//! Counts: the expected results of GenMC's and nidhugg's test suites, and closed forms.

use ksim::program::{Atomic, Kernel, SpinLock, Var};
use ksim::run::prove::{Outcome, Search, Settings};
use ksim::run::{Params, Scenario, Sim};

const TREE: Settings = Settings {
    preemptions: None,
    interrupts: None,
    grace_periods: None,
    failures: None,
    reduce: true,
    merge: false,
    source: false,
    classes: false,
    limit: None,
    jobs: 1,
    flaw: None,
};

fn search(scenario: &Scenario, settings: Settings) -> Outcome {
    Search::new(scenario, &Params::default(), settings).run(|_| true).clone()
}

/// Complete runs of a program; each agent has a CPU of its own.
fn classes(cpus: u16, build: impl Fn(&mut Sim) + Send + Sync + 'static) -> u64 {
    let scenario = Scenario::new("counted", "", move |sim, _| {
        sim.cpus(cpus);
        sim.settings().lockdep = false;
        build(sim);
    });
    let outcome = search(&scenario, TREE);
    assert!(outcome.complete);
    assert_eq!((outcome.executions, outcome.redundant), (outcome.ended, 0), "none in vain");
    outcome.ended
}

/// One instruction: read or write of a variable, increment, or compare-and-swap.
#[derive(Copy, Clone)]
enum I {
    R(usize),
    W(usize),
    Inc(usize),
    Cas(usize, u64, u64),
}
use I::{Cas, Inc, R, W};

async fn run(k: Kernel, program: Vec<I>, vars: Vec<Var<u64>>) {
    for instr in program {
        match instr {
            R(v) => _ = k.read_once(vars[v]).await,
            W(v) => k.write_once(vars[v], 2).await,
            Inc(v) => _ = k.atomic_fetch_add(Atomic(vars[v].0), 1).await,
            Cas(v, old, new) => _ = k.cmpxchg(vars[v], old, new).await,
        }
    }
}

fn count(programs: Vec<Vec<I>>) -> u64 {
    classes(programs.len() as u16, move |sim| {
        let vars: Vec<Var<u64>> = (0..8).map(|_| sim.word("v", 0)).collect();
        for (cpu, program) in programs.iter().enumerate() {
            let (program, vars) = (program.clone(), vars.clone());
            sim.task(cpu as u16, "t", move |k| run(k, program, vars));
        }
    })
}

fn times(n: usize, program: &[I]) -> Vec<Vec<I>> {
    vec![program.to_vec(); n]
}

fn factorial(n: u64) -> u64 {
    (1..=n).product()
}

#[test]
fn litmus_shapes() {
    assert_eq!(count(vec![vec![W(0), R(1)], vec![W(1), R(0)]]), 3, "SB");
    assert_eq!(count(vec![vec![W(0), W(1)], vec![R(1), R(0)]]), 3, "MP");
    assert_eq!(count(vec![vec![R(0), W(1)], vec![R(1), W(0)]]), 3, "LB");
    assert_eq!(count(vec![vec![W(0), W(1)], vec![W(1), W(0)]]), 3, "2+2W");
    assert_eq!(count(vec![vec![W(0)], vec![W(1)], vec![R(0), R(1)], vec![R(1), R(0)]]), 15, "IRIW");
    assert_eq!(count(vec![vec![W(0), W(1)], vec![R(1), R(2)], vec![W(2), R(0)]]), 7, "W+RWC");
    let reader = || vec![R(0), R(0)];
    assert_eq!(count(vec![vec![W(0), W(0)], reader(), reader()]), 36, "CoRR1");
    assert_eq!(count(vec![vec![W(0)], vec![W(0)], reader(), reader()]), 72, "CoRR2");
}

#[test]
fn writers_readers_and_increments() {
    for n in 1..=6 {
        assert_eq!(count(times(n, &[W(0)])), factorial(n as u64), "writers({n})");
        assert_eq!(count(times(n, &[Inc(0)])), factorial(n as u64), "ainc({n})");
    }
    for n in 1..=5 {
        let programs = [times(n, &[W(0)]), times(1, &[R(0)])].concat();
        assert_eq!(count(programs), factorial(n as u64 + 1), "{n} writers and a reader");
    }
    for n in [1, 2, 6, 8, 13] {
        let programs = [times(1, &[W(0)]), times(n, &[R(0)])].concat();
        assert_eq!(count(programs), 1 << n, "readers({n})");
    }
    for (n, expected) in [(2, 4), (3, 36), (4, 576)] {
        assert_eq!(count(times(n, &[R(0), W(0)])), expected, "rw({n})");
        assert_eq!(count(times(n, &[Inc(0), Inc(1)])), expected, "binc({n})");
    }
    for (n, expected) in [(2, 8), (3, 216), (4, 13_824)] {
        assert_eq!(count(times(n, &[Inc(0), Inc(1), Inc(2)])), expected, "cinc({n})");
    }
    for (n, expected) in [(2, 22), (3, 300), (4, 6576)] {
        let programs = [times(1, &[W(0)]), times(n, &[R(0), W(0)])].concat();
        assert_eq!(count(programs), expected, "wrw({n})");
    }
}

#[test]
fn coherence() {
    for (n, expected) in [(0, 4), (1, 15), (2, 130), (3, 2028), (4, 49_776)] {
        let two = vec![vec![W(0), R(1), R(0)], vec![W(0), R(2), R(0)]];
        let programs = [two, times(n, &[W(1), W(2)])].concat();
        assert_eq!(count(programs), expected, "CoA({n})");
    }
    for (n, expected) in [(1, 4), (2, 14), (3, 50), (4, 182)] {
        let program = [vec![W(0); n], vec![R(0)]].concat();
        assert_eq!(count(times(2, &program)), expected, "{n} writes and a read, twice");
    }
    for (n, expected) in [(1, 12), (2, 90), (3, 560)] {
        let programs = [times(2, &vec![W(0); n]), times(1, &[R(0), R(0)])].concat();
        assert_eq!(count(programs), expected, "redundant_co({n})");
    }
}

#[test]
fn a_failed_exchange_only_reads() {
    let casrot = [2, 5, 14, 43, 144, 523, 2048, 8597];
    for (n, expected) in (2..).zip(casrot) {
        let programs = (1..=n).map(|i| vec![Cas(0, i - 1, i)]).collect();
        assert_eq!(count(programs), expected, "casrot({n})");
    }
    for n in 1..=8 {
        let programs = (1..=n).map(|i| vec![Cas(0, 0, i)]).collect();
        assert_eq!(count(programs), n, "cas({n})");
    }
    for (n, expected) in (2..).zip([5, 13, 33, 81, 193, 449, 1025, 2305]) {
        let programs = [times(1, &[W(0)]), times(n, &[Cas(0, 2, 3)])].concat();
        assert_eq!(count(programs), expected, "wcas({n})");
    }
    for (n, expected) in [(2, 6), (3, 66), (4, 1200), (5, 32_880)] {
        assert_eq!(count(times(n, &[Cas(0, 0, 1), W(0)])), expected, "casw({n})");
    }
}

#[test]
fn last_zero() {
    for n in [2, 3, 4, 5, 6, 7, 8, 10usize] {
        let ended = classes(n as u16 + 1, move |sim| {
            let a: Vec<Var<u64>> = (0..=n).map(|_| sim.word("a", 0)).collect();
            let cells = a.clone();
            sim.task(0, "reader", move |k| async move {
                for i in (0..=n).rev() {
                    if k.read_once(cells[i]).await == 0 {
                        break;
                    }
                }
            });
            for j in 1..=n {
                let (from, to) = (a[j - 1], a[j]);
                sim.task(j as u16, "writer", move |k| async move {
                    let value = k.read_once(from).await;
                    k.write_once(to, value + 1).await;
                });
            }
        });
        assert_eq!(ended, (n as u64 + 3) << (n - 2), "lastzero({n})");
    }
}

/// A hash table with linear probing: agent `i` inserts `i + 11 t` for t in 0..4.
#[test]
fn indexer() {
    for (n, expected) in [(11, 1), (12, 8), (13, 64), (15, 4096)] {
        let ended = classes(n, move |sim| {
            let table: Vec<Var<u64>> = (0..128).map(|_| sim.word("slot", 0)).collect();
            for cpu in 0..n {
                let table = table.clone();
                sim.task(cpu, "insert", move |k| async move {
                    for t in 0..4 {
                        let key = t * 11 + u64::from(cpu) + 1;
                        let mut at = (key * 7 % 128) as usize;
                        while k.cmpxchg(table[at], 0, key).await != 0 {
                            at = (at + 1) % 128;
                        }
                    }
                });
            }
        });
        assert_eq!(ended, expected, "indexer({n})");
    }
}

/// Agent `i` looks for a free block for its inode, each inode and each block with a lock.
#[test]
fn filesystem() {
    const BLOCKS: usize = 26;
    for (n, expected) in [(13, 1), (14, 2), (16, 8), (18, 32), (19, 64)] {
        let ended = classes(n, move |sim| {
            let busy: Vec<_> =
                (0..BLOCKS).map(|_| (sim.spin_lock("b"), sim.word("b", 0))).collect();
            for cpu in 0..n {
                let (busy, lock, inode) = (busy.clone(), sim.spin_lock("i"), sim.word("i", 0u64));
                sim.task(cpu, "fs", move |k| async move {
                    k.spin_lock(lock).await;
                    if k.read_once(inode).await == 0 {
                        let mut b = usize::from(cpu) * 2 % BLOCKS;
                        for _ in 0..13 {
                            let (lock, taken): (SpinLock, Var<u64>) = busy[b];
                            k.spin_lock(lock).await;
                            let free = k.read_once(taken).await == 0;
                            if free {
                                k.write_once(taken, 1).await;
                                k.write_once(inode, b as u64 + 1).await;
                            }
                            k.spin_unlock(lock).await;
                            if free {
                                break;
                            }
                            b = (b + 1) % BLOCKS;
                        }
                    }
                    k.spin_unlock(lock).await;
                });
            }
        });
        assert_eq!(ended, expected, "filesystem({n})");
    }
}

/// A handler that comes once between any two operations of the task that it interrupts, or last.
#[test]
fn an_interrupt() {
    for m in [4, 10, 20] {
        let ended = classes(1, move |sim| {
            let (x, own) = (sim.word("x", 0u64), sim.word("own", 0u64));
            sim.task(0, "t", move |k| async move {
                for i in 0..2 * m + 1 {
                    if i == m {
                        let seen = k.read_once(x).await;
                        k.write_once(x, seen + 1).await;
                    } else {
                        _ = k.read_once(own).await;
                    }
                }
            });
            sim.irq(0, "h", 1, move |k| async move {
                let seen = k.read_once(x).await;
                k.write_once(x, seen + 1).await;
            });
        });
        assert_eq!(ended, 2 * m + 3, "irq_counter({m})");
    }
}

#[test]
fn locks() {
    for n in 1..=5 {
        let ended = classes(n, move |sim| {
            let (lock, x) = (sim.spin_lock("l"), sim.word("x", 0u64));
            for cpu in 0..n {
                sim.task(cpu, "t", move |k| async move {
                    k.spin_lock(lock).await;
                    let value = k.read_once(x).await;
                    k.write_once(x, value + 1).await;
                    k.spin_unlock(lock).await;
                });
            }
        });
        assert_eq!(ended, factorial(n.into()), "lockinc({n})");
    }
    let crossed = classes(2, |sim| {
        let locks = [sim.spin_lock("a"), sim.spin_lock("b")];
        let both = |k: Kernel, first: SpinLock, second: SpinLock| async move {
            k.spin_lock(first).await;
            k.spin_lock(second).await;
            k.spin_unlock(second).await;
            k.spin_unlock(first).await;
        };
        sim.task(0, "ab", move |k| both(k, locks[0], locks[1]));
        sim.task(1, "ba", move |k| both(k, locks[1], locks[0]));
    });
    assert_eq!(crossed, 3, "deadlock01: either first, or neither ever");
}

/// Each of two agents takes a lock that both share when its counter becomes 1, with its own held.
#[test]
fn carter01() {
    let ended = classes(2, |sim| {
        let (m, l) = (sim.spin_lock("m"), sim.spin_lock("l"));
        for cpu in 0..2 {
            let counter = sim.word("counter", 0u64);
            sim.task(cpu, "t", move |k| async move {
                k.spin_lock(m).await;
                let seen = k.read_once(counter).await;
                k.write_once(counter, seen + 1).await;
                if seen == 0 {
                    k.spin_lock(l).await;
                }
                k.spin_unlock(m).await;
                k.spin_lock(m).await;
                let seen = k.read_once(counter).await;
                k.write_once(counter, seen - 1).await;
                if seen == 1 {
                    k.spin_unlock(l).await;
                }
                k.spin_unlock(m).await;
            });
        }
    });
    assert_eq!(ended, 4, "two of them deadlock");
}

/// The exhaustive programs of the comparison with other tools, and what merging states saves.
#[test]
fn programs_of_the_benchmark() {
    assert_eq!(count(times(3, &[Inc(0); 3])), 1680, "three tasks, one word");
    assert_eq!(count(vec![vec![Inc(0); 3], vec![Inc(1); 3], vec![Inc(2); 3]]), 1, "separate words");
    for (n, expected) in [(2, 34), (3, 328), (4, 3334)] {
        let program: Vec<I> = (0..n).flat_map(|_| [R(0), W(0)]).collect();
        assert_eq!(count(times(2, &program)), expected, "counter({n})");
    }
}
