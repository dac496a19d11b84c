//! Mazurkiewicz traces: runs that differ only in the order of steps that commute are one.

use crate::base::agent::AgentId;
use crate::base::footprint::Access;
use xxhash_rust::xxh3::xxh3_128;

/// Do two steps of different agents conflict, so that their order matters?
pub fn conflict(a: &[Access], b: &[Access]) -> bool {
    a.iter().any(|x| b.iter().any(|y| x.conflicts(*y)))
}

/// A step of a run as far as order goes.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who.
    pub agent: AgentId,
    /// Which of its outcomes.
    pub outcome: u16,
    /// What it depends on and changes.
    pub effects: Box<[Access]>,
}

/// For each step and each agent, how many steps of the agent happen before or are the step itself.
pub fn clocks(steps: &[Step]) -> Vec<Vec<u32>> {
    let agents = steps.iter().map(|s| s.agent.index() + 1).max().unwrap_or(0);
    let mut clocks: Vec<Vec<u32>> = Vec::with_capacity(steps.len());
    for (i, step) in steps.iter().enumerate() {
        let mut clock = vec![0; agents];
        for (earlier, known) in steps.iter().zip(&clocks) {
            let own = earlier.agent == step.agent;
            if own || conflict(&earlier.effects, &step.effects) {
                clock.iter_mut().zip(known).for_each(|(a, b)| *a = (*a).max(*b));
            }
        }
        let before = steps[..i].iter().filter(|s| s.agent == step.agent).count();
        clock[step.agent.index()] = before as u32 + 1;
        clocks.push(clock);
    }
    clocks
}

/// Identifies the class of equivalent runs that a run belongs to.
pub fn class(steps: &[Step]) -> u128 {
    let mut bytes = Vec::new();
    let hash = |(step, clock): (&Step, Vec<u32>)| {
        bytes.clear();
        bytes.extend_from_slice(&step.agent.0.to_le_bytes());
        bytes.extend_from_slice(&step.outcome.to_le_bytes());
        clock.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
        xxh3_128(&bytes)
    };
    steps.iter().zip(clocks(steps)).map(hash).fold(0, u128::wrapping_add)
}
