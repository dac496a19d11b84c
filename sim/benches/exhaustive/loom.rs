//! The programs as loom models.

use super::Program;
use ::loom::sync::Arc;
use ::loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use ::loom::thread;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Every execution; how many there were.
pub(crate) fn all(program: Program) -> u64 {
    let runs = std::sync::Arc::new(AtomicU64::new(0));
    let counter = runs.clone();
    let mut builder = ::loom::model::Builder::new();
    builder.max_branches = 100_000;
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        body(program);
    });
    runs.load(Relaxed)
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
