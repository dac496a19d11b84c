//! What `hunt` and `check` share: the runs of one scenario, and an example of each finding.

use super::forms::{self, Place};
use crate::base::finding::{Finding, Signature};
use crate::choice::{Origin, ScheduleFile};
use crate::run::{Execution, Found, Hunt, Reduced, reduce};
use crate::trace::Trace;

/// The shortest form of the cheapest run that shows a finding.
#[derive(Debug)]
pub(super) struct Example {
    /// The schedule, or the seed alone, ready to be saved.
    pub file: ScheduleFile,
    /// The finding as this run shows it.
    pub finding: Finding,
    /// Steps up to the finding.
    pub steps: u32,
    /// The run.
    pub trace: Trace,
    /// Where the operation stands that failed, if it is one.
    pub place: Option<Place>,
}

/// Repeats the cheapest run of a finding and makes a schedule of it.
pub(super) fn example(hunt: &Hunt<'_>, signature: &Signature, found: &Found) -> Example {
    let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
    let strategy = hunt.strategy.to_owned();
    let origin = Origin { strategy, seed: hunt.seed, index: found.index };
    let (reduced, trace) = reduce::from_seed(&mut execution, &origin, signature);
    let place = reduced.as_ref().and_then(|r| forms::place(&execution, &r.finding));
    let (schedule, finding, steps, trace) = match reduced {
        Some(Reduced { schedule, finding, steps, trace }) => {
            (Some(schedule), finding, steps, trace)
        }
        None => (None, found.finding.clone(), found.steps, trace),
    };
    let file = ScheduleFile {
        version: crate::VERSION.to_owned(),
        scenario: hunt.scenario.name.clone(),
        params: hunt.params.iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        origin,
        schedule,
        signature: signature.clone(),
        trace: trace.hash(),
    };
    Example { file, finding, steps, trace, place }
}
