//! Partial order sampling (Yuan, Yang and Gu, CAV 2018): every pending operation has a random
//! priority; when one is done, those that conflict with it draw anew.

use super::guided::Sampler;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;
use crate::base::footprint::Access;
use std::sync::Arc;

/// Random priorities of pending operations: one draw for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Priorities(Vec<Option<u32>>);

impl Priorities {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The highest of those that `allowed` admits.
    pub(super) fn highest(
        &mut self,
        view: &dyn View,
        stream: &mut Stream,
        allowed: impl Fn(AgentId) -> bool,
    ) -> Option<AgentId> {
        self.0.resize(view.agents(), None);
        let mut best: Option<(u32, AgentId)> = None;
        for agent in view.enabled().iter().filter(|&a| allowed(a)) {
            let own = *self.0[agent.index()].get_or_insert_with(|| stream.next_u32());
            if best.is_none_or(|(highest, _)| own > highest) {
                best = Some((own, agent));
            }
        }
        best.map(|(_, agent)| agent)
    }

    pub(super) fn redraw(&mut self, agent: AgentId) {
        self.0[agent.index()] = None;
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Pos {
    /// Do conflicts redraw? Without it this is BasicPOS.
    resets: bool,
    stream: Stream,
    outcomes: Stream,
    priorities: Priorities,
    done: Vec<Access>,
    other: Vec<Access>,
}

impl Pos {
    /// With redraws, or BasicPOS without.
    pub fn new(resets: bool) -> Pos {
        Pos {
            resets,
            stream: Stream::new(0, 0, "pos"),
            outcomes: Stream::new(0, 0, "outcomes"),
            priorities: Priorities::default(),
            done: Vec::new(),
            other: Vec::new(),
        }
    }
}

impl Sampler for Pos {
    fn set_profile(&mut self, _: &Arc<Profile>) {}
}

impl Strategy for Pos {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "pos");
        self.outcomes.aim(seed, index, "outcomes");
        self.priorities.clear();
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let best = self.priorities.highest(view, &mut self.stream, |_| true);
        let agent = best.expect("somebody is enabled");
        if self.resets {
            // Only words: were the state of the CPU to count, every step would redraw an interrupt.
            view.footprint(agent, &mut self.done);
            self.done.retain(|a| a.object.word_index().is_some());
            for other in view.enabled().iter().filter(|&a| a != agent) {
                view.footprint(other, &mut self.other);
                let conflict = self.done.iter().any(|a| self.other.iter().any(|b| a.conflicts(*b)));
                if conflict {
                    self.priorities.redraw(other);
                }
            }
        }
        self.priorities.redraw(agent);
        agent
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }
}
