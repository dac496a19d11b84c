//! Runs as recorded, up to a conflict that goes the other way; afterwards in the order of the
//! record as far as that is possible.

use super::conflicts::Change;
use super::frontier::Plan;
use super::profile::is_outside;
use super::record::{Record, writes};
use super::strategy::{Strategy, View};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::op::Op;
use std::sync::Arc;

/// Steps for which an agent is driven before that is given up.
const DRIVEN: u32 = 3000;

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// As recorded, until this many steps.
    Prefix(u32),
    /// Without this agent, until the other has taken so many steps.
    Without(AgentId, AgentId, u32),
    /// Only what does not depend on the step to be overtaken.
    Independent(u32),
    /// Only this agent, until it has taken so many steps; never the other.
    Drive(AgentId, u32, AgentId),
    /// In the recorded order.
    Rest,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Flip {
    plan: Option<Plan>,
    phase: Phase,
    /// Steps taken, by agent.
    taken: Vec<u32>,
    step: u32,
    driven: u32,
    /// Steps of the record that depend on the one to be overtaken.
    dependent: Vec<bool>,
    last: Option<AgentId>,
}

impl Default for Flip {
    fn default() -> Flip {
        Flip {
            plan: None,
            phase: Phase::Rest,
            taken: Vec::new(),
            step: 0,
            driven: 0,
            dependent: Vec::new(),
            last: None,
        }
    }
}

impl Flip {
    /// What the next run does.
    pub fn set(&mut self, plan: Plan) {
        self.phase = match plan.candidate.change {
            Change::Minimal { before, .. } | Change::Drive { before, .. } => Phase::Prefix(before),
            Change::Delay { step, .. } => Phase::Prefix(step),
        };
        self.dependent.clear();
        if let Change::Minimal { before, step } = plan.candidate.change {
            mark_dependent(&plan.base, before as usize, step as usize, &mut self.dependent);
        }
        self.plan = Some(plan);
        self.taken.clear();
        (self.step, self.driven, self.last) = (0, 0, None);
    }

    fn base(&self) -> &Arc<Record> {
        &self.plan.as_ref().expect("a plan is set before a run").base
    }

    /// Where the next step of this agent stands in the record.
    fn next_of(&self, agent: AgentId) -> Option<usize> {
        self.base().nth_of(agent, self.taken[agent.index()])
    }

    /// The enabled agent whose next step comes first in the record.
    fn in_order(&self, view: &dyn View, allowed: impl Fn(AgentId) -> bool) -> Option<AgentId> {
        let key = |&agent: &AgentId| {
            let next = self.next_of(agent);
            // What the record does not know: contexts go on, the environment waits.
            let unknown = next.is_none();
            let goes_on = self.last == Some(agent);
            (unknown, unknown && is_outside(view, agent), unknown && !goes_on, next, agent)
        };
        view.enabled().iter().filter(|&a| allowed(a)).min_by_key(key)
    }

    /// What comes after the prefix.
    fn after_prefix(&self) -> Phase {
        let base = self.base();
        let step = |at: u32| base.steps[at as usize];
        match self.plan.as_ref().expect("a plan is set before a run").candidate.change {
            Change::Minimal { step, .. } => Phase::Independent(step),
            Change::Drive { before, step: target } => {
                let target = step(target);
                Phase::Drive(target.agent, target.ordinal, step(before).agent)
            }
            Change::Delay { step: delayed, after, .. } => {
                Phase::Without(step(delayed).agent, step(after).agent, step(after).ordinal)
            }
        }
    }

    fn has_taken(&self, agent: AgentId, ordinal: u32) -> bool {
        self.taken.get(agent.index()).is_some_and(|&t| t > ordinal)
    }

    /// Who brings `target` to its next step, without `avoided`, unless that has come to the end of
    /// what it should do first and only has to give back a lock.
    fn drive(&self, view: &dyn View, target: AgentId, avoided: AgentId) -> Option<AgentId> {
        let change = self.plan.as_ref().map(|p| p.candidate.change);
        let helps = matches!(change, Some(Change::Delay { .. }));
        if target.index() >= view.agents() {
            return self.helper(view, avoided);
        }
        let mut at = target;
        for _ in 0..8 {
            if view.enabled().contains(at) {
                return (at != avoided || (helps && at != target)).then_some(at);
            }
            match view.blocker(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.helper(view, avoided)
    }

    /// The part of the environment that can bring a context about or end a wait for it; else
    /// whoever comes next.
    fn helper(&self, view: &dyn View, avoided: AgentId) -> Option<AgentId> {
        let brings = |a: &AgentId| {
            use AgentKind::{Ksoftirqd, Rcu, Tick};
            matches!(view.kind(*a), Rcu | Tick | Ksoftirqd)
        };
        let enabled = || view.enabled().iter().filter(|&a| a != avoided);
        let driven_from_outside = match self.phase {
            Phase::Drive(target, ..) if target.index() < view.agents() => {
                !view.is_live(target)
                    || matches!(view.pending(target).op, Op::SynchronizeRcu | Op::RcuBarrier)
            }
            _ => true,
        };
        let outside = enabled().find(brings).filter(|_| driven_from_outside);
        outside.or_else(|| self.in_order(view, |a| a != avoided))
    }

    /// The next step in this phase, or `None` when the phase is over.
    fn in_phase(&mut self, view: &dyn View) -> Option<AgentId> {
        match self.phase {
            Phase::Prefix(until) => {
                let at = self.step as usize;
                let agent = self.base().steps[at].agent;
                let possible = self.step < until && view.enabled().contains(agent);
                possible.then_some(agent)
            }
            Phase::Without(delayed, until, ordinal) => {
                if self.has_taken(until, ordinal) {
                    return None;
                }
                self.in_order(view, |a| a != delayed)
            }
            Phase::Independent(until) => {
                let free = |at: usize| at <= until as usize && !self.dependent[at];
                let target = self.base().steps[until as usize];
                if self.has_taken(target.agent, target.ordinal) {
                    return None;
                }
                let waited_for = until as usize >= self.base().happened;
                self.in_order(view, |a| match self.next_of(a) {
                    Some(at) => free(at),
                    None => waited_for && a == target.agent,
                })
            }
            Phase::Drive(target, ordinal, avoided) => {
                self.driven += 1;
                if self.has_taken(target, ordinal) || self.driven > DRIVEN {
                    return None;
                }
                self.drive(view, target, avoided)
            }
            Phase::Rest => Some(self.in_order(view, |_| true).expect("somebody is enabled")),
        }
    }

    fn next_phase(&self) -> Phase {
        match (self.phase, self.plan.as_ref().map(|p| p.candidate.change)) {
            (Phase::Prefix(until), _) if self.step >= until => self.after_prefix(),
            (Phase::Without(delayed, ..), Some(Change::Delay { after, until, .. })) => {
                let ordinal = self.base().steps[until as usize].ordinal;
                let other = self.base().steps[after as usize].agent;
                Phase::Drive(delayed, ordinal, other)
            }
            _ => Phase::Rest,
        }
    }
}

/// Marks the steps between two that have to come after the first.
fn mark_dependent(base: &Record, first: usize, last: usize, out: &mut Vec<bool>) {
    out.clear();
    out.resize(base.steps.len(), false);
    let mut agents = vec![false; base.agents()];
    let mut objects: Vec<(crate::base::footprint::Access, bool)> = Vec::new();
    for (at, marked) in out.iter_mut().enumerate().take(last).skip(first) {
        let step = base.steps[at];
        let touched = base.touched(at);
        let depends = at == first
            || agents[step.agent.index()]
            || touched.iter().any(|a| {
                objects
                    .iter()
                    .any(|(b, written)| b.object == a.object && (*written || writes(a.mode)))
            });
        if !depends {
            continue;
        }
        *marked = true;
        agents[step.agent.index()] = true;
        if let Some(child) = step.started.filter(|c| c.index() < agents.len()) {
            agents[child.index()] = true;
        }
        objects.extend(touched.iter().map(|a| (*a, writes(a.mode))));
    }
}

impl Strategy for Flip {
    fn begin(&mut self, _: u64, _: u64) {}

    fn pick(&mut self, view: &dyn View) -> AgentId {
        if self.taken.len() < view.agents() {
            self.taken.resize(view.agents(), 0);
        }
        let agent = loop {
            match self.in_phase(view) {
                Some(agent) => break agent,
                None => self.phase = self.next_phase(),
            }
        };
        self.step += 1;
        if !is_outside(view, agent) {
            self.last = Some(agent);
        }
        agent
    }

    fn outcome(&mut self, _: &dyn View, agent: AgentId, n: u32) -> u32 {
        let at = self.base().nth_of(agent, self.taken[agent.index()]);
        at.map_or(0, |at| self.base().steps[at].outcome.min(n - 1))
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(
        &mut self,
        _: &dyn View,
        event: &crate::base::event::Event,
        _: &[crate::base::footprint::Access],
    ) {
        if self.taken.len() <= event.agent.index() {
            self.taken.resize(event.agent.index() + 1, 0);
        }
        self.taken[event.agent.index()] += 1;
    }
}
