//! The search of states: level by level through the graph of states, with sleep sets.
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
use super::journal::{self, Reader};
use super::node::{self, Expansion, Links, Node, Way};
use super::outcome::Outcome;
use super::settings::Settings;
use super::walker::Walker;
use crate::run::params::Params;
use crate::run::scenario::Scenario;
use indexmap::IndexMap;
use indexmap::map::Entry;
use rustc_hash::FxBuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The whole search, in units of a node's share.
const WHOLE: u64 = 1 << 62;
/// Points that are expanded between two looks at the limits.
const BATCH: usize = 2048;

#[derive(Copy, Clone, Debug)]
struct Known {
    /// Who slept, of those who were never explored here.
    slept: u128,
    /// Its place in the level to come, plus one, while it waits there.
    waiting: u32,
}

/// A search of states that can be stopped and gone on with.
#[derive(Debug)]
pub struct Graph<'s> {
    scenario: &'s Scenario,
    params: Params,
    settings: Settings,
    /// That of the first job.
    expander: Expander<'s>,
    /// What expanding the points has yielded, as text, if asked for.
    journal: Option<String>,
    links: Links,
    known: IndexMap<u128, Known, FxBuildHasher>,
    level: Vec<Node>,
    /// Next of the level to be expanded.
    at: usize,
    next: Vec<Node>,
}

impl<'s> Graph<'s> {
    /// A search that is at its start.
    pub fn new(
        scenario: &'s Scenario,
        params: &Params,
        settings: Settings,
        outcome: &mut Outcome,
    ) -> Graph<'s> {
        let mut graph = Graph {
            scenario,
            params: params.clone(),
            settings,
            expander: Expander::new(Walker::new(scenario, params), settings),
            journal: None,
            links: Links::default(),
            known: IndexMap::default(),
            level: Vec::new(),
            at: 0,
            next: Vec::new(),
        };
        let root = graph.expander.root();
        graph.merge(Links::ROOT, WHOLE, root, outcome);
        graph.turn(outcome);
        graph
    }

    /// Is everything explored?
    pub fn is_over(&self) -> bool {
        self.level.is_empty()
    }

    /// Expands a number of points, or the rest of a level.
    pub fn advance(&mut self, outcome: &mut Outcome) {
        let to = self.level.len().min(self.at + BATCH);
        let results = self.expand(self.at, to);
        for (index, result) in (self.at..to).zip(results) {
            if let Some(journal) = &mut self.journal {
                journal::write(&result, journal);
            }
            let (link, share) = (self.level[index].link, self.level[index].share);
            self.merge(link, share, result, outcome);
        }
        self.at = to;
        if self.at == self.level.len() {
            self.turn(outcome);
        }
    }

    /// The next level becomes the current one.
    fn turn(&mut self, outcome: &mut Outcome) {
        self.level = std::mem::take(&mut self.next);
        self.at = 0;
        outcome.levels += 1;
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
    fn expand(&mut self, from: usize, to: usize) -> Vec<Expansion> {
        let next = AtomicUsize::new(from);
        let (level, links) = (&self.level, &self.links);
        let work = |expander: &mut Expander<'_>| {
            let (mut path, mut mine) = (Vec::new(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= to {
                    return mine;
                }
                links.path(level[index].link, &mut path);
                mine.push((index, expander.expand(&level[index], &path)));
            }
        };
        let (scenario, params, settings) = (self.scenario, &self.params, self.settings);
        let jobs = settings.jobs.min((to - from).div_ceil(64));
        let mut results = if jobs <= 1 {
            work(&mut self.expander)
        } else {
            let other = || work(&mut Expander::new(Walker::new(scenario, params), settings));
            std::thread::scope(|scope| {
                let others: Vec<_> = (1..jobs).map(|_| scope.spawn(other)).collect();
                let mut all = work(&mut self.expander);
                for thread in others {
                    all.extend(thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
                }
                all
            })
        };
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Takes up what an earlier search wrote down; how many bytes of it were whole.
    pub fn take_up(&mut self, text: &str, outcome: &mut Outcome) -> Result<usize, String> {
        let mut reader = Reader::new(text);
        while let Some(node) = self.level.get(self.at) {
            let (link, share) = (node.link, node.share);
            let Some(mut expansion) = reader.next(&node.sleep)? else { break };
            for branch in expansion.branches.iter_mut().filter(|b| b.shows) {
                let mut path = Vec::new();
                self.links.path(link, &mut path);
                branch.found = self.expander.findings(&path, branch);
            }
            self.merge(link, share, expansion, outcome);
            self.at += 1;
            if self.at == self.level.len() {
                self.turn(outcome);
            }
        }
        Ok(reader.whole())
    }

    /// What was found out since this was last called, as text; from the first call on.
    pub fn take_journal(&mut self) -> String {
        self.journal.replace(String::new()).unwrap_or_default()
    }

    /// Takes up what expanding a point has yielded.
    fn merge(&mut self, link: u32, share: u64, expansion: Expansion, outcome: &mut Outcome) {
        outcome.executions += expansion.executions;
        outcome.steps += expansion.steps;
        let ways = expansion.branches.len() as u64;
        if ways == 0 {
            outcome.done += share;
        }
        for (i, branch) in expansion.branches.into_iter().enumerate() {
            let share = share / ways + u64::from((i as u64) < share % ways);
            let to = match branch.way {
                Way::Open { .. } => self.links.add(link, &branch.choices),
                _ => link,
            };
            for (signature, finding) in branch.found {
                outcome.note(signature, finding, || {
                    let mut path = Vec::new();
                    self.links.path(link, &mut path);
                    path.extend_from_slice(&branch.choices);
                    path
                });
            }
            match branch.way {
                Way::Open { key, sleep, left } => {
                    let node = Node { link: to, sleep, only: None, left, share, known: None };
                    self.meet(key, node, outcome);
                    continue;
                }
                Way::Ended { key, class } => {
                    outcome.ended += 1;
                    outcome.finals.extend(key);
                    outcome.classes.extend(class);
                }
                Way::Redundant => outcome.redundant += 1,
                Way::Cut => outcome.cut += 1,
            }
            outcome.done += share;
        }
    }

    /// A point with a choice was reached: is it new, or has it anybody to explore who slept before?
    fn meet(&mut self, key: u128, mut node: Node, outcome: &mut Outcome) {
        if !self.settings.merge {
            outcome.states += 1;
            return self.next.push(node);
        }
        let slept = node::mask(&node.sleep);
        let waiting = self.next.len() as u32 + 1;
        let (index, known) = match self.known.entry(key) {
            Entry::Vacant(new) => {
                node.known = Some(new.index() as u32);
                new.insert(Known { slept, waiting });
                outcome.states += 1;
                return self.next.push(node);
            }
            Entry::Occupied(old) => (old.index(), old.into_mut()),
        };
        outcome.merged += 1;
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
            outcome.done += node.share;
            return;
        }
        known.waiting = waiting;
        node.known = Some(index as u32);
        node.only = Some(woken);
        node.sleep.retain(|s| stay & node::bit(s.agent) != 0);
        self.next.push(node);
    }
}
