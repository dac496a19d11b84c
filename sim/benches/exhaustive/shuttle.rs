//! The programs as shuttle tests.

use super::Program;
use ::shuttle::scheduler::DfsScheduler;
use ::shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use ::shuttle::{Config, FailurePersistence, Runner, thread};
use std::sync::Arc;

/// Every schedule; how many there were.
pub(crate) fn dfs(program: Program) -> u64 {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let runner = Runner::new(DfsScheduler::new(None, false), config);
    runner.run(move || body(program)) as u64
}

fn body(program: Program) {
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
