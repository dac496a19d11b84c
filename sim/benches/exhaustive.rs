//! Exhaustive search beside its peers: every behaviour of five small programs.
//!
//! All searches run in one process, by turns. ksim twice: class by class (`classes`), and with equal
//! states merged (`states`, what `ksim prove` does). Times are CPU time of the process, since
//! stateright works on a thread of its own; medians of the rounds, one round for what takes longer
//! than a second.

/// The programs on threads, for the libraries that imitate those of std.
macro_rules! on_threads {
    ($library:ident) => {
        fn body(program: Program) {
            use ::$library::sync::Arc;
            use ::$library::sync::atomic::{AtomicUsize, Ordering::SeqCst};
            use ::$library::thread;

            let (tasks, apart) = match program {
                Program::Add { tasks, apart } => (tasks, apart),
                Program::Count { .. } => (2, false),
            };
            let words: Vec<_> = (0..tasks).map(|_| Arc::new(AtomicUsize::new(0))).collect();
            let threads: Vec<_> = (0..tasks)
                .map(|i| {
                    let word = words[if apart { i } else { 0 }].clone();
                    thread::spawn(move || match program {
                        Program::Add { .. } => (0..3).for_each(|_| _ = word.fetch_add(1, SeqCst)),
                        Program::Count { times } => (0..times).for_each(|_| {
                            let seen = word.load(SeqCst);
                            word.store(seen + 1, SeqCst);
                        }),
                    })
                })
                .collect();
            for thread in threads {
                thread.join().expect("no thread panics");
            }
        }
    };
}

#[path = "exhaustive/ksim.rs"]
mod ksim;
#[path = "exhaustive/loom.rs"]
mod loom;
#[path = "exhaustive/shuttle.rs"]
mod shuttle;
#[path = "exhaustive/stateright.rs"]
mod stateright;

use std::time::Duration;

const ROUNDS: usize = 9;

/// What the tasks do; each on a CPU or thread of its own.
#[derive(Copy, Clone)]
pub(crate) enum Program {
    /// So many tasks, three additions each, to one word or to one word each.
    Add { tasks: usize, apart: bool },
    /// Two tasks, so many times: read a word, write it incremented.
    Count { times: usize },
}

const PROGRAMS: [(&str, Program); 5] = [
    ("3 tasks x 3 additions, one word", Program::Add { tasks: 3, apart: false }),
    ("3 tasks x 3 additions, a word each", Program::Add { tasks: 3, apart: true }),
    ("2 tasks x 2 increments", Program::Count { times: 2 }),
    ("2 tasks x 3 increments", Program::Count { times: 3 }),
    ("2 tasks x 4 increments", Program::Count { times: 4 }),
];

type Search = fn(Program) -> u64;

const SEARCHES: [(&str, &str, Search); 6] = [
    ("ksim states", "executions", ksim::states),
    ("ksim classes", "executions", ksim::classes),
    ("stateright dfs", "states", stateright::dfs),
    ("stateright bfs", "states", stateright::bfs),
    ("shuttle dfs", "executions", shuttle::dfs),
    ("loom", "executions", loom::all),
];

#[expect(clippy::disallowed_methods, reason = "a benchmark may be told what to measure")]
fn main() {
    // `cargo bench … -- ksim stateright`: only these.
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!("\nEvery behaviour of a program, median of {ROUNDS} rounds (1 if longer than 1 s)\n");
    println!("{:<36}{:<16}{:>12} {:<11}{:>14}", "program", "search", "explored", "", "CPU ms");
    for (name, program) in PROGRAMS {
        let mut name = name;
        let mut best = [Duration::MAX; 2];
        for (i, (search, unit, run)) in SEARCHES.into_iter().enumerate() {
            if !only.is_empty() && only.iter().all(|o| !search.contains(o.as_str())) {
                continue;
            }
            let (explored, spent) = measure(run, program);
            let peer = usize::from(i >= 2);
            best[peer] = best[peer].min(spent);
            let ms = spent.as_secs_f64() * 1e3;
            println!("{name:<36}{search:<16}{explored:>12} {unit:<11}{ms:>14.3}");
            name = "";
        }
        if best.contains(&Duration::MAX) {
            continue;
        }
        let times = best[1].as_secs_f64() / best[0].as_secs_f64();
        println!("{:<36}{times:.2} times as fast as the best peer\n", "");
    }
}

fn process_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).expect("a clock that started at zero")
}

fn measure(run: Search, program: Program) -> (u64, Duration) {
    let timed = || {
        let start = process_time();
        (run(program), process_time() - start)
    };
    let first = timed();
    if first.1 > Duration::from_secs(1) {
        return first;
    }
    let mut all: Vec<_> = (0..ROUNDS).map(|_| timed()).collect();
    all.sort_by_key(|(_, spent)| *spent);
    all[ROUNDS / 2]
}
