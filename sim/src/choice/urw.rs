//! Uniform random walk: each agent is as likely as it has steps left, those of the tasks that it
//! will start included. Were the counts exact and did nothing block, every interleaving would be
//! equally likely.

use super::guided::Sampler;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::{AgentId, AgentKind};
use std::sync::Arc;

/// For each agent, how often it will still do something.
#[derive(Clone, Debug, Default)]
pub(super) struct Left {
    left: Vec<u32>,
    last: Option<AgentId>,
}

impl Left {
    pub(super) fn clear(&mut self) {
        self.left.clear();
        self.last = None;
    }

    /// Counts in agents that are new; a task that was just started takes its share from who
    /// started it. Says who did, if somebody did.
    pub(super) fn grow(
        &mut self,
        view: &dyn View,
        expected: impl Fn(AgentId) -> u32,
    ) -> Option<(AgentId, AgentId)> {
        let mut started = None;
        while self.left.len() < view.agents() {
            let agent = AgentId(self.left.len() as u16);
            let own = expected(agent);
            self.left.push(own);
            if let Some(last) = self.last.filter(|_| view.kind(agent) == AgentKind::Task) {
                let parent = &mut self.left[last.index()];
                *parent = parent.saturating_sub(own);
                started = Some((last, agent));
            }
        }
        started
    }

    pub(super) fn of(&self, agent: AgentId) -> u32 {
        self.left[agent.index()].max(1)
    }

    /// Picks by weight; at least one must be allowed.
    pub(super) fn draw(
        &self,
        view: &dyn View,
        stream: &mut Stream,
        allowed: impl Fn(AgentId) -> bool,
    ) -> AgentId {
        let members = || view.enabled().iter().filter(|&a| allowed(a));
        let total = members().map(|a| self.of(a)).sum();
        let mut at = stream.below(total);
        for agent in members() {
            match at.checked_sub(self.of(agent)) {
                Some(rest) => at = rest,
                None => return agent,
            }
        }
        unreachable!("the draw is below the sum of the weights")
    }

    pub(super) fn done(&mut self, agent: AgentId) {
        let left = &mut self.left[agent.index()];
        *left = left.saturating_sub(1);
    }

    pub(super) fn acted(&mut self, agent: AgentId) {
        self.last = Some(agent);
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Urw {
    profile: Arc<Profile>,
    stream: Stream,
    outcomes: Stream,
    left: Left,
}

impl Default for Urw {
    fn default() -> Urw {
        Urw {
            profile: Arc::default(),
            stream: Stream::new(0, 0, "urw"),
            outcomes: Stream::new(0, 0, "outcomes"),
            left: Left::default(),
        }
    }
}

impl Sampler for Urw {
    fn set_profile(&mut self, profile: &Arc<Profile>) {
        self.profile = profile.clone();
    }
}

impl Strategy for Urw {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "urw");
        self.outcomes.aim(seed, index, "outcomes");
        self.left.clear();
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let profile = &self.profile;
        self.left.grow(view, |agent| {
            profile.known(view, agent).map_or(1, |k| profile.agents[k.index()].subtree)
        });
        let agent = self.left.draw(view, &mut self.stream, |_| true);
        self.left.done(agent);
        self.left.acted(agent);
        agent
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }
}
