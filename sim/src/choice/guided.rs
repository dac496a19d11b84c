//! What all samplers share: operations that concern nobody else are no decisions, and interrupts,
//! ticks, grace periods and time act at points drawn beforehand, uniformly over those possible.
//!
//! A choice at every step would let an interrupt fire geometrically early: ten steps deep it would
//! hit one time in 4,000.

use super::profile::{Owners, Profile, Profiles, is_outside};
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::event::Event;
use crate::base::footprint::{Access, Object};
use crate::base::op::{Call, Op};
use std::sync::Arc;

/// One run in this many treats every operation as a decision, so that no schedule is lost should
/// the profile have missed that a word is shared.
const EVERY_OPERATION: u32 = 8;

/// A sampler with the profile that it needs, for two readings of what a decision is.
pub trait Sampler: Strategy {
    /// Replaces what it knows.
    fn set_profile(&mut self, profile: &Arc<Profile>);
}

/// A sampler inside of what all share.
#[derive(Clone, Debug)]
pub struct Guided<S> {
    inner: S,
    profiles: Profiles,
    now: Arc<Profile>,
    stream: Stream,
    outcomes: Stream,
    /// Are operations on private words left out of the decisions in this run?
    reduces: bool,
    /// Private words that another context has touched in this run.
    surprises: Vec<Object>,
    /// For each agent: its pending operation is known to be a decision.
    decision: Vec<bool>,
    footprint: Vec<Access>,
    /// For each agent of the environment: when it acts.
    due: Vec<Option<Due>>,
    /// Steps of tasks and softirqs so far: all, and by CPU.
    steps: Vec<u32>,
    open: AgentSet,
}

/// After so many steps of contexts; the lower bits break ties.
#[derive(Copy, Clone, Debug)]
struct Due {
    /// 0: of all CPUs; else of CPU number this minus one.
    scope: u16,
    at: u32,
    tie: u32,
}

impl<S: Sampler> Guided<S> {
    /// Guides this sampler.
    pub fn new(inner: S) -> Guided<S> {
        Guided {
            inner,
            profiles: Profiles::default(),
            now: Arc::default(),
            stream: Stream::new(0, 0, "placement"),
            outcomes: Stream::new(0, 0, "outcomes"),
            reduces: true,
            surprises: Vec::new(),
            decision: Vec::new(),
            footprint: Vec::new(),
            due: Vec::new(),
            steps: Vec::new(),
            open: AgentSet::default(),
        }
    }

    /// An agent whose pending operation concerns nobody else.
    fn quiet(&mut self, view: &dyn View) -> Option<AgentId> {
        for agent in view.enabled().iter() {
            if self.decision[agent.index()] {
                continue;
            }
            view.footprint(agent, &mut self.footprint);
            let owners: &Owners = &self.now.owners;
            let quiet = owners.is_quiet(agent, view.pending(agent).op, &self.footprint)
                && !self.footprint.iter().any(|a| self.surprises.contains(&a.object));
            if quiet && !is_outside(view, agent) {
                return Some(agent);
            }
            self.decision[agent.index()] = true;
            let foreign = |a: &&Access| owners.is_foreign(a.object, agent);
            self.surprises.extend(self.footprint.iter().filter(foreign).map(|a| a.object));
        }
        None
    }

    fn steps(&self, scope: u16) -> u32 {
        self.steps.get(usize::from(scope)).copied().unwrap_or(0)
    }

    /// How many steps of contexts are left until this agent of the environment acts.
    fn left(&mut self, view: &dyn View, agent: AgentId) -> (u32, u32) {
        let due = match self.due[agent.index()] {
            Some(due) => due,
            None => self.draw(view, agent),
        };
        self.due[agent.index()] = Some(due);
        (due.at.saturating_sub(self.steps(due.scope)), due.tie)
    }

    fn draw(&mut self, view: &dyn View, agent: AgentId) -> Due {
        let kind = view.kind(agent);
        let cpu = view.cpu(agent);
        let own = self.now.context_steps(Some(cpu)).saturating_sub(self.steps(cpu + 1));
        let everywhere = matches!(kind, AgentKind::Rcu | AgentKind::Clock | AgentKind::Balance);
        let (scope, left) = if everywhere || own == 0 {
            (0, self.now.context_steps(None).saturating_sub(self.steps(0)))
        } else {
            (cpu + 1, own)
        };
        // The two ends of a grace period are drawn as if together, and taken in order: one draw
        // after the other would put the second late.
        let draws = if matches!(view.pending(agent).op, Op::GpStart) { 2 } else { 1 };
        let drawn = (0..draws).map(|_| self.stream.below(left.max(1) + 1));
        let delay = drawn.min().unwrap_or(0);
        Due { scope, at: self.steps(scope) + delay, tie: self.stream.next_u32() }
    }

    fn taken(&mut self, agent: AgentId) -> AgentId {
        self.decision[agent.index()] = false;
        self.due[agent.index()] = None;
        agent
    }

    fn count(&mut self, view: &dyn View, agent: AgentId) {
        if matches!(view.kind(agent), AgentKind::Task | AgentKind::Softirq) {
            let cpu = usize::from(view.cpu(agent)) + 1;
            if self.steps.len() <= cpu {
                self.steps.resize(cpu + 1, 0);
            }
            self.steps[0] += 1;
            self.steps[cpu] += 1;
        }
    }
}

impl<S: Sampler> Strategy for Guided<S> {
    fn begin(&mut self, seed: u64, index: u64) {
        self.stream.aim(seed, index, "placement");
        self.outcomes.aim(seed, index, "outcomes");
        self.reduces = !self.stream.ratio(1, EVERY_OPERATION);
        let now = if self.reduces { &self.profiles.shared } else { &self.profiles.all };
        self.now = now.clone();
        self.inner.set_profile(now);
        self.inner.begin(seed, index);
        self.surprises.clear();
        self.decision.clear();
        self.due.clear();
        self.steps.clear();
        self.steps.resize(1, 0);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        self.decision.resize(view.agents(), false);
        self.due.resize(view.agents(), None);
        if self.reduces
            && let Some(agent) = self.quiet(view)
        {
            return self.taken(agent);
        }
        self.open.clear();
        let mut first: Option<(u32, u32, AgentId)> = None;
        for agent in view.enabled().iter() {
            if !is_outside(view, agent) {
                self.open.set(agent, true);
                continue;
            }
            let (left, tie) = self.left(view, agent);
            if first.is_none_or(|(l, t, _)| (left, tie) < (l, t)) {
                first = Some((left, tie, agent));
            }
        }
        if let Some((left, _, agent)) = first
            && (left == 0 || self.open.is_empty())
        {
            return self.taken(agent);
        }
        let agent = self.inner.pick(&Open { view, enabled: &self.open });
        self.count(view, agent);
        self.taken(agent)
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        self.outcomes.below(n)
    }

    fn wants_profiles(&self) -> bool {
        self.profiles.all.agents.is_empty()
    }

    fn set_profiles(&mut self, profiles: &Profiles) {
        self.profiles = profiles.clone();
    }
}

/// A view in which only some of the enabled agents are.
struct Open<'v> {
    view: &'v dyn View,
    enabled: &'v AgentSet,
}

impl View for Open<'_> {
    fn enabled(&self) -> &AgentSet {
        self.enabled
    }
    fn kind(&self, agent: AgentId) -> AgentKind {
        self.view.kind(agent)
    }
    fn cpu(&self, agent: AgentId) -> u16 {
        self.view.cpu(agent)
    }
    fn pending(&self, agent: AgentId) -> &Call {
        self.view.pending(agent)
    }
    fn begun(&self, agent: AgentId) -> bool {
        self.view.begun(agent)
    }
    fn footprint(&self, agent: AgentId, out: &mut Vec<Access>) {
        self.view.footprint(agent, out);
    }
    fn name(&self, agent: AgentId) -> String {
        self.view.name(agent)
    }
    fn func(&self, agent: AgentId) -> &'static str {
        self.view.func(agent)
    }
    fn func_of(&self, event: &Event) -> &'static str {
        self.view.func_of(event)
    }
    fn agents(&self) -> usize {
        self.view.agents()
    }
    fn static_words(&self) -> usize {
        self.view.static_words()
    }
    fn role(&self, agent: AgentId) -> &'static str {
        self.view.role(agent)
    }
    fn is_live(&self, agent: AgentId) -> bool {
        self.view.is_live(agent)
    }
    fn blocker(&self, agent: AgentId) -> Option<AgentId> {
        self.view.blocker(agent)
    }
}
