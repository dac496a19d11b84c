//! The programs as shuttle tests.

use super::Program;
use ::shuttle::scheduler::DfsScheduler;
use ::shuttle::{Config, FailurePersistence, Runner};

/// Every schedule; how many there were.
pub(crate) fn dfs(program: Program) -> u64 {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let runner = Runner::new(DfsScheduler::new(None, false), config);
    runner.run(move || body(program)) as u64
}

on_threads! { shuttle }
