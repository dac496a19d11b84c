//! The fewest deviations from the default policy that show a finding, searched level by level:
//! what comes out does not depend on the run in which the finding was seen.
//!
//! A step up is one hold more, which turns round one conflict of the run before: an operation waits
//! for the first one of another agent that conflicts with it; or one outcome more.
//!
//! It does not get there, and what is left after shrinking then depends on where that began, if it
//! takes more runs than its bounds allow (mostly from two holds in some hundred steps on, or three in
//! fifty); if another finding ends the runs on the way, so that what comes after is never seen; and
//! if no conflict decides: how often a loop goes round in vain before that is called a stall, or
//! which of two unrelated acquisitions lockdep sees first.

use super::execute::Execution;
use super::sim::Sim;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Event;
use crate::base::finding::Signature;
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::Op;
use crate::choice::order::Order;
use crate::choice::profile::with_accesses;
use crate::choice::record::{Record, mix};
use crate::choice::schedule::{Hold, Schedule};
use crate::choice::sections::Sections;
use crate::kernel::System;
use std::collections::BTreeSet;

/// Runs after which the search is given up.
const RUNS: usize = 200;
/// Steps of all of them together after which it is.
const STEPS: usize = 40_000;
/// Steps of a run that are looked at.
const LENGTH: usize = 1000;

/// A step and what it touched.
type Step<'r> = (&'r Event, &'r [Access]);

/// The smallest schedule found that shows a finding with at most so many deviations: of those with
/// the fewest, one with the fewest steps up to the finding, and of these the first.
pub(super) fn smallest(
    execution: &mut Execution<'_>,
    signature: &Signature,
    most: usize,
) -> Option<Schedule> {
    let mut seen = BTreeSet::new();
    let mut level = vec![Schedule::default()];
    let (mut runs, mut steps) = (0, 0);
    for _ in 0..=most {
        let mut next = Vec::new();
        let mut best: Option<(u32, Schedule)> = None;
        for schedule in level {
            if runs == RUNS || steps >= STEPS {
                break;
            }
            let (ended, _) = execution.follow(&schedule);
            let sim = execution.sim();
            runs += 1;
            steps += sim.system().events.len();
            if let Some(finding) = ended.findings.iter().find(|f| f.signature() == *signature) {
                let steps = sim.steps_to(finding);
                if best.as_ref().is_none_or(|(fewest, _)| steps < *fewest) {
                    best = Some((steps, schedule));
                }
            } else if best.is_none() && runs + next.len() < RUNS {
                further(sim, &schedule, &mut seen, &mut next);
            }
        }
        if best.is_some() {
            return best.map(|(_, schedule)| schedule);
        }
        level = next;
    }
    None
}

/// Adds the schedules with one deviation more than that of the last run, unless the same run has been
/// seen before.
fn further(sim: &Sim, schedule: &Schedule, seen: &mut BTreeSet<u64>, out: &mut Vec<Schedule>) {
    let system = sim.system();
    if !seen.insert(identity(&system.events)) {
        return;
    }
    let points = sim.points();
    for (before, until) in reversals(system) {
        let (before, until) = (points[before].clone(), points[until].clone());
        let mut more = schedule.clone();
        more.holds.push(Hold { before, until });
        out.push(more);
    }
    for other in sim.other_outcomes(&points) {
        let mut more = schedule.clone();
        more.decisions.push(other);
        out.push(more);
    }
}

/// The same for two runs with the same decisions.
fn identity(events: &[Event]) -> u64 {
    let decision = |hash, event: &Event| mix(hash, &[event.agent.0.into(), event.reply]);
    events.iter().fold(0, decision)
}

/// Pairs of steps: the second is the first one of its agent that conflicts with the first, and perhaps
/// it could have come before.
fn reversals(system: &System) -> Vec<(usize, usize)> {
    let record = Record::new(system, &system.events, &system.accesses, LENGTH);
    let (forced, sections) = (Order::new(&record, false), Sections::new(&record));
    let shared = |step: usize| {
        let op = system.events[step].call.op;
        matches!(op, Op::Lock { kind, .. } if kind.is_shared())
    };
    let steps: Vec<Step<'_>> =
        with_accesses(&system.events, &system.accesses).take(record.happened).collect();
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut turned: BTreeSet<(usize, AgentId)> = BTreeSet::new();
    for first in 0..steps.len() {
        let mut met: Vec<AgentId> = vec![steps[first].0.agent];
        for second in first + 1..steps.len() {
            let agent = steps[second].0.agent;
            if met.contains(&agent) || !conflict(steps[first], steps[second]) {
                continue;
            }
            met.push(agent);
            let (mut before, mut until) = sections.starts(first, second);
            if shared(before) && shared(until) {
                (before, until) = (first, second); // That lock does not keep the other out.
            }
            // A task was started, perhaps, after the first step; what softirqs do can come sooner.
            let task = system.m.agent(agent).kind == AgentKind::Task;
            if turned.insert((before, agent)) && !(task && forced.leads_to(&record, before, until))
            {
                found.push((before, until));
            }
        }
    }
    // Who asks for a lock in vain shows a finding of that, and seldom another.
    let last = |step: usize| steps[step].1.iter().any(|a| a.mode == Mode::Release);
    found.sort_by_key(|&(before, until)| (last(before), before, until));
    found
}

/// Do two steps conflict, and may their order have been another? A lock may be asked for in vain
/// before it is released, but it was taken before.
fn conflict(first: Step<'_>, second: Step<'_>) -> bool {
    let order = |x: &Access, y: &Access| {
        y.mode != Mode::Release || !matches!(x.mode, Mode::Acquire | Mode::Release)
    };
    // Grace periods wait for a context that cannot be preempted: it matters where it begins.
    let counts = |event: &Event, a: &Access| match a.object {
        Object::RCU => event.preempt == 0,
        Object::ALLOCATOR => false,
        object => !object.is_softirqs(),
    };
    let conflicts = |x: &Access, y: &Access| {
        x.conflicts(*y) && order(x, y) && counts(first.0, x) && counts(second.0, y)
    };
    first.1.iter().any(|x| second.1.iter().any(|y| conflicts(x, y)))
}
