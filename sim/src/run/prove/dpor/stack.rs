//! The run that is being explored: its steps, what happened before what, and what else is to be
//! explored from each of its points.

use super::wakeup::{Move, Tree};
use crate::base::agent::{AgentId, AgentSet};
use crate::base::footprint::Access;
use crate::choice::traces::conflict;
use std::sync::Arc;

/// A set of steps, by number.
#[derive(Clone, Debug, Default)]
pub struct Steps(Vec<u64>);

impl Steps {
    /// Is this step a member?
    pub fn contains(&self, step: usize) -> bool {
        self.0.get(step / 64).is_some_and(|w| w >> (step % 64) & 1 != 0)
    }

    /// Adds a step.
    pub fn insert(&mut self, step: usize) {
        if self.0.len() <= step / 64 {
            self.0.resize(step / 64 + 1, 0);
        }
        self.0[step / 64] |= 1 << (step % 64);
    }

    /// Adds all of another set.
    pub fn union(&mut self, other: &Steps) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

/// A point of the run, with the step taken from it.
#[derive(Debug)]
pub struct Frame {
    /// Steps from here that need not be explored: they were, from here or an equivalent point.
    pub sleep: Vec<Move>,
    /// What else is to be explored from here.
    pub tree: Tree,
    /// Ways from here that are done.
    pub done: u32,
    /// Who could act.
    pub enabled: AgentSet,
    /// How many agents there were.
    pub agents: usize,
    /// The step taken.
    pub step: Move,
    /// What happened before the step, itself included.
    pub past: Steps,
}

impl Frame {
    /// What the step taken depends on and changes.
    pub fn effects(&self) -> &Arc<[Access]> {
        self.step.effects.as_ref().expect("a step that was taken has known effects")
    }
}

/// The run so far.
#[derive(Debug, Default)]
pub struct Stack {
    /// Its points, from the start.
    pub frames: Vec<Frame>,
}

impl Stack {
    /// The last step of an agent, or else the one that made it; of the steps before `end`.
    pub fn before(&self, agent: AgentId, end: usize, agents: usize) -> Option<usize> {
        (0..end).rev().find(|&i| {
            let after = self.frames.get(i + 1).map_or(agents, |f| f.agents);
            let frame = &self.frames[i];
            frame.step.choice.agent == agent || (frame.agents..after).contains(&agent.index())
        })
    }

    /// What happens before a step that comes now.
    pub fn past(&self, agent: AgentId, effects: &[Access], agents: usize) -> Steps {
        let at = self.frames.len();
        let mut past = Steps::default();
        let own = self.before(agent, at, agents);
        if let Some(i) = own {
            past.union(&self.frames[i].past);
        }
        for i in (0..at).rev() {
            if !past.contains(i) && conflict(self.frames[i].effects(), effects) {
                past.union(&self.frames[i].past);
            }
        }
        past.insert(at);
        past
    }
}
