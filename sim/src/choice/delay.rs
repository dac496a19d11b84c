//! Delay bounding (Emmi, Qadeer and Rakamarić, POPL 2011), sampled: a fixed order in which each
//! agent runs until it blocks, and a few random points at which the one that would run is passed
//! over.

use super::guided::Sampler;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Delay {
    bound: u32,
    profile: Arc<Profile>,
    stream: Stream,
    outcomes: Stream,
    delays: Vec<u32>,
    step: u32,
    last: Option<AgentId>,
    backwards: bool,
}

impl Delay {
    /// With at most this many delays.
    pub fn new(bound: u32) -> Delay {
        Delay {
            bound,
            profile: Arc::default(),
            stream: Stream::new(0, 0, "delay"),
            outcomes: Stream::new(0, 0, "outcomes"),
            delays: Vec::new(),
            step: 0,
            last: None,
            backwards: false,
        }
    }

    /// The first enabled agent at or after (`strictly`: after) this one in the order of the run.
    fn next(&self, view: &dyn View, from: Option<AgentId>, strictly: bool) -> AgentId {
        let distance = |agent: AgentId| {
            let n = view.agents();
            let at = |a: AgentId| if self.backwards { n - 1 - a.index() } else { a.index() };
            let start = from.map_or(0, |f| at(f) + usize::from(strictly));
            (at(agent) + n - start % n) % n
        };
        view.enabled().iter().min_by_key(|&a| distance(a)).expect("somebody is enabled")
    }
}

impl Sampler for Delay {
    fn set_profile(&mut self, profile: &Arc<Profile>) {
        self.profile = profile.clone();
    }
}

impl Strategy for Delay {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "delay");
        self.outcomes.aim(seed, index, "outcomes");
        (self.step, self.last) = (0, None);
        self.backwards = self.stream.ratio(1, 2);
        self.delays.clear();
        for _ in 0..self.stream.below(self.bound + 1) {
            self.delays.push(self.stream.below(self.profile.steps.max(1)));
        }
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let mut agent = self.next(view, self.last, false);
        for i in 0..self.delays.len() {
            if self.delays[i] == self.step {
                agent = self.next(view, Some(agent), true);
            }
        }
        self.step += 1;
        self.last = Some(agent);
        agent
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }
}
