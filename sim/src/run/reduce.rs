//! From the run of a seed to the shortest schedule that shows the same finding.

use super::execute::Execution;
use crate::base::finding::{Finding, Signature};
use crate::choice::file::Origin;
use crate::choice::schedule::Schedule;
use crate::choice::{shrink, strategies};
use crate::trace::Trace;

/// A schedule that shows a finding, and what its run looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reduced {
    /// Deviations, none of which can be left out alone.
    pub schedule: Schedule,
    /// The finding as this schedule shows it.
    pub finding: Finding,
    /// Steps up to the finding.
    pub steps: u32,
    /// The run.
    pub trace: Trace,
}

/// Repeats the run of a seed and reduces it; also the trace of that run.
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
    (reduce(execution, &lifted, signature), trace)
}

/// Shrinks a schedule as long as the same finding is found. `None` if it does not even show the
/// finding itself: not every run can be brought into the form of a schedule.
pub fn reduce(
    execution: &mut Execution<'_>,
    schedule: &Schedule,
    signature: &Signature,
) -> Option<Reduced> {
    let shows = |execution: &mut Execution<'_>, schedule: &Schedule| {
        let (ended, _) = execution.follow(schedule);
        ended.findings.into_iter().find(|f| f.signature() == *signature)
    };
    shows(execution, schedule)?;
    let small = shrink::shrink(schedule, |candidate| shows(execution, candidate).is_some());
    let finding = shows(execution, &small)?;
    let (steps, trace) = (execution.sim().steps_to(&finding), execution.sim().trace());
    Some(Reduced { schedule: small, finding, steps, trace })
}
