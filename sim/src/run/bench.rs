//! How many schedules a strategy needs until it shows a bug, over many seeds.
//!
//! A trial that does not show it within the limit is censored: it says "more than the limit", and
//! is never left out of an average.

use super::execute::Execution;
use super::scenario::Scenario;
use crate::base::finding::Kind;
use crate::choice::strategies;
use crate::choice::strategy::Strategy;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Bench<'a> {
    /// Programs; of each, the bug is any kind that it expects, or any fatal one if it expects some
    /// that are and some that are not.
    pub scenarios: &'a [&'a Scenario],
    /// Names of strategies.
    pub strategies: &'a [&'a str],
    /// Seeds, one trial each.
    pub seeds: Range<u64>,
    /// Schedules after which a trial is given up.
    pub limit: u32,
    /// On how many threads.
    pub jobs: u32,
}

/// The trials of one strategy on one scenario.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trials {
    /// Schedules up to and including the first that showed the bug, sorted; without the censored.
    pub shown: Vec<u32>,
    /// Trials in which the limit came first.
    pub censored: u32,
    /// That limit.
    pub limit: u32,
}

impl Trials {
    /// How many there were.
    pub fn len(&self) -> usize {
        self.shown.len() + self.censored as usize
    }

    /// Were there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The median (the lower one of two), unless it is beyond the limit.
    pub fn median(&self) -> Option<u32> {
        self.shown.get(self.len().saturating_sub(1) / 2).copied()
    }

    /// The restricted mean: a censored trial counts as the limit, so that this is a lower bound of
    /// the mean if there are any, and the mean if there are none.
    pub fn mean(&self) -> f64 {
        let shown: u64 = self.shown.iter().map(|&n| u64::from(n)).sum();
        let all = shown + u64::from(self.censored) * u64::from(self.limit);
        all as f64 / (self.len() as f64).max(1.0)
    }
}

impl Bench<'_> {
    /// The trials of each strategy (inner) on each scenario (outer). `watch` is told how many of
    /// these are done, and may end it; what is missing then has no trials.
    ///
    /// # Panics
    /// When there is no such strategy, and when a scenario misuses the library.
    #[expect(
        clippy::disallowed_methods,
        reason = "the explorer: each run is whole on one thread, and results have their place"
    )]
    pub fn run(&self, watch: &(dyn Fn(usize) -> ControlFlow<()> + Sync)) -> Vec<Vec<Trials>> {
        let width = self.strategies.len();
        let total = self.scenarios.len() * width;
        let next = AtomicUsize::new(0);
        let cells = Mutex::new(vec![Trials::default(); total]);
        let work = || {
            while watch(next.load(Ordering::Relaxed).min(total)).is_continue() {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= total {
                    break;
                }
                let trials = self.trials(self.scenarios[at / width], self.strategies[at % width]);
                cells.lock().expect("no worker has panicked")[at] = trials;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        let cells = cells.into_inner().expect("no worker has panicked");
        cells.chunks(width.max(1)).map(<[Trials]>::to_vec).collect()
    }

    /// The trials of one strategy on one scenario.
    fn trials(&self, scenario: &Scenario, strategy: &str) -> Trials {
        let mut execution = Execution::new(scenario);
        let mut strategy = strategies::by_name(strategy)
            .unwrap_or_else(|| panic!("there is no strategy {strategy:?}"));
        let mut kinds = scenario.expect.kinds().to_vec();
        if kinds.iter().any(|kind| kind.is_fatal()) {
            kinds.retain(|kind| kind.is_fatal());
        }
        let mut trials = Trials { limit: self.limit, ..Trials::default() };
        for seed in self.seeds.clone() {
            match first_bug(&mut execution, &mut *strategy, seed, &kinds, self.limit) {
                Some(runs) => trials.shown.push(runs),
                None => trials.censored += 1,
            }
        }
        trials.shown.sort_unstable();
        trials
    }
}

/// How many runs a strategy needs, from index 0 on, until one shows a finding of one of these
/// kinds: at most `limit`.
pub fn first_bug(
    execution: &mut Execution<'_>,
    strategy: &mut dyn Strategy,
    seed: u64,
    kinds: &[Kind],
    limit: u32,
) -> Option<u32> {
    let shows = |index: &u32| {
        execution.run(strategy, seed, u64::from(*index));
        let findings = &execution.sim().system().findings;
        findings.iter().any(|f| kinds.contains(&f.kind))
    };
    (0..limit).find(shows).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn censored_trials_are_not_averaged_away() {
        let trials =
            |shown: &[u32], censored| Trials { shown: shown.to_vec(), censored, limit: 100 };
        assert_eq!(trials(&[1, 2, 3], 0).median(), Some(2));
        assert_eq!(trials(&[1, 3], 0).median(), Some(1));
        assert_eq!(trials(&[1, 3], 3).median(), None);
        assert_eq!(trials(&[1, 3], 2).mean(), 51.0);
        assert_eq!(trials(&[], 0).median(), None);
    }
}
