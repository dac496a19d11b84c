//! Selectively uniform random walk (Zhao, Wolff, Mathur and Roychoudhury, ASPLOS 2025): one object
//! is drawn for each run, lock or data, and the orders of the accesses to it are equally likely;
//! BasicPOS decides the rest.

use super::guided::Sampler;
use super::pos::Priorities;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use super::urw::Left;
use crate::base::agent::{AgentId, AgentSet};
use crate::base::footprint::Access;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub struct Surw {
    profile: Arc<Profile>,
    stream: Stream,
    outcomes: Stream,
    priorities: Priorities,
    left: Left,
    /// Index of the object of this run, if any is touched by several agents.
    object: Option<usize>,
    intended: Option<AgentId>,
    held: AgentSet,
    footprint: Vec<Access>,
}

impl Default for Surw {
    fn default() -> Surw {
        Surw {
            profile: Arc::default(),
            stream: Stream::new(0, 0, "surw"),
            outcomes: Stream::new(0, 0, "outcomes"),
            priorities: Priorities::default(),
            left: Left::default(),
            object: None,
            intended: None,
            held: AgentSet::default(),
            footprint: Vec::new(),
        }
    }
}

impl Surw {
    /// Half of the runs draw by how often an object is touched, lest rare ones be missed; the
    /// others give each the same chance, lest hot loops take all.
    fn draw_object(&mut self) -> Option<usize> {
        let interests = &self.profile.interests;
        let n = u32::try_from(interests.len()).ok().filter(|&n| n > 0)?;
        if self.stream.ratio(1, 2) {
            return Some(self.stream.below(n) as usize);
        }
        let mut at = self.stream.below(interests.iter().map(|o| o.total).sum());
        interests.iter().position(|o| match at.checked_sub(o.total) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        })
    }

    fn touches(&mut self, view: &dyn View, agent: AgentId) -> bool {
        let Some(object) = self.object.map(|i| self.profile.interests[i].object) else {
            return false;
        };
        view.footprint(agent, &mut self.footprint);
        self.footprint.iter().any(|a| a.object == object)
    }

    /// A task that was started while its parent was meant to come next takes over the intention in
    /// proportion to its share.
    fn grow(&mut self, view: &dyn View) {
        let (profile, object) = (&self.profile, self.object);
        let expected = |agent| {
            let by = &profile.interests[object?].by;
            profile.known(view, agent).map(|k| by[k.index()])
        };
        let started = self.left.grow(view, |agent| expected(agent).unwrap_or(0));
        if let Some((parent, child)) = started
            && self.intended == Some(parent)
        {
            let (own, rest) = (self.left.of(child), self.left.of(parent));
            if self.stream.ratio(own, own + rest) {
                self.intended = Some(child);
            }
        }
    }
}

impl Sampler for Surw {
    fn set_profile(&mut self, profile: &Arc<Profile>) {
        self.profile = profile.clone();
    }
}

impl Strategy for Surw {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "surw");
        self.outcomes.aim(seed, index, "outcomes");
        self.priorities.clear();
        self.left.clear();
        self.intended = None;
        self.held.clear();
        self.object = self.draw_object();
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        self.grow(view);
        loop {
            let held = &self.held;
            let free = |a| !held.contains(a);
            let Some(agent) = self.priorities.highest(view, &mut self.stream, free) else {
                self.held.clear();
                self.intended = None;
                continue;
            };
            if self.touches(view, agent) {
                let held = &self.held;
                let free = |a| !held.contains(a);
                let intended = match self.intended {
                    Some(intended) => intended,
                    None => self.left.draw(view, &mut self.stream, free),
                };
                self.intended = Some(intended);
                if agent != intended {
                    self.held.set(agent, true);
                    continue;
                }
                self.left.done(agent);
                self.held.clear();
                self.intended = None;
            }
            self.priorities.redraw(agent);
            self.left.acted(agent);
            return agent;
        }
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }
}
