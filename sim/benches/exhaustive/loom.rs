//! The programs as loom models.

use super::Program;
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

on_threads! { loom }
