//! The shortest example of a finding, ready to be saved and to be read.

use super::execute::Execution;
use super::hunt::{Found, Hunt};
use super::params::Params;
use super::prove;
use super::reduce::{self, Reduced};
use super::scenario::Scenario;
use crate::base::finding::{Finding, Signature};
use crate::choice::{Origin, Schedule, ScheduleFile};
use crate::report;
use crate::trace::Trace;
use std::panic::Location;

/// A run that shows a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// Its schedule, or its seed alone, ready to be saved.
    pub file: ScheduleFile,
    /// The finding as this run shows it.
    pub finding: Finding,
    /// Steps up to the finding.
    pub steps: u32,
    /// The run.
    pub trace: Trace,
    /// Where the operation stands in the source of the scenario at which it was noticed, if it is
    /// one.
    pub place: Option<&'static Location<'static>>,
}

impl Example {
    /// Repeats the cheapest run of a hunt's finding and makes a schedule of it.
    pub fn of_hunt(hunt: &Hunt<'_>, signature: &Signature, found: &Found) -> Example {
        let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
        let strategy = hunt.strategy.to_owned();
        let origin = Origin { strategy, seed: hunt.seed, index: found.index };
        let (reduced, trace) = reduce::from_seed(&mut execution, &origin, signature);
        let mut file = file(hunt.scenario, hunt.params, origin, signature, &trace);
        match reduced {
            Some(reduced) => Example::of_schedule(file, reduced, &execution),
            None => {
                file.schedule = None;
                let (finding, steps) = (found.finding.clone(), found.steps);
                Example { file, finding, steps, trace, place: None }
            }
        }
    }

    /// Makes a schedule of the way to a proof's finding, if it can be brought into that form.
    pub fn of_proof(
        scenario: &Scenario,
        params: &Params,
        search: &prove::Search<'_>,
        signature: &Signature,
        found: &prove::Found,
    ) -> Option<Example> {
        let lifted = search.replay(found).sim().lift();
        let mut execution = Execution::with_params(scenario, params.clone());
        let reduced = reduce::reduce(&mut execution, &lifted, signature)?;
        // No seed leads there.
        let origin = Origin { strategy: "prove".to_owned(), seed: 0, index: 0 };
        let file = file(scenario, params, origin, signature, &reduced.trace);
        Some(Example::of_schedule(file, reduced, &execution))
    }

    /// The execution has just followed the reduced schedule.
    fn of_schedule(mut file: ScheduleFile, reduced: Reduced, of: &Execution<'_>) -> Example {
        let Reduced { params, schedule, finding, steps, trace } = reduced;
        file.params = params.listed();
        file.schedule = Some(schedule);
        file.trace = trace.hash();
        let place = place(of, &finding);
        Example { file, finding, steps, trace, place }
    }

    /// How many deviations from the default policy it needs; `None` if only its seed repeats it.
    pub fn deviations(&self) -> Option<usize> {
        self.file.schedule.as_ref().map(Schedule::len)
    }

    /// What people read: the finding with its race diagram, and the deviations of its schedule.
    pub fn report(&self) -> String {
        let mut text = report::finding(&self.finding, &self.trace);
        if let Some(schedule) = &self.file.schedule {
            text.push_str("\nschedule (deviations from running each context until it blocks):\n");
            schedule.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        text
    }
}

/// Where in the source of the scenario the step stands at which the last run showed this finding.
fn place(execution: &Execution<'_>, finding: &Finding) -> Option<&'static Location<'static>> {
    let events = &execution.sim().system().events;
    let last = events.len().checked_sub(1)?;
    let named = finding.parties.iter().any(|party| party.event.is_some());
    named.then(|| events[last.min(finding.event as usize)].call.loc)
}

fn file(
    scenario: &Scenario,
    params: &Params,
    origin: Origin,
    signature: &Signature,
    trace: &Trace,
) -> ScheduleFile {
    ScheduleFile {
        version: crate::VERSION.to_owned(),
        scenario: scenario.name.clone(),
        params: params.listed(),
        origin,
        schedule: None,
        signature: signature.clone(),
        trace: trace.hash(),
    }
}
