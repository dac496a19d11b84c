//! From the run of a seed to the shortest schedule that shows the same finding.

use super::deviate;
use super::execute::Execution;
use super::params::Params;
use crate::base::finding::{Finding, Kind, Signature};
use crate::choice::file::Origin;
use crate::choice::schedule::Schedule;
use crate::choice::{shrink, strategies};
use crate::trace::Trace;

/// Rounds of lifting the shrunk run again.
const ROUNDS: u32 = 4;
/// Operations by which a hold is moved.
const MOVES: u32 = 16;
/// Values tried for a parameter, from its smallest on.
const VALUES: u64 = 16;
/// Runs that look for the finding under a smaller parameter.
const RUNS: u64 = 64;

/// A schedule that shows a finding, and what its run looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reduced {
    /// Parameters: none can be lowered alone.
    pub params: Params,
    /// Deviations, none of which can be left out alone.
    pub schedule: Schedule,
    /// The finding as this schedule shows it.
    pub finding: Finding,
    /// Steps up to the finding.
    pub steps: u32,
    /// The run.
    pub trace: Trace,
}

/// Repeats the run of a seed and reduces it, its parameters included; also the trace of that run.
///
/// # Panics
/// When there is no such strategy ([`strategies::by_name`]).
pub fn from_seed(
    execution: &mut Execution<'_>,
    origin: &Origin,
    signature: &Signature,
) -> (Option<Reduced>, Trace) {
    let Some(mut strategy) = strategies::by_name(&origin.strategy) else {
        panic!("there is no strategy {:?}", origin.strategy)
    };
    execution.run(&mut *strategy, origin.seed, origin.index);
    let (lifted, trace) = (execution.sim().lift(), execution.sim().trace());
    (reduce_all(execution, &lifted, signature), trace)
}

/// As [`reduce`], parameters included.
pub fn reduce_all(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let shrunk = shrink(execution, schedule, signature)?;
    let lowered = lower(execution, shrunk, signature);
    Some(normal(execution, lowered, signature))
}

/// Shrinks a schedule as long as the same finding is found; its run is the last of the execution.
/// `None` if it does not even show the finding itself: not every run can be brought into the form of
/// a schedule.
///
/// The result is in normal form: of the schedules with the fewest deviations, the same one whatever
/// the schedule at the start, if the search for it ends within its bounds.
pub fn reduce(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let shrunk = shrink(execution, schedule, signature)?;
    Some(normal(execution, shrunk, signature))
}

/// Deletes deviations, and then from what the run that is left looks like as a schedule.
fn shrink(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let mut best = minimal(execution, schedule, signature)?;
    sooner(execution, &mut best, signature);
    // What a run did may be said with less, and in many ways: how the run itself says it decides.
    for _ in 0..ROUNDS {
        execution.follow(&best.schedule);
        let lifted = execution.sim().lift();
        match minimal(execution, &lifted, signature) {
            Some(other) if size(&other) <= size(&best) && other != best => best = other,
            _ => break,
        }
    }
    later(execution, &mut best, signature);
    minimal(execution, &best.schedule, signature)
}

/// Lets who is held back go on for as long as the finding stays, so that what it does next matters.
/// Not where nothing matters: one round of a loop more or less is the same stall.
fn later(execution: &mut Execution<'_>, best: &mut Reduced, signature: &Signature) {
    if best.finding.kind == Kind::Stall {
        return;
    }
    for hold in 0..best.schedule.holds.len() {
        for _ in 0..MOVES {
            execution.follow(&best.schedule);
            let before = &best.schedule.holds[hold].before;
            let points = execution.sim().points();
            let mut own = points.into_iter().filter(|point| point.agent == before.agent);
            let next = own.by_ref().find(|point| point == before).and_then(|_| own.next());
            let Some(next) = next else { break };
            let mut schedule = best.schedule.clone();
            schedule.holds[hold].before = next;
            match reduced(execution, schedule, signature) {
                Some(other) => *best = other,
                None => break,
            }
        }
    }
}

/// Lowers which occurrence of an operation holds name, as far as the finding comes no later.
fn sooner(execution: &mut Execution<'_>, best: &mut Reduced, signature: &Signature) {
    for number in 0..2 * best.schedule.holds.len() {
        // The lowest that does: the very first one, or by halves.
        let (mut low, mut tried) = (1, 1);
        while low < *nth(&mut best.schedule, number) {
            let mut schedule = best.schedule.clone();
            *nth(&mut schedule, number) = tried;
            match reduced(execution, schedule, signature) {
                Some(other) if other.steps <= best.steps => *best = other,
                _ => low = tried + 1,
            }
            tried = low.midpoint(*nth(&mut best.schedule, number));
        }
    }
}

/// The occurrence that a hold names: of what it holds back if the number is even, else of what it
/// waits for.
fn nth(schedule: &mut Schedule, number: usize) -> &mut u32 {
    let hold = &mut schedule.holds[number / 2];
    if number.is_multiple_of(2) { &mut hold.before.nth } else { &mut hold.until.nth }
}

/// The normal form of what has been shrunk; its run is the last of the execution.
fn normal(execution: &mut Execution<'_>, shrunk: Reduced, signature: &Signature) -> Reduced {
    let fewest = shrunk.schedule.len();
    let found = deviate::smallest(execution, signature, fewest);
    let normal = found.and_then(|found| shrink(execution, &found, signature)).unwrap_or(shrunk);
    execution.follow(&normal.schedule);
    normal
}

/// Lower is better: fewer deviations, fewer steps.
fn size(reduced: &Reduced) -> (usize, u32) {
    (reduced.schedule.len(), reduced.steps)
}

fn shows(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Finding> {
    let (ended, _) = execution.follow(schedule);
    ended.findings.into_iter().find(|f| f.signature() == *signature)
}

/// No deviation can be left out alone.
fn minimal(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    shows(execution, schedule, signature)?;
    let schedule = shrink::shrink(schedule, |other| shows(execution, other, signature).is_some());
    reduced(execution, schedule, signature)
}

/// What a schedule shows, if it shows the finding.
fn reduced(
    execution: &mut Execution<'_>,
    schedule: Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let finding = shows(execution, &schedule, signature)?;
    let sim = execution.sim();
    let (steps, trace) = (sim.steps_to(&finding), sim.trace());
    Some(Reduced { params: execution.params.clone(), schedule, finding, steps, trace })
}

/// Lowers parameters as long as the finding stays.
fn lower(execution: &mut Execution<'_>, mut reduced: Reduced, signature: &Signature) -> Reduced {
    let scenario = execution.scenario;
    for param in &scenario.params {
        let value = reduced.params.get(param.name);
        for lower in param.min..value.min(param.min + VALUES) {
            let mut params = reduced.params.clone();
            if params.set(&scenario.params, param.name, lower).is_err() {
                continue;
            }
            execution.params = params;
            if let Some(smaller) = again(execution, &reduced.schedule, signature) {
                reduced = smaller;
                break;
            }
        }
        execution.params = reduced.params.clone();
    }
    reduced
}

/// The finding under other parameters: by the same schedule, or by a short search.
fn again(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    if let Some(reduced) = shrink(execution, schedule, signature) {
        return Some(reduced);
    }
    let mut strategy = strategies::by_name(strategies::DEFAULT)?;
    (0..RUNS).find_map(|index| {
        execution.run(&mut *strategy, 1, index);
        let findings = &execution.sim().system().findings;
        findings.iter().find(|f| f.signature() == *signature)?;
        let lifted = execution.sim().lift();
        shrink(execution, &lifted, signature)
    })
}
