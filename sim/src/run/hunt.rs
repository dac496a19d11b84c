//! Hunting: many runs of one scenario on several threads, failures folded by signature.
//!
//! The result depends on the set of run indices alone: not on the number of threads, nor on who
//! ran what. The parts of a sharded hunt, or of one that was broken off, add up to the whole
//! ([`Hunted::merge`]).

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

/// Runs that a thread takes at a time.
const CHUNK: u64 = 64;

/// A thread hands its results over after so many steps at the latest: a small part of a second.
const CHUNK_STEPS: u64 = 100_000;

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

/// Who watches a hunt. Any `Fn(&Hunted) -> ControlFlow<()>` does.
pub trait Watch: Sync {
    /// How far it has come, before every few runs; may end it.
    fn see(&self, so_far: &Hunted) -> ControlFlow<()>;

    /// These indices are done (of them, those of the shard), with this result.
    fn done(&self, indices: Range<u64>, part: &Hunted) {
        _ = (indices, part);
    }
}

impl<F: Fn(&Hunted) -> ControlFlow<()> + Sync> Watch for F {
    fn see(&self, so_far: &Hunted) -> ControlFlow<()> {
        self(so_far)
    }
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
    /// Runs these indices (of them, those of the shard).
    ///
    /// # Panics
    /// When there is no such strategy or shard, and when the scenario misuses the library.
    pub fn run(&self, indices: Range<u64>, watch: &dyn Watch) -> Hunted {
        self.go_on(Hunted::default(), vec![indices], watch)
    }

    /// Goes on from what was done earlier: runs these ranges of indices, the lowest first.
    ///
    /// # Panics
    /// As [`Hunt::run`].
    pub fn go_on(&self, done: Hunted, todo: Vec<Range<u64>>, watch: &dyn Watch) -> Hunted {
        let Shard { part, of } = self.shard;
        assert!((1..=of).contains(&part), "there is no part {part} of {of}");
        let most = CHUNK * u64::from(of);
        let chunks = todo.iter().map(|range| range.end.saturating_sub(range.start).div_ceil(most));
        let jobs = chunks.fold(0, u64::saturating_add).min(self.jobs.into());
        let shared = Mutex::new(Shared { all: done, todo });
        let locked = || shared.lock().expect("no worker has panicked");
        let work = |execution: &mut Execution<'_>, strategy: &mut dyn Strategy, below: u64| {
            loop {
                // In a statement of its own, so that the lock is free again.
                let chunk = locked().take(watch, most, below);
                let Some(Range { mut start, end }) = chunk else { break };
                while start < end {
                    let (part, at) = self.some(execution, strategy, start..end);
                    watch.done(start..at, &part);
                    locked().all.merge(part);
                    start = at;
                }
            }
        };
        // What a strategy learns from its first runs is learned once, and then shared.
        let (mut execution, mut strategy) = self.begin();
        let alone = if jobs > 1 { strategy.learning() } else { u64::MAX };
        work(&mut execution, &mut *strategy, alone);
        if !locked().todo.is_empty() {
            execution.learn(&mut *strategy, self.seed);
            let forks = (0..jobs).map(|_| strategy.fork()).collect();
            self.on_threads(forks, &|execution: &mut _, strategy: &mut _| {
                work(execution, strategy, u64::MAX);
            });
        }
        shared.into_inner().expect("no worker has panicked").all
    }

    /// Runs indices from the start of a range, all or as many as give a fair number of steps; also
    /// where it stopped.
    fn some(
        &self,
        execution: &mut Execution<'_>,
        strategy: &mut dyn Strategy,
        indices: Range<u64>,
    ) -> (Hunted, u64) {
        let mut part = Hunted::default();
        let mut index = self.shard.first(indices.start);
        while index < indices.end {
            if part.steps >= CHUNK_STEPS {
                return (part, index);
            }
            self.run_one(execution, strategy, index, &mut part);
            index = index.saturating_add(self.shard.of.into());
        }
        (part, indices.end)
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
        work: &(dyn Fn(&mut Execution<'_>, &mut dyn Strategy) + Sync),
    ) {
        std::thread::scope(|scope| {
            let start = |fork: Option<Box<dyn Strategy + Send>>| {
                scope.spawn(move || {
                    let (mut execution, new) = self.begin();
                    work(&mut execution, &mut *fork.unwrap_or(new));
                })
            };
            let workers: Vec<_> = strategies.into_iter().map(start).collect();
            for worker in workers {
                if let Err(panic) = worker.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}

/// What the threads of a hunt share.
struct Shared {
    all: Hunted,
    todo: Vec<Range<u64>>,
}

impl Shared {
    /// The next few indices, if there are any below `below` and the hunt is to go on.
    fn take(&mut self, watch: &dyn Watch, most: u64, below: u64) -> Option<Range<u64>> {
        if watch.see(&self.all).is_break() {
            self.todo.clear();
        }
        self.todo.retain(|range| !range.is_empty());
        let range = self.todo.first_mut().filter(|range| range.start < below)?;
        let start = range.start;
        range.start = start.saturating_add(most).min(range.end);
        Some(start..range.start)
    }
}
