//! The exact decisions of one run, for going back in it: valid for one build only.

use super::profile::Profiles;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;
use crate::base::event::Event;
use crate::base::footprint::Access;

/// One decision: who acted, and with which outcome.
pub type Taken = (AgentId, u32);

/// Lets another strategy decide and writes down what it does.
#[derive(Debug)]
pub struct Recorder<'i, S: ?Sized> {
    inner: &'i mut S,
    /// The decisions so far.
    pub log: Vec<Taken>,
}

impl<'i, S: Strategy + ?Sized> Recorder<'i, S> {
    /// Records this strategy.
    pub fn new(inner: &'i mut S) -> Recorder<'i, S> {
        Recorder { inner, log: Vec::new() }
    }
}

impl<S: Strategy + ?Sized> Strategy for Recorder<'_, S> {
    fn begin(&mut self, seed: u64, index: u64) {
        self.log.clear();
        self.inner.begin(seed, index);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let agent = self.inner.pick(view);
        self.log.push((agent, 0));
        agent
    }

    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32 {
        let outcome = self.inner.outcome(view, agent, n);
        if let Some(last) = self.log.last_mut() {
            last.1 = outcome;
        }
        outcome
    }

    fn observes(&self) -> bool {
        self.inner.observes()
    }

    fn observe(&mut self, view: &dyn View, event: &Event, accesses: &[Access]) {
        self.inner.observe(view, event, accesses);
    }

    fn wants_profiles(&self) -> bool {
        self.inner.wants_profiles()
    }

    fn set_profiles(&mut self, profiles: &Profiles) {
        self.inner.set_profiles(profiles);
    }

    fn missing(&self, seed: u64, index: u64) -> Option<u64> {
        self.inner.missing(seed, index)
    }

    fn end(&mut self, view: &dyn View, events: &[Event], accesses: &[Access]) {
        self.inner.end(view, events, accesses);
    }
}
