//! What the runs so far have shown, and which changes of them are worth a try.

use super::conflicts::{Candidate, Conflicts};
use super::record::{Record, mix};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::sync::Arc;

/// Candidates kept for one key.
const PER_KEY: u32 = 4;
/// Tries after which a key is given up.
const TRIES: u32 = 4;
/// So many runs, one after the other, count as equally old.
const ALIKE: u32 = 3;
/// Steps of a run that are looked at.
const LENGTH: usize = 1500;
/// Candidates kept in all.
const KEPT: usize = 20_000;

#[derive(Copy, Clone, Default, Debug)]
struct Key {
    shown: bool,
    kept: u32,
    tried: u32,
}

/// A change of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The run.
    pub base: Arc<Record>,
    /// What to do differently.
    pub candidate: Candidate,
    generation: u32,
    taken: bool,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    keys: IndexMap<u64, Key, FxBuildHasher>,
    plans: Vec<Plan>,
    /// Runs learned from.
    runs: u32,
}

impl Frontier {
    /// How many steps of a run are kept.
    pub const LENGTH: usize = LENGTH;

    /// Learns from a run. `covers`: what it shows need not be tried any more.
    pub fn learn(&mut self, record: Record, statics: usize, covers: bool) {
        self.runs += 1;
        let keys = &mut self.keys;
        let conflicts = Conflicts::new(&record, statics, |key| {
            let key = keys.entry(key).or_default();
            let wanted = !key.shown && key.kept < PER_KEY && key.tried < TRIES;
            key.kept += u32::from(wanted);
            wanted
        });
        for key in conflicts.shown.into_iter().filter(|_| covers) {
            self.keys.entry(key).or_default().shown = true;
        }
        let base = Arc::new(record);
        for candidate in conflicts.candidates {
            if self.plans.len() < KEPT {
                let (base, generation) = (base.clone(), self.runs);
                self.plans.push(Plan { base, candidate, generation, taken: false });
            }
        }
        self.plans.retain(|p| !p.taken);
    }

    /// The most promising change that has not been tried; `salt` breaks ties.
    pub fn next(&mut self, salt: u64) -> Option<Plan> {
        // Changes of older runs come first; in half of the cases of runs about as old, any.
        let alike = if salt.is_multiple_of(2) { 1 } else { ALIKE };
        let score = |(i, plan): &(usize, &Plan)| {
            let tried = self.keys[&plan.candidate.key].tried;
            let tie = mix(salt, &[*i as u64]);
            (4 * tried + plan.candidate.rank / 2, plan.generation / alike, tie)
        };
        let open = |(_, p): &(usize, &Plan)| {
            let key = &self.keys[&p.candidate.key];
            !p.taken && !key.shown && key.tried < TRIES
        };
        let (at, _) = self.plans.iter().enumerate().filter(open).min_by_key(score)?;
        self.plans[at].taken = true;
        let plan = self.plans[at].clone();
        self.keys[&plan.candidate.key].tried += 1;
        Some(plan)
    }

    /// The changes left, by number.
    pub fn left(&self, number: u64) -> Option<&Plan> {
        self.plans.get(usize::try_from(number).ok()?)
    }
}
