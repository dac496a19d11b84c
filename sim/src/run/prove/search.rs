//! The exhaustive search: level by level through the graph of states, with sleep sets.
//!
//! A level holds points with a choice. Each is expanded on its own (re-executed from the start, one
//! execution for each step possible there), in parallel if wanted; then the results are merged in
//! order, so that the outcome does not depend on how many jobs there are. Two points are one state
//! if their keys are equal. A point that is met again with other sleepers is expanded again for
//! those who slept before and are awake now (Godefroid 1996, section 5.2).
//!
//! Why nothing is missed: agents are tried in the order of their numbers, so of all runs that are
//! equivalent the one that is first in the dictionary is never put to sleep, whatever the order of
//! the search; and taking two states for one only ever wakes agents.

use super::expand::Expander;
use super::node::{self, Expansion, Links, Node, Way};
use super::settings::Settings;
use super::walker::{Choice, Walker};
use crate::base::finding::{Finding, Signature};
use crate::run::params::Params;
use crate::run::scenario::Scenario;
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The whole search, in units of a node's share.
const WHOLE: u64 = 1 << 62;
/// Points that are expanded between two looks at the limits.
const BATCH: usize = 2048;

/// A finding with the way to it.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found.
    pub finding: Finding,
    /// The decisions that lead there, from the start.
    pub choices: Vec<Choice>,
    /// How many of the steps explored showed it.
    pub count: u64,
}

/// What a search has found out so far.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every schedule within the bounds was covered.
    pub complete: bool,
    /// Runs of the scenario from its start.
    pub executions: u64,
    /// Steps taken in all of them.
    pub steps: u64,
    /// Different states with a choice.
    pub states: u64,
    /// Runs that came to an end.
    pub ended: u64,
    /// Ways that led to a known state.
    pub merged: u64,
    /// Ways on which everything slept.
    pub redundant: u64,
    /// Runs cut at the limit of steps; any of them voids completeness.
    pub cut: u64,
    /// Levels finished: every schedule with fewer choices was covered.
    pub levels: u32,
    /// Share of the search that is done, in units of 2^-62, taking all ways from a point for
    /// equally large.
    pub done: u64,
    /// Findings by signature, in the order in which they were met.
    pub found: IndexMap<Signature, Found, FxBuildHasher>,
    /// Final states met.
    pub finals: IndexSet<u128, FxBuildHasher>,
    /// Classes of equivalent runs met, if asked for.
    pub classes: IndexSet<u128, FxBuildHasher>,
}

impl Outcome {
    /// The share done, in thousandths of a per cent.
    pub fn share(&self) -> u64 {
        if self.complete { 100_000 } else { ((u128::from(self.done) * 100_000) >> 62) as u64 }
    }
}

#[derive(Copy, Clone, Debug)]
struct Known {
    /// Who slept, of those who were never explored here.
    slept: u128,
    /// Its place in the level to come, plus one, while it waits there.
    waiting: u32,
}

/// A search that can be stopped and gone on with.
#[derive(Debug)]
pub struct Search<'s> {
    scenario: &'s Scenario,
    params: Params,
    settings: Settings,
    links: Links,
    known: IndexMap<u128, Known, FxBuildHasher>,
    level: Vec<Node>,
    /// Next of the level to be expanded.
    at: usize,
    next: Vec<Node>,
    outcome: Outcome,
}

impl<'s> Search<'s> {
    /// A search that is at its start.
    pub fn new(scenario: &'s Scenario, params: &Params, settings: Settings) -> Search<'s> {
        let mut search = Search {
            scenario,
            params: params.clone(),
            settings,
            links: Links::default(),
            known: IndexMap::default(),
            level: Vec::new(),
            at: 0,
            next: Vec::new(),
            outcome: Outcome::default(),
        };
        let root = search.expander().root();
        search.merge(Links::ROOT, WHOLE, root);
        search.turn();
        search
    }

    fn expander(&self) -> Expander<'s> {
        Expander::new(Walker::new(self.scenario, &self.params), self.settings)
    }

    /// What is known so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Searches on until all is covered, the limit is reached, or `go_on`, asked now and then,
    /// says no.
    pub fn run(&mut self, mut go_on: impl FnMut(&Outcome) -> bool) -> &Outcome {
        while !self.level.is_empty() {
            let over = self.settings.limit.is_some_and(|l| self.outcome.executions >= l);
            if over || !go_on(&self.outcome) {
                return &self.outcome;
            }
            let to = self.level.len().min(self.at + BATCH);
            let results = self.expand(self.at, to);
            for (index, result) in (self.at..to).zip(results) {
                let (link, share) = (self.level[index].link, self.level[index].share);
                self.merge(link, share, result);
            }
            self.at = to;
            if self.at == self.level.len() {
                self.turn();
            }
        }
        self.outcome.complete = self.outcome.cut == 0;
        &self.outcome
    }

    /// The next level becomes the current one.
    fn turn(&mut self) {
        self.level = std::mem::take(&mut self.next);
        self.at = 0;
        self.outcome.levels += 1;
        for node in &mut self.level {
            if let Some(index) = node.known {
                self.known[index as usize].waiting = 0;
            }
        }
    }

    /// Expands a part of the level, in any order; the results are in the level's order.
    #[expect(
        clippy::disallowed_methods,
        reason = "the explorer may use threads: results are merged in order"
    )]
    fn expand(&self, from: usize, to: usize) -> Vec<Expansion> {
        let next = AtomicUsize::new(from);
        let results: Mutex<Vec<(usize, Expansion)>> = Mutex::new(Vec::new());
        let work = || {
            let mut expander = self.expander();
            let (mut path, mut mine) = (Vec::new(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= to {
                    break;
                }
                self.links.path(self.level[index].link, &mut path);
                mine.push((index, expander.expand(&self.level[index], &path)));
            }
            results.lock().expect("no job panics while it holds this").extend(mine);
        };
        let jobs = self.settings.jobs.clamp(1, (to - from).div_ceil(64).max(1));
        std::thread::scope(|scope| {
            (1..jobs).for_each(|_| {
                scope.spawn(work);
            });
            work();
        });
        let mut results = results.into_inner().expect("all jobs are done");
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Takes up what expanding a point has yielded.
    fn merge(&mut self, link: u32, share: u64, expansion: Expansion) {
        self.outcome.executions += expansion.executions;
        self.outcome.steps += expansion.steps;
        let ways = expansion.branches.len() as u64;
        if ways == 0 {
            self.outcome.done += share;
        }
        for (i, branch) in expansion.branches.into_iter().enumerate() {
            let share = share / ways + u64::from((i as u64) < share % ways);
            let to = match branch.way {
                Way::Open { .. } => self.links.add(link, &branch.choices),
                _ => link,
            };
            for (signature, finding) in branch.found {
                self.note(signature, finding, link, &branch.choices);
            }
            match branch.way {
                Way::Open { key, sleep, left } => {
                    let node = Node { link: to, sleep, only: None, left, share, known: None };
                    self.meet(key, node);
                    continue;
                }
                Way::Ended { key, class } => {
                    self.outcome.ended += 1;
                    self.outcome.finals.extend(key);
                    self.outcome.classes.extend(class);
                }
                Way::Redundant => self.outcome.redundant += 1,
                Way::Cut => self.outcome.cut += 1,
            }
            self.outcome.done += share;
        }
    }

    fn note(&mut self, signature: Signature, finding: Finding, link: u32, choices: &[Choice]) {
        match self.outcome.found.entry(signature) {
            Entry::Occupied(mut known) => known.get_mut().count += 1,
            Entry::Vacant(new) => {
                let mut path = Vec::new();
                self.links.path(link, &mut path);
                path.extend_from_slice(choices);
                new.insert(Found { finding, choices: path, count: 1 });
            }
        }
    }

    /// A point with a choice was reached: is it new, or has it anybody to explore who slept before?
    fn meet(&mut self, key: u128, mut node: Node) {
        if !self.settings.merge {
            self.outcome.states += 1;
            return self.next.push(node);
        }
        let slept = node::mask(&node.sleep);
        let waiting = self.next.len() as u32 + 1;
        let (index, known) = match self.known.entry(key) {
            Entry::Vacant(new) => {
                node.known = Some(new.index() as u32);
                new.insert(Known { slept, waiting });
                self.outcome.states += 1;
                return self.next.push(node);
            }
            Entry::Occupied(old) => (old.index(), old.into_mut()),
        };
        self.outcome.merged += 1;
        let woken = known.slept & !slept;
        known.slept &= slept;
        let stay = known.slept;
        if let Some(place) = known.waiting.checked_sub(1) {
            let waiting = &mut self.next[place as usize];
            waiting.sleep.retain(|s| stay & node::bit(s.agent) != 0);
            waiting.only = waiting.only.map(|o| o | woken);
            waiting.share += node.share;
            return;
        }
        if woken == 0 {
            self.outcome.done += node.share;
            return;
        }
        known.waiting = waiting;
        node.known = Some(index as u32);
        node.only = Some(woken);
        node.sleep.retain(|s| stay & node::bit(s.agent) != 0);
        self.next.push(node);
    }

    /// A walker at the end of the run that shows a finding.
    pub fn replay(&self, found: &Found) -> Walker<'s> {
        let mut walker = Walker::new(self.scenario, &self.params);
        walker.go(&found.choices);
        if let Some(stop) = walker.stop() {
            walker.conclude(stop);
        }
        walker
    }
}
