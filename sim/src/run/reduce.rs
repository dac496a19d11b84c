//! From the run of a seed to the shortest schedule that shows the same finding.

use super::execute::Execution;
use super::params::Params;
use crate::base::finding::{Finding, Signature};
use crate::choice::file::Origin;
use crate::choice::schedule::Schedule;
use crate::choice::{shrink, strategies};
use crate::trace::Trace;

/// Rounds of lifting the shrunk run again.
const ROUNDS: u32 = 4;
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
    let reduced = reduce(execution, &lifted, signature);
    (reduced.map(|reduced| lower(execution, reduced, signature)), trace)
}

/// Shrinks a schedule as long as the same finding is found; its run is the last of the execution.
/// `None` if it does not even show the
/// finding itself: not every run can be brought into the form of a schedule.
pub fn reduce(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let mut best = minimal(execution, schedule, signature)?;
    // What the shrunk run did may be said with less, or in words that come first in a dictionary.
    for _ in 0..ROUNDS {
        execution.follow(&best.schedule);
        let lifted = execution.sim().lift();
        match minimal(execution, &lifted, signature) {
            Some(other) if rank(&other) < rank(&best) => best = other,
            _ => break,
        }
    }
    execution.follow(&best.schedule);
    Some(best)
}

/// Lower is better: fewer deviations, fewer steps, and then always the same one.
fn rank(reduced: &Reduced) -> (usize, u32, Vec<String>) {
    (reduced.schedule.len(), reduced.steps, reduced.schedule.lines().collect())
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
    let finding = shows(execution, &schedule, signature)?;
    let sim = execution.sim();
    let (steps, trace) = (sim.steps_to(&finding), sim.trace());
    Some(Reduced { params: execution.params.clone(), schedule, finding, steps, trace })
}

/// Lowers parameters as long as the finding stays. Its run is the last of the execution.
pub fn lower(
    execution: &mut Execution<'_>,
    mut reduced: Reduced,
    signature: &Signature,
) -> Reduced {
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
    execution.follow(&reduced.schedule);
    reduced
}

/// The finding under other parameters: by the same schedule, or by a short search.
fn again(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    if let Some(reduced) = reduce(execution, schedule, signature) {
        return Some(reduced);
    }
    let mut strategy = strategies::by_name(strategies::DEFAULT)?;
    (0..RUNS).find_map(|index| {
        execution.run(&mut *strategy, 1, index);
        let findings = &execution.sim().system().findings;
        findings.iter().find(|f| f.signature() == *signature)?;
        let lifted = execution.sim().lift();
        reduce(execution, &lifted, signature)
    })
}
