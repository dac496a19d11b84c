//! The exact decisions of one run, for going back in it and for going on differently: valid for one
//! build only.

use super::profile::Profiles;
use super::strategy::{Strategy, View};
use crate::base::agent::{AgentId, AgentSet};
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
    /// Who could act at each of them.
    pub enabled: Vec<AgentSet>,
}

impl<'i, S: Strategy + ?Sized> Recorder<'i, S> {
    /// Records this strategy.
    pub fn new(inner: &'i mut S) -> Recorder<'i, S> {
        Recorder { inner, log: Vec::new(), enabled: Vec::new() }
    }
}

impl<S: Strategy + ?Sized> Strategy for Recorder<'_, S> {
    fn begin(&mut self, seed: u64, index: u64) {
        self.log.clear();
        self.enabled.clear();
        self.inner.begin(seed, index);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let agent = self.inner.pick(view);
        self.log.push((agent, 0));
        self.enabled.push(view.enabled().clone());
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

/// Takes recorded decisions again, then lets another strategy decide.
#[derive(Debug)]
pub struct Continue<'l, S> {
    log: &'l [Taken],
    at: usize,
    then: S,
}

impl<'l, S> Continue<'l, S> {
    /// These decisions, then this strategy.
    pub fn new(log: &'l [Taken], then: S) -> Continue<'l, S> {
        Continue { log, at: 0, then }
    }
}

impl<S: std::ops::DerefMut<Target: Strategy>> Strategy for Continue<'_, S> {
    fn begin(&mut self, seed: u64, index: u64) {
        self.at = 0;
        self.then.begin(seed, index);
    }

    /// # Panics
    /// When the recorded agent cannot act: the log is of another scenario or build.
    fn pick(&mut self, view: &dyn View) -> AgentId {
        self.at += 1;
        let Some(&(agent, _)) = self.log.get(self.at - 1) else { return self.then.pick(view) };
        assert!(view.enabled().contains(agent), "decision {} is of another run", self.at);
        agent
    }

    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32 {
        match self.log.get(self.at - 1) {
            Some((_, outcome)) => (*outcome).min(n - 1),
            None => self.then.outcome(view, agent, n),
        }
    }

    fn wants_profiles(&self) -> bool {
        self.then.wants_profiles()
    }

    fn set_profiles(&mut self, profiles: &Profiles) {
        self.then.set_profiles(profiles);
    }
}
