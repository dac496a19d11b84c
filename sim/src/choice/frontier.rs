//! What the runs so far have shown, and which changes of them are worth a try.

use super::conflicts::{Candidate, Conflicts};
use super::record::{Record, mix};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::sync::Arc;

/// Candidates kept for one key.
const PER_KEY: u32 = 4;
/// Candidates kept for a key that a run has shown already: with luck they show a combination.
const PER_SHOWN_KEY: u32 = 1;
/// Tries after which a key is given up.
const TRIES: u32 = 4;
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

    /// Learns from a run.
    pub fn learn(&mut self, record: Record, statics: usize) {
        self.runs += 1;
        let keys = &mut self.keys;
        let conflicts = Conflicts::new(&record, statics, |key| {
            let key = keys.entry(key).or_default();
            let enough = if key.shown { PER_SHOWN_KEY } else { PER_KEY };
            let wanted = key.kept < enough && key.tried < TRIES;
            key.kept += u32::from(wanted);
            wanted
        });
        for key in conflicts.shown {
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
        let score = |(i, plan): &(usize, &Plan)| {
            let tried = self.keys[&plan.candidate.key].tried;
            let tie = mix(salt, &[*i as u64]);
            (4 * tried + plan.candidate.rank, plan.generation, tie)
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

    /// Any of the changes left, drawn with this number; it will not be drawn again.
    pub fn take_any(&mut self, draw: u64) -> Option<Plan> {
        let n = self.plans.len() as u64;
        (n > 0).then(|| self.plans.swap_remove((draw % n) as usize))
    }

    /// Any of the changes left, drawn with this number.
    pub fn any(&self, draw: u64) -> Option<&Plan> {
        let n = self.plans.len() as u64;
        (n > 0).then(|| &self.plans[(draw % n) as usize])
    }
}
