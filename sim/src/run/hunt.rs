//! Hunting: many runs of one scenario on several threads, failures folded by signature.
//!
//! The result depends on the set of run indices alone: not on the number of threads, nor on who
//! ran what. The parts of a sharded hunt add up to the whole ([`Hunted::merge`]).

use super::execute::Execution;
use super::params::Params;
use super::scenario::Scenario;
use super::sim::{Sim, Stop};
use crate::base::finding::{Finding, Signature};
use crate::choice::strategies;
use crate::choice::strategy::Strategy;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs that a thread takes at a time.
const CHUNK: u64 = 64;

/// One part of a hunt that is shared among machines: every `of`-th run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// The whole hunt.
    pub const WHOLE: Shard = Shard { part: 1, of: 1 };

    /// The first index of this part that is `from` or later.
    fn first(self, from: u64) -> u64 {
        let (part, of) = (u64::from(self.part), u64::from(self.of));
        from.saturating_add((of + part - 1 - from % of) % of)
    }
}

/// How far a hunt has come.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Runs done.
    pub runs: u64,
    /// Those of them with a finding.
    pub failed: u64,
}

/// What to hunt in, and how.
#[derive(Copy, Clone, Debug)]
pub struct Hunt<'a> {
    /// What runs.
    pub scenario: &'a Scenario,
    /// With which parameters.
    pub params: &'a Params,
    /// Name of the strategy ([`strategies::NAMES`]).
    pub strategy: &'a str,
    /// Seed of the campaign.
    pub seed: u64,
    /// Which part of the indices.
    pub shard: Shard,
    /// On how many threads.
    pub jobs: u32,
}

/// A finding of a hunt, with its cheapest example.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The finding as the cheapest example shows it.
    pub finding: Finding,
    /// Runs that showed it.
    pub count: u64,
    /// Lowest index of those runs.
    pub first_index: u64,
    /// Index of the cheapest run: the fewest steps up to the finding, then the lowest index.
    pub index: u64,
    /// Steps of that run up to the finding.
    pub steps: u32,
    /// Runs that showed it, of the independent ones.
    pub independent: u64,
}

impl Found {
    fn merge(&mut self, other: Found) {
        self.count += other.count;
        self.independent += other.independent;
        self.first_index = self.first_index.min(other.first_index);
        if (other.steps, other.index) < (self.steps, self.index) {
            (self.finding, self.index) = (other.finding, other.index);
            self.steps = other.steps;
        }
    }
}

/// What a hunt has brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hunted {
    /// Runs done.
    pub runs: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// Runs with a finding.
    pub failed: u64,
    /// Runs drawn without regard to what others have found: a share of them is a probability.
    pub independent: u64,
    /// Runs that were cut at the limit of steps, so that nobody knows how they end.
    pub cut: u64,
    /// By signature.
    pub found: BTreeMap<Signature, Found>,
}

impl Hunted {
    /// Adds the result of another part.
    pub fn merge(&mut self, other: Hunted) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.failed += other.failed;
        self.cut += other.cut;
        self.independent += other.independent;
        for (signature, found) in other.found {
            match self.found.get_mut(&signature) {
                Some(known) => known.merge(found),
                None => _ = self.found.insert(signature, found),
            }
        }
    }

    /// The findings, the earliest index first.
    pub fn in_order(&self) -> Vec<(&Signature, &Found)> {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|(signature, found)| (found.first_index, *signature));
        all
    }

    /// After a hunt that found nothing: the highest probability with which a run of its samplers
    /// finds something, at 95 % confidence (the rule of three). `None` if too few of its runs were
    /// independent of each other to say so.
    pub fn most_likely(&self) -> Option<f64> {
        (self.failed == 0 && self.independent > 3).then(|| 3.0 / self.independent as f64)
    }

    /// Notes what the last run of an execution has shown.
    fn add(&mut self, index: u64, sim: &Sim, independent: bool) {
        let independent = u64::from(independent);
        let findings = &sim.system().findings;
        self.failed += 1;
        let signatures: Vec<Signature> = findings.iter().map(Finding::signature).collect();
        for (i, (finding, signature)) in findings.iter().zip(&signatures).enumerate() {
            if signatures[..i].contains(signature) {
                continue; // A run counts once.
            }
            let steps = sim.steps_to(finding);
            match self.found.get_mut(signature) {
                Some(found) if found.steps <= steps => {
                    found.count += 1;
                    found.independent += independent;
                }
                known => {
                    let finding = finding.clone();
                    let found =
                        Found { finding, count: 1, first_index: index, index, steps, independent };
                    match known {
                        Some(known) => known.merge(found),
                        None => _ = self.found.insert(signature.clone(), found),
                    }
                }
            }
        }
    }
}

impl Hunt<'_> {
    /// Runs these indices (of them, those of the shard). `watch` is asked before every few runs and
    /// may end the hunt; what was done until then is a whole number of runs from the start.
    ///
    /// # Panics
    /// When there is no such strategy or shard, and when the scenario misuses the library.
    pub fn run(
        &self,
        indices: Range<u64>,
        watch: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Hunted {
        let Shard { part, of } = self.shard;
        assert!((1..=of).contains(&part), "there is no part {part} of {of}");
        let first = self.shard.first(indices.start);
        let of = u64::from(of);
        let total = indices.end.saturating_sub(first).div_ceil(of);
        let next = AtomicU64::new(0);
        let so_far = Mutex::new(Progress::default());
        let take = || -> Option<Range<u64>> {
            let progress = *so_far.lock().expect("no worker has panicked");
            if watch(progress).is_break() {
                next.store(total, Ordering::Relaxed);
            }
            let from = next.fetch_add(CHUNK, Ordering::Relaxed).min(total);
            let to = from.saturating_add(CHUNK).min(total);
            (from < to).then_some(from..to)
        };
        let work = |execution: &mut Execution<'_>, strategy: &mut dyn Strategy, last: u64| {
            let mut mine = Hunted::default();
            while next.load(Ordering::Relaxed) < last
                && let Some(chunk) = take()
            {
                let before = mine.failed;
                let runs = chunk.end - chunk.start;
                for i in chunk {
                    self.run_one(execution, strategy, first + i * of, &mut mine);
                }
                let mut progress = so_far.lock().expect("no worker has panicked");
                progress.runs += runs;
                progress.failed += mine.failed - before;
            }
            mine
        };
        // What a strategy learns from its first runs is learned once, and then shared.
        let (mut execution, mut strategy) = self.begin();
        let jobs = u64::from(self.jobs).min(total.div_ceil(CHUNK));
        let learning = match jobs {
            0 | 1 => total,
            _ => strategy.learning().saturating_sub(first).div_ceil(of).min(total),
        };
        let mut all = work(&mut execution, &mut *strategy, learning);
        if next.load(Ordering::Relaxed) < total {
            execution.learn(&mut *strategy, self.seed);
            let forks = (0..jobs).map(|_| strategy.fork()).collect();
            let parts = self.on_threads(forks, &|execution: &mut _, strategy: &mut _| {
                work(execution, strategy, total)
            });
            parts.into_iter().for_each(|part| all.merge(part));
        }
        all
    }

    fn begin(&self) -> (Execution<'_>, Box<dyn Strategy + Send>) {
        let strategy = strategies::by_name(self.strategy)
            .unwrap_or_else(|| panic!("there is no strategy {:?}", self.strategy));
        (Execution::with_params(self.scenario, self.params.clone()), strategy)
    }

    fn run_one(
        &self,
        execution: &mut Execution<'_>,
        strategy: &mut dyn Strategy,
        index: u64,
        into: &mut Hunted,
    ) {
        let stop = execution.run(strategy, self.seed, index);
        let system = execution.sim().system();
        into.runs += 1;
        into.steps += system.events.len() as u64;
        into.cut += u64::from(stop == Stop::Cut);
        let independent = strategy.is_independent(index);
        into.independent += u64::from(independent);
        if !system.findings.is_empty() {
            into.add(index, execution.sim(), independent);
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the explorer: each run is whole on one thread, and results merge in any order"
    )]
    fn on_threads(
        &self,
        strategies: Vec<Option<Box<dyn Strategy + Send>>>,
        work: &(dyn Fn(&mut Execution<'_>, &mut dyn Strategy) -> Hunted + Sync),
    ) -> Vec<Hunted> {
        std::thread::scope(|scope| {
            let start = |fork: Option<Box<dyn Strategy + Send>>| {
                scope.spawn(move || {
                    let (mut execution, new) = self.begin();
                    work(&mut execution, &mut *fork.unwrap_or(new))
                })
            };
            let workers: Vec<_> = strategies.into_iter().map(start).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, Hunted>| match worker.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            workers.into_iter().map(join).collect()
        })
    }
}
