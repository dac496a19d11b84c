//! Which steps of a run had to come before which: vector clocks over its conflicts.

use super::record::{Record, Step, writes};
use crate::base::agent::AgentId;
use crate::base::footprint::Object;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// Clocks of a run: for each step, how many steps of each agent happened before it, itself
/// included.
#[derive(Debug)]
pub struct Order {
    agents: usize,
    clocks: Vec<u32>,
    /// For each step: the step of the same agent before it, plus one.
    previous: Vec<u32>,
}

impl Order {
    /// Of the steps of a run, those still waited for included. Without `words` only what has to be
    /// so counts: that tasks are started and joined, grace periods, callbacks, calls. The order of
    /// accesses to memory, locks included, could have been another, and so could that of readers
    /// and grace periods.
    pub fn new(record: &Record, words: bool) -> Order {
        let agents = record.agents();
        let mut order = Order {
            agents,
            clocks: vec![0; agents * record.steps.len()],
            previous: Vec::with_capacity(record.steps.len()),
        };
        let mut now = vec![0u32; agents * agents];
        let mut last = vec![0u32; agents];
        let mut objects: IndexMap<Object, [Vec<u32>; 2], FxBuildHasher> = IndexMap::default();
        let mut clock = vec![0u32; agents];
        let counts = |step: &Step, object: Object| {
            words || (object.word_index().is_none() && (object != Object::RCU || step.reader == 0))
        };
        for (at, step) in record.steps.iter().enumerate() {
            let own = step.agent.index() * agents..(step.agent.index() + 1) * agents;
            clock.copy_from_slice(&now[own.clone()]);
            for access in record.touched(at).iter().filter(|a| counts(step, a.object)) {
                let Some([read, written]) = objects.get(&access.object) else { continue };
                join(&mut clock, written);
                if writes(access.mode) {
                    join(&mut clock, read);
                }
            }
            clock[step.agent.index()] = step.ordinal + 1;
            for access in record.touched(at).iter().filter(|a| counts(step, a.object)) {
                let clocks = objects
                    .entry(access.object)
                    .or_insert_with(|| [vec![0; agents], vec![0; agents]]);
                join(&mut clocks[usize::from(writes(access.mode))], &clock);
            }
            now[own].copy_from_slice(&clock);
            if let Some(child) = step.started.map(AgentId::index).filter(|&c| c < agents) {
                join(&mut now[child * agents..(child + 1) * agents], &clock);
            }
            order.clocks[at * agents..(at + 1) * agents].copy_from_slice(&clock);
            order.previous.push(last[step.agent.index()]);
            last[step.agent.index()] = at as u32 + 1;
        }
        order
    }

    /// Had step `i` to come before the agent of step `j` could get there?
    pub fn leads_to(&self, record: &Record, i: usize, j: usize) -> bool {
        let Some(previous) = self.previous[j].checked_sub(1) else {
            // Its first step: whoever started it came before.
            return self.started_after(record, i, j);
        };
        let (agent, ordinal) = (record.steps[i].agent, record.steps[i].ordinal);
        self.clocks[previous as usize * self.agents + agent.index()] > ordinal
    }

    fn started_after(&self, record: &Record, i: usize, j: usize) -> bool {
        let child = record.steps[j].agent;
        let start = record.steps[..j].iter().position(|s| s.started == Some(child));
        let (agent, ordinal) = (record.steps[i].agent, record.steps[i].ordinal);
        start.is_some_and(|at| self.clocks[at * self.agents + agent.index()] > ordinal)
    }
}

fn join(into: &mut [u32], other: &[u32]) {
    for (a, b) in into.iter_mut().zip(other) {
        *a = (*a).max(*b);
    }
}
