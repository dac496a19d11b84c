//! PCT (Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010): random priorities, and
//! `depth - 1` points at which whoever is running falls behind everybody else.
//!
//! A bug of depth d among n agents in k steps is hit with probability at least 1/(n·k^(d-1)).

use super::guided::Sampler;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;
use crate::base::op::Op;
use std::sync::Arc;

/// Consecutive steps after which an agent falls behind, lest it spin for ever.
const PATIENCE: u32 = 2000;

/// See the module.
#[derive(Clone, Debug)]
pub struct Pct {
    depth: u32,
    profile: Arc<Profile>,
    stream: Stream,
    outcomes: Stream,
    /// By agent. Those that have fallen behind are below 0.
    priority: Vec<i64>,
    changes: Vec<u32>,
    step: u32,
    lowest: i64,
    last: Option<AgentId>,
    run_length: u32,
}

impl Pct {
    /// For bugs of this depth (at least 1).
    pub fn new(depth: u32) -> Pct {
        Pct {
            depth,
            profile: Arc::default(),
            stream: Stream::new(0, 0, "pct"),
            outcomes: Stream::new(0, 0, "outcomes"),
            priority: Vec::new(),
            changes: Vec::new(),
            step: 0,
            lowest: 0,
            last: None,
            run_length: 0,
        }
    }

    fn highest(&self, view: &dyn View) -> AgentId {
        let best = view.enabled().iter().max_by_key(|a| self.priority[a.index()]);
        best.expect("somebody is enabled")
    }

    fn fall_behind(&mut self, agent: AgentId) {
        self.lowest -= 1;
        self.priority[agent.index()] = self.lowest;
    }
}

impl Sampler for Pct {
    fn set_profile(&mut self, profile: &Arc<Profile>) {
        self.profile = profile.clone();
    }
}

impl Strategy for Pct {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "pct");
        self.outcomes.aim(seed, index, "outcomes");
        self.priority.clear();
        (self.step, self.last, self.run_length) = (0, None, 0);
        self.lowest = -i64::from(self.depth);
        self.changes.clear();
        for _ in 1..self.depth {
            self.changes.push(1 + self.stream.below(self.profile.steps.max(1)));
        }
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        while self.priority.len() < view.agents() {
            self.priority.push(i64::from(self.stream.next_u32()));
        }
        self.step += 1;
        let mut agent = self.highest(view);
        // The points are in no order, so neither are the priorities to which agents fall.
        for i in 0..self.changes.len() {
            if self.changes[i] == self.step {
                self.priority[agent.index()] = -(i as i64) - 1;
                agent = self.highest(view);
            }
        }
        self.run_length = if self.last == Some(agent) { self.run_length + 1 } else { 0 };
        self.last = Some(agent);
        if matches!(view.pending(agent).op, Op::Schedule) || self.run_length > PATIENCE {
            self.fall_behind(agent);
            self.run_length = 0;
        }
        agent
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }
}
