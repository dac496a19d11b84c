//! Why a schedule fails: which of its decisions matter, how likely the bug is from each point on,
//! and what the nearest run that passes does differently.
//!
//! A continuation repeats the failing run up to some step and lets partial order sampling decide the
//! rest. The share of continuations that still fail is the probability of the bug from there on;
//! where it jumps, something was decided.

mod text;

use super::execute::Execution;
use super::sim::Sim;
use crate::base::agent::{AgentId, AgentSet};
use crate::base::finding::{Finding, Signature};
use crate::choice::exact::{Continue, Recorder, Taken};
use crate::choice::follow::Follow;
use crate::choice::schedule::{Point, Schedule};
use crate::choice::strategies;
use crate::choice::strategy::Strategy;
use crate::trace::{Trace, diff};

/// The sampler that decides continuations.
const SAMPLER: &str = "pos";

/// How many of some runs failed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// Runs with the same finding.
    pub failed: u32,
    /// Of so many.
    pub of: u32,
}

impl Share {
    /// In per cent, rounded.
    pub fn percent(self) -> u32 {
        (100 * self.failed + self.of / 2) / self.of.max(1)
    }
}

/// A point of the failing run at which somebody else goes on than before, or where it ends.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// So many steps have been taken.
    pub step: usize,
    /// Continuations from here.
    pub share: Share,
}

/// One deviation of the schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weight {
    /// Its line in the schedule.
    pub deviation: String,
    /// The step of the run that it decides.
    pub step: usize,
    /// Continuations before it.
    pub before: Share,
    /// Continuations after it, when nobody is held back any more.
    pub made: Share,
    /// Continuations after the opposite: who is held goes first. `None` if that is impossible.
    pub reversed: Option<Share>,
}

/// A run that passes, with the longest beginning in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passing {
    /// The deviation without which it passes; `None` if it is a continuation.
    pub without: Option<String>,
    /// How many steps are the same at its beginning.
    pub common: usize,
    /// Two operations that come in this order in the failing run, and in the other in this one, if
    /// both do both.
    pub pair: Option<(String, String)>,
    /// The run.
    pub trace: Trace,
}

/// See the module. Prints as text for a commit message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The finding as the failing run shows it.
    pub finding: Finding,
    /// The failing run.
    pub trace: Trace,
    /// What its deviations weigh, in the order of the run.
    pub weights: Vec<Weight>,
    /// How likely the bug is along the run.
    pub curve: Vec<Turn>,
    /// What passes.
    pub passing: Option<Passing>,
}

/// The failing run, decision by decision.
struct Failing {
    log: Vec<Taken>,
    /// Who could act at each step.
    enabled: Vec<AgentSet>,
    points: Vec<Point>,
    names: Vec<String>,
    trace: Trace,
}

/// Explains why a schedule shows a finding, with this many continuations (at least 1) from each
/// point. `None` if it does not show it.
pub fn explain(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
    runs: u32,
) -> Option<Explanation> {
    let mut follow = Follow::new(schedule);
    let (failing, finding) = record(execution, &mut follow, 0, 0, signature)?;
    let mut from = From { execution, signature, runs: runs.max(1), passed: None };
    let curve = turns(&failing.log)
        .map(|step| Turn { step, share: from.share(&failing.log[..step], step) })
        .collect();
    let mut weights: Vec<(usize, Weight)> = Vec::new();
    for (number, deviation) in schedule.lines().enumerate() {
        if let Some(weight) = failing.weigh(&mut from, schedule, number, deviation) {
            weights.push((weight.step, weight));
        }
    }
    weights.sort_by_key(|(step, _)| *step);
    let weights = weights.into_iter().map(|(_, weight)| weight).collect();
    let passed = from.passed.take();
    let passing = nearest(execution, schedule, signature, &failing.trace).or_else(|| {
        let (common, trace) = passed?;
        Some(passing(&failing.trace, trace, None, common))
    });
    Some(Explanation { finding, trace: failing.trace, weights, curve, passing })
}

/// Explains a run of a campaign: as [`explain`], for what has no schedule.
pub fn explain_run(
    execution: &mut Execution<'_>,
    strategy: &mut dyn Strategy,
    (seed, index): (u64, u64),
    signature: &Signature,
    runs: u32,
) -> Option<Explanation> {
    let (failing, finding) = record(execution, strategy, seed, index, signature)?;
    let mut from = From { execution, signature, runs: runs.max(1), passed: None };
    let curve = turns(&failing.log)
        .map(|step| Turn { step, share: from.share(&failing.log[..step], step) })
        .collect();
    let passing = from.passed.map(|(common, trace)| passing(&failing.trace, trace, None, common));
    Some(Explanation { finding, trace: failing.trace, weights: Vec::new(), curve, passing })
}

/// Runs and writes down every decision.
fn record(
    execution: &mut Execution<'_>,
    strategy: &mut dyn Strategy,
    seed: u64,
    index: u64,
    signature: &Signature,
) -> Option<(Failing, Finding)> {
    let mut recorder = Recorder::new(strategy);
    execution.run(&mut recorder, seed, index);
    let (log, enabled) = (recorder.log, recorder.enabled);
    let sim = execution.sim();
    let finding = found(sim, signature)?.clone();
    let agents = 0..sim.system().m.agents.len();
    let names = agents.map(|i| sim.system().m.name(AgentId(i as u16))).collect();
    Some((Failing { log, enabled, points: sim.points(), names, trace: sim.trace() }, finding))
}

fn found<'s>(sim: &'s Sim, signature: &Signature) -> Option<&'s Finding> {
    sim.system().findings.iter().find(|f| f.signature() == *signature)
}

/// The start, where another agent goes on, and the end.
fn turns(log: &[Taken]) -> impl Iterator<Item = usize> + '_ {
    (0..=log.len()).filter(|&i| i == 0 || i == log.len() || log[i].0 != log[i - 1].0)
}

/// Continuations.
struct From<'e, 's> {
    execution: &'e mut Execution<'s>,
    signature: &'e Signature,
    runs: u32,
    /// The one that passes and has the most steps in common with the failing run.
    passed: Option<(usize, Trace)>,
}

impl From<'_, '_> {
    /// Of these decisions, of which the first `common` are those of the failing run.
    fn share(&mut self, log: &[Taken], common: usize) -> Share {
        let sampler = strategies::by_name(SAMPLER).expect("it has this name");
        let mut strategy = Continue::new(log, sampler);
        let mut share = Share { failed: 0, of: self.runs };
        for index in 0..u64::from(self.runs) {
            self.execution.run(&mut strategy, 1, index);
            let sim = self.execution.sim();
            if found(sim, self.signature).is_some() {
                share.failed += 1;
            } else if sim.system().findings.is_empty()
                && self.passed.as_ref().is_none_or(|(most, _)| common > *most)
            {
                self.passed = Some((common, sim.trace()));
            }
        }
        share
    }
}

impl Failing {
    /// What one deviation weighs, if it has an effect on the run.
    fn weigh(
        &self,
        from: &mut From<'_, '_>,
        schedule: &Schedule,
        number: usize,
        deviation: String,
    ) -> Option<Weight> {
        let (step, end, agent) = match schedule.holds.get(number) {
            Some(hold) => self.held(&hold.before)?,
            None => {
                let decision = &schedule.decisions[number - schedule.holds.len()];
                let step = self.points.iter().position(|p| *p == decision.at)?;
                (step, step + 1, self.log[step].0)
            }
        };
        let before = from.share(&self.log[..step], step);
        let made = from.share(&self.log[..end], end);
        let mut opposite = self.log[..step].to_vec();
        opposite.push((agent, 0));
        let possible = self.enabled[step].contains(agent);
        let reversed = possible.then(|| from.share(&opposite, step));
        Some(Weight { deviation, step, before, made, reversed })
    }

    /// From which step on an agent is held back before this point, and until which; and the agent.
    fn held(&self, before: &Point) -> Option<(usize, usize, AgentId)> {
        let agent = AgentId(self.names.iter().position(|name| *name == before.agent)? as u16);
        let to = self.points.iter().position(|p| p == before).unwrap_or(self.log.len());
        let own = |i: &usize| self.log[*i].0 == agent;
        let from = (0..to).rev().find(own).map_or(0, |last| last + 1);
        let could = |&i: &usize| self.enabled[i].contains(agent);
        let step = (from..to).find(could).unwrap_or(from);
        (step < to).then_some((step, to, agent))
    }
}

/// Of the runs without one deviation that find nothing, the one that is the same for longest.
fn nearest(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
    failing: &Trace,
) -> Option<Passing> {
    let mut best: Option<(usize, usize, Trace)> = None;
    for number in 0..schedule.len() {
        let (ended, _) = execution.follow(&schedule.without(number, number + 1));
        if ended.findings.iter().any(|f| f.kind.is_fatal() || f.signature() == *signature) {
            continue;
        }
        let trace = execution.sim().trace();
        let pairs = trace.steps.iter().zip(&failing.steps);
        let common = pairs.take_while(|(a, b)| (a.agent, &a.op) == (b.agent, &b.op)).count();
        if best.as_ref().is_none_or(|(most, ..)| common > *most) {
            best = Some((common, number, trace));
        }
    }
    let (common, number, trace) = best?;
    Some(passing(failing, trace, schedule.lines().nth(number), common))
}

fn passing(failing: &Trace, trace: Trace, without: Option<String>, common: usize) -> Passing {
    let agent = |step: &str| step.split(' ').next().map(str::to_owned);
    let pairs = diff::diff(failing, &trace).reordered;
    let pair = pairs.into_iter().find(|(first, second)| agent(first) != agent(second));
    // Where one of the two is only in one of the runs: what they do where they part.
    let at_fork = |trace: &Trace| {
        let step = trace.steps.get(common)?;
        let func = step.stack.first().map_or(String::new(), |func| format!("{func}:"));
        Some(format!("{} {func}{}", trace.agent(step).name, step.call()))
    };
    let pair = pair.or_else(|| at_fork(failing).zip(at_fork(&trace)));
    Passing { without, common, pair, trace }
}
