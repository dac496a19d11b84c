//! What a search has found out.

use super::walker::Choice;
use crate::base::finding::{Finding, Signature};
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

/// A finding with the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// What was found.
    pub finding: Finding,
    /// The decisions that lead there, from the start.
    pub choices: Vec<Choice>,
    /// How many of the steps explored showed it.
    pub count: u64,
}

/// What a search has found out so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Every schedule within the bounds was covered.
    pub complete: bool,
    /// Runs of the scenario from its start; of those that explore runs one by one, without
    /// [`Outcome::probes`].
    pub executions: u64,
    /// Beginnings of runs, executed to see whether something is possible there.
    pub probes: u64,
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

    /// Notes a finding, which these decisions led to.
    pub fn note(
        &mut self,
        signature: Signature,
        finding: Finding,
        choices: impl FnOnce() -> Vec<Choice>,
    ) {
        match self.found.entry(signature) {
            Entry::Occupied(mut known) => known.get_mut().count += 1,
            Entry::Vacant(new) => {
                new.insert(Found { finding, choices: choices(), count: 1 });
            }
        }
    }
}
