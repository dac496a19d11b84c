//! Expands one point: takes each step that is possible there, and goes on as long as there is no
//! choice. The work of one job; it depends on nothing but the point.

use super::node::{self, Branch, Expansion, Left, Node, Sleeping, Way};
use super::settings::{Flaw, Settings};
use super::walker::{Choice, Walker};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::finding::{Finding, Signature};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::Op;
use crate::choice::traces::{self, Step};
use crate::run::sim::Stop;
use std::sync::Arc;

/// Expands points of one scenario.
#[derive(Debug)]
pub struct Expander<'s> {
    walker: Walker<'s>,
    settings: Settings,
    /// Of the last step.
    effects: Vec<Access>,
    /// Of all outcomes of a step.
    all: Vec<Access>,
    /// See [`Expander::look`].
    awake: Vec<(AgentId, Left)>,
}

impl<'s> Expander<'s> {
    /// An expander.
    pub fn new(walker: Walker<'s>, settings: Settings) -> Expander<'s> {
        let (effects, all, awake) = (Vec::new(), Vec::new(), Vec::new());
        Expander { walker, settings, effects, all, awake }
    }

    /// The point at the start, or the end of a run without a choice.
    pub fn root(&mut self) -> Expansion {
        self.walker.executions = 0;
        self.walker.steps = 0;
        self.walker.restart();
        let branch = self.follow(&[], Vec::new(), Vec::new(), Left::default(), 0);
        self.expansion(vec![branch], Vec::new())
    }

    /// All ways from this point, which lies behind `path`.
    pub fn expand(&mut self, node: &Node, path: &[Choice]) -> Expansion {
        self.walker.executions = 0;
        self.walker.steps = 0;
        self.walker.go(path);
        let _ = self.walker.stop();
        let mut here = true;
        let mut branches = Vec::new();
        let mut sleep = node.sleep.clone();
        self.look(&sleep, node.only, node.left);
        for (agent, left) in self.awake.clone() {
            if !here {
                self.walker.go(path);
                let _ = self.walker.stop();
                here = true;
            }
            let outcomes = self.walker.system().outcomes(agent);
            let op = self.walker.system().m.agent(agent).pending.op;
            self.all.clear();
            for outcome in 0..outcomes as u16 {
                let Some(left) = self.charge_outcome(op, outcome, left) else { continue };
                if !here {
                    self.walker.go(path);
                    let _ = self.walker.stop();
                }
                here = false;
                let choice = Choice { agent, outcome };
                let known = self.walker.findings().len();
                let mut effects = std::mem::take(&mut self.effects);
                self.step(choice, &mut effects);
                let below = node::after(&sleep, &effects);
                self.all.extend_from_slice(&effects);
                self.effects = effects;
                branches.push(self.follow(path, vec![choice], below, left, known));
            }
            if self.settings.sleeps() && node::bit(agent) != 0 {
                sleep.push(Sleeping { agent, effects: Arc::from(&self.all[..]) });
            }
        }
        let slept = sleep.split_off(node.sleep.len());
        self.expansion(branches, slept)
    }

    fn expansion(&self, branches: Vec<Branch>, slept: Vec<Sleeping>) -> Expansion {
        let (executions, steps) = (self.walker.executions, self.walker.steps);
        Expansion { slept, branches, executions, steps }
    }

    /// What this branch of the point behind `path` has shown.
    pub fn findings(&mut self, path: &[Choice], branch: &Branch) -> Vec<(Signature, Finding)> {
        self.walker.go(path);
        let _ = self.walker.stop();
        let known = self.walker.findings().len();
        for &choice in &branch.choices {
            self.walker.step(choice);
            let stop = self.walker.stop();
            if let Some(stop) = stop.filter(|_| matches!(branch.way, Way::Ended { .. })) {
                self.walker.conclude(stop);
            }
        }
        self.found(known)
    }

    fn found(&self, known: usize) -> Vec<(Signature, Finding)> {
        let new = self.walker.findings().get(known..).unwrap_or_default();
        new.iter().map(|f| (f.signature(), f.clone())).collect()
    }

    /// Takes a step; replaces `effects` by what it depends on and changes.
    fn step(&mut self, choice: Choice, effects: &mut Vec<Access>) {
        self.walker.step_with_effects(choice, effects);
        let cpus = self.walker.system().m.cpus.len() as u16;
        match self.settings.flaw {
            Some(Flaw::ContextIgnored) => {
                effects.retain(|a| (0..cpus).all(|cpu| a.object != Object::context(cpu)));
            }
            Some(Flaw::ReadsIgnored) => effects.retain(|a| a.mode != Mode::Read),
            Some(Flaw::SleepersNeverWake) => effects.clear(),
            _ => {}
        }
    }

    /// Goes on from where the walker is until there is a choice.
    fn follow(
        &mut self,
        path: &[Choice],
        mut choices: Vec<Choice>,
        mut sleep: Vec<Sleeping>,
        mut left: Left,
        known: usize,
    ) -> Branch {
        let way = loop {
            if let Some(stop) = self.walker.stop() {
                break self.ended(stop);
            }
            self.look(&sleep, None, left);
            match self.awake[..] {
                [] => break Way::Redundant,
                [(agent, next)] if self.walker.system().outcomes(agent) == 1 => {
                    let choice = Choice { agent, outcome: 0 };
                    let mut effects = std::mem::take(&mut self.effects);
                    self.step(choice, &mut effects);
                    sleep.retain(|s| !traces::conflict(&s.effects, &effects));
                    self.effects = effects;
                    choices.push(choice);
                    left = next;
                }
                _ => {
                    let heard = self.settings.flaw != Some(Flaw::RepliesForgotten);
                    let key = self.walker.key(left.number(), heard);
                    break Way::Open { key, sleep, left };
                }
            }
        };
        let found = self.found(known);
        let mut branch = Branch { choices, way, shows: !found.is_empty(), found };
        if let Way::Ended { key: Some(_), class } = &mut branch.way
            && self.settings.classes
        {
            let whole = [path, &branch.choices].concat();
            *class = Some(traces::class(&steps(&mut self.walker, &whole)));
        }
        branch
    }

    fn ended(&mut self, stop: Stop) -> Way {
        match stop {
            Stop::Cut => return Way::Cut,
            // What others had done by then is no part of what was found.
            Stop::Finding => return Way::Ended { key: None, class: None },
            Stop::Finished => {}
        }
        let key = Some(self.walker.key(0, true));
        self.walker.conclude(stop);
        Way::Ended { key, class: None }
    }

    /// Finds out who is to be explored here, in order, and what the bounds then have left.
    fn look(&mut self, sleep: &[Sleeping], only: Option<u128>, left: Left) {
        let mut awake = std::mem::take(&mut self.awake);
        awake.clear();
        for agent in self.walker.system().enabled_set().iter() {
            let slept = sleep.iter().any(|s| s.agent == agent);
            let wanted = only.is_none_or(|o| o & node::bit(agent) != 0);
            if let Some(left) = self.charge(agent, left).filter(|_| !slept && wanted) {
                awake.push((agent, left));
            }
        }
        self.awake = awake;
    }

    /// What letting this agent act costs; `None` if the bounds do not allow it.
    fn charge(&self, agent: AgentId, mut left: Left) -> Option<Left> {
        if !self.settings.bounded() {
            return Some(left);
        }
        let Settings { preemptions, interrupts, grace_periods, .. } = self.settings;
        let sys = self.walker.system();
        let (kind, cpu) = (sys.m.agent(agent).kind, sys.m.agent(agent).cpu);
        let enabled = sys.enabled_set();
        let goes_on =
            |a: AgentId| matches!(sys.m.agent(a).kind, AgentKind::Task | AgentKind::Softirq);
        let entry = matches!(sys.m.agent(agent).pending.op, Op::IrqEntry | Op::Tick);
        if entry {
            let interrupted = enabled.iter().any(|a| sys.m.agent(a).cpu == cpu && goes_on(a));
            left.interrupts += u16::from(interrupts.is_some() && interrupted);
        } else if kind == AgentKind::Rcu {
            left.grace_periods += u16::from(grace_periods.is_some() && enabled.iter().any(goes_on));
        } else if kind != AgentKind::Clock {
            let leaves = left.current.is_some_and(|c| c != agent && enabled.contains(c));
            left.preemptions += u16::from(preemptions.is_some() && leaves);
            left.current = preemptions.is_some().then_some(agent);
        }
        let within = |used: u16, bound: Option<u16>| bound.is_none_or(|b| used <= b);
        (within(left.preemptions, preemptions)
            && within(left.interrupts, interrupts)
            && within(left.grace_periods, grace_periods))
        .then_some(left)
    }

    /// What this outcome of an operation costs; `None` if the bounds do not allow it.
    fn charge_outcome(&self, op: Op, outcome: u16, mut left: Left) -> Option<Left> {
        let Some(bound) = self.settings.failures else { return Some(left) };
        left.failures += u16::from(outcome != 0 && matches!(op, Op::Alloc { .. }));
        (left.failures <= bound).then_some(left)
    }
}

/// The steps of a run, with what each depends on and changes.
pub fn steps(walker: &mut Walker<'_>, path: &[Choice]) -> Vec<Step> {
    walker.restart();
    let mut effects = Vec::new();
    let step = |&choice: &Choice| {
        let _ = walker.stop();
        walker.step_with_effects(choice, &mut effects);
        Step { agent: choice.agent, outcome: choice.outcome, effects: Box::from(&effects[..]) }
    };
    path.iter().map(step).collect()
}
