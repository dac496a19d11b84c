//! `ksim run`.

use super::error::Error;
use super::style::{counted, faint};
use super::{Outcome, args, print, select, text};
use crate::choice::strategies;
use crate::run::sim::Stop;
use crate::run::{Execution, Scenario};

/// Runs one seed and prints its trace and what was found.
pub(super) fn run(all: &[Scenario], args: &args::Run) -> Result<Outcome, Error> {
    let scenario = select::one(all, &args.scenario)?;
    let params = select::params(scenario, &args.source.params)?;
    let args::Source { seed, strategy: name, .. } = &args.source;
    let mut strategy =
        strategies::by_name(name).ok_or_else(|| Error::UnknownStrategy { name: name.clone() })?;
    let mut execution = Execution::with_params(scenario, params);
    let stop = execution.run(&mut *strategy, *seed, args.index);
    print(&outcome_text(&execution, stop))?;
    Ok(outcome(&execution, stop))
}

/// Trace, findings and the end of the last run.
pub(super) fn outcome_text(execution: &Execution<'_>, stop: Stop) -> String {
    let sim = execution.sim();
    let trace = sim.trace();
    // Steps that cannot influence each other are put together: equivalent schedules print alike.
    let mut out = crate::report::columns(&trace.normal_form());
    for finding in &sim.system().findings {
        out.push('\n');
        out.push_str(&text::finding(finding, &trace));
    }
    let steps = counted(sim.system().events.len() as u64, "step");
    let ended = match stop {
        Stop::Finished => "nothing was left to do",
        Stop::Finding => "ended by a finding",
        Stop::Cut => "cut at the limit of steps",
    };
    out.push_str(&faint(format!("\n{steps}, {ended}; trace {:016x}\n", trace.hash())));
    out
}

/// What the last run says.
pub(super) fn outcome(execution: &Execution<'_>, stop: Stop) -> Outcome {
    match (execution.sim().system().findings.is_empty(), stop) {
        (false, _) => Outcome::Found,
        (true, Stop::Cut) => Outcome::Unjudged,
        (true, _) => Outcome::Clean,
    }
}
