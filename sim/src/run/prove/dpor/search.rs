//! The search itself: run after run, depth first.

use super::stack::{Frame, Stack};
use super::wakeup::{Move, Tree};
use crate::base::agent::AgentId;
use crate::base::footprint::{Access, Mode, Object};
use crate::choice::traces::{self, conflict};
use crate::run::prove::expand::steps;
use crate::run::prove::outcome::Outcome;
use crate::run::prove::settings::{Flaw, Settings};
use crate::run::prove::walker::{Choice, Walker};
use crate::run::sim::Stop;
use std::sync::Arc;

/// A search that runs each class of equivalent runs once. Can be stopped and gone on with.
#[derive(Debug)]
pub struct Dpor<'s> {
    pub(super) walker: Walker<'s>,
    pub(super) settings: Settings,
    pub(super) stack: Stack,
    /// What is planned from the point after the stack.
    tree: Tree,
    /// Who sleeps there.
    sleep: Vec<Move>,
    /// Ways from there that are done.
    done: u32,
    /// Steps that each agent has taken.
    turns: Vec<u32>,
    over: bool,
}

impl<'s> Dpor<'s> {
    /// A search that is at its start.
    pub fn new(walker: Walker<'s>, settings: Settings) -> Dpor<'s> {
        Dpor {
            walker,
            settings,
            stack: Stack::default(),
            tree: Tree::default(),
            sleep: Vec::new(),
            done: 0,
            turns: Vec::new(),
            over: false,
        }
    }

    /// Is everything explored?
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Explores one run.
    pub fn advance(&mut self, outcome: &mut Outcome) {
        let (executions, taken) = (self.walker.executions, self.walker.steps);
        let mut stop = self.go(self.stack.frames.len());
        let known = self.walker.findings().len();
        while stop.is_none() {
            let Some((choice, below)) = self.next() else { break };
            stop = self.descend(choice, below);
        }
        outcome.executions += 1;
        self.note(stop, known, outcome);
        // A run on which all sleep has races of its own, unless the search is optimal.
        if stop.is_some() || self.settings.flaw != Some(Flaw::BlockedRunsForgotten) {
            self.analyse();
        }
        outcome.probes += self.walker.executions - executions - 1;
        outcome.steps += self.walker.steps - taken;
        self.backtrack();
        outcome.done = self.share();
    }

    /// Goes to the point before step `end` of the run.
    fn go(&mut self, end: usize) -> Option<Stop> {
        self.walker.restart();
        let mut stop = self.walker.stop();
        self.turns.clear();
        for i in 0..end {
            let choice = self.stack.frames[i].step.choice;
            self.walker.step(choice);
            self.count(choice.agent);
            stop = self.walker.stop();
        }
        stop
    }

    fn count(&mut self, agent: AgentId) -> u32 {
        if self.turns.len() <= agent.index() {
            self.turns.resize(agent.index() + 1, 0);
        }
        self.turns[agent.index()] += 1;
        self.turns[agent.index()]
    }

    /// The step to be taken here: as planned, or else the first that does not sleep.
    fn next(&mut self) -> Option<(Choice, Tree)> {
        let sys = self.walker.system();
        while let Some((step, below)) = self.tree.pop() {
            let Choice { agent, outcome } = step.choice;
            let enabled = sys.enabled_set().contains(agent);
            debug_assert!(enabled, "what is planned is possible");
            if enabled && u32::from(outcome) < sys.outcomes(agent) {
                return Some((step.choice, below));
            }
        }
        let all = sys.enabled_set().iter().flat_map(|agent| {
            (0..sys.outcomes(agent) as u16).map(move |outcome| Choice { agent, outcome })
        });
        let awake = |c: &Choice| self.sleep.iter().all(|m| m.choice != *c);
        all.into_iter().find(awake).map(|choice| (choice, Tree::default()))
    }

    /// Takes a step on from the stack.
    fn descend(&mut self, choice: Choice, below: Tree) -> Option<Stop> {
        let sys = self.walker.system();
        let (agents, enabled) = (sys.m.agents.len(), sys.enabled_set().clone());
        let outcomes = sys.outcomes(choice.agent) as u16;
        let mut tree = std::mem::replace(&mut self.tree, below);
        for outcome in (0..outcomes).rev() {
            let other = Choice { outcome, ..choice };
            let slept = self.sleep.iter().any(|m| m.choice == other);
            if other != choice && !slept && tree.ways.iter().all(|(m, _)| m.choice != other) {
                tree.ways.insert(0, (Move { choice: other, effects: None }, Tree::default()));
            }
        }
        let (effects, stop) = self.take(choice);
        let past = self.stack.past(choice.agent, &effects, agents);
        let stays = |m: &&Move| {
            let own = m.choice.agent == choice.agent;
            !own && !conflict(m.effects.as_ref().map_or(&[], |e| e), &effects)
        };
        let sleep = self.sleep.iter().filter(stays).cloned().collect();
        let sleep = std::mem::replace(&mut self.sleep, sleep);
        let step = Move { choice, effects: Some(effects) };
        let done = std::mem::take(&mut self.done);
        self.stack.frames.push(Frame { sleep, tree, done, enabled, agents, step, past });
        stop
    }

    /// Takes a step; what it depends on and changes, and whether the run is over then. The next
    /// step of those whom it lets act, or keeps from it, depends on it; two steps that both let
    /// somebody act, or keep him from it, commute as far as that goes.
    fn take(&mut self, choice: Choice) -> (Arc<[Access]>, Option<Stop>) {
        let before = self.walker.system().enabled_set().clone();
        let mut effects = Vec::new();
        self.walker.step_with_effects(choice, &mut effects);
        effects.push(self.turn(choice.agent, Mode::Write));
        self.count(choice.agent);
        if self.walker.system().fatal {
            effects.push(Access { object: Object::RUN, mode: Mode::Write });
        }
        let stop = self.walker.stop();
        let sys = self.walker.system();
        for agent in (0..sys.m.agents.len() as u16).map(AgentId) {
            if agent != choice.agent && before.contains(agent) != sys.enabled_set().contains(agent)
            {
                effects.push(self.turn(agent, Mode::Read));
            }
        }
        (effects.into(), stop)
    }

    /// The possibility of an agent's next step, as an object.
    pub(super) fn turn(&self, agent: AgentId, mode: Mode) -> Access {
        let turns = self.turns.get(agent.index()).copied().unwrap_or(0);
        Access { object: Object::turn(agent, turns), mode }
    }

    /// Are these steps possible before step `i` of the run? Fills in the effects of the last.
    pub(super) fn probe(&mut self, i: usize, sequence: &mut [Move]) -> bool {
        let mut stop = self.go(i);
        let last = sequence.len() - 1;
        for (n, step) in sequence.iter_mut().enumerate() {
            let enabled = self.walker.system().enabled_set().contains(step.choice.agent);
            let outcomes = self.walker.system().outcomes(step.choice.agent);
            if stop.is_some() || !enabled || u32::from(step.choice.outcome) >= outcomes {
                debug_assert!(n == last, "what is independent of a step is possible without it");
                return false;
            }
            let (effects, after) = self.take(step.choice);
            stop = after;
            if n == last {
                step.effects = Some(effects);
            }
        }
        true
    }

    /// Notes how the run ended.
    fn note(&mut self, stop: Option<Stop>, known: usize, outcome: &mut Outcome) {
        let path: Vec<Choice> = self.stack.frames.iter().map(|f| f.step.choice).collect();
        match stop {
            None => outcome.redundant += 1,
            Some(Stop::Cut) => outcome.cut += 1,
            Some(Stop::Finding) => outcome.ended += 1,
            Some(Stop::Finished) => {
                outcome.ended += 1;
                outcome.finals.insert(self.walker.key(0, true));
                self.walker.conclude(Stop::Finished);
            }
        }
        for finding in self.walker.findings().get(known..).unwrap_or_default() {
            outcome.note(finding.signature(), finding.clone(), || path.clone());
        }
        if stop == Some(Stop::Finished) && self.settings.classes {
            let mut other = std::mem::take(&mut self.turns);
            let steps = steps(&mut self.walker, &path);
            std::mem::swap(&mut self.turns, &mut other);
            let _ = self.walker.stop();
            outcome.classes.insert(traces::class(&steps));
        }
    }

    /// Back to the last point from where something else is planned.
    fn backtrack(&mut self) {
        while let Some(mut frame) = self.stack.frames.pop() {
            frame.sleep.push(frame.step);
            if !frame.tree.is_empty() {
                self.sleep = frame.sleep;
                self.tree = frame.tree;
                self.done = frame.done + 1;
                return;
            }
        }
        self.over = true;
    }

    /// The share done, in units of 2^-62, taking all ways from a point for equally large.
    fn share(&self) -> u64 {
        let mut whole = 1u64 << 62;
        let mut done = 0;
        let top = (self.done, self.tree.ways.len() as u64);
        let frames = self.stack.frames.iter().map(|f| (f.done, f.tree.ways.len() as u64 + 1));
        for (finished, open) in frames.chain([top]) {
            whole /= (u64::from(finished) + open).max(1);
            done += whole * u64::from(finished);
        }
        done
    }
}
