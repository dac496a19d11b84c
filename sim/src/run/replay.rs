//! Replays a schedule and judges what became of its finding.

use super::execute::Execution;
use super::params::Params;
use super::scenario::Scenario;
use super::sim::Stop;
use crate::base::finding::{Finding, Signature};
use crate::choice::file::{Origin, ScheduleFile};
use crate::choice::strategies;
use crate::trace::Trace;
use std::fmt;

/// What a replay says about the expected finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The same finding.
    Reproduced,
    /// The same kind on the same object, at other sites.
    SameBugElsewhere,
    /// Only other findings.
    AnotherBug,
    /// Nothing was found, and every deviation could be followed.
    Passed,
    /// Nothing was found, and the named point of this deviation (from 1) never came: the scenario
    /// is no longer the one for which the schedule was saved.
    Diverged(usize),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Reproduced => f.write_str("reproduced"),
            Verdict::SameBugElsewhere => f.write_str("same bug elsewhere"),
            Verdict::AnotherBug => f.write_str("another bug"),
            Verdict::Passed => f.write_str("passed"),
            Verdict::Diverged(k) => write!(f, "diverged at deviation {k}"),
        }
    }
}

/// A replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// Why the run stopped.
    pub stop: Stop,
    /// What became of the expected finding.
    pub verdict: Verdict,
    /// The finding that the verdict is about, if there is one.
    pub finding: Option<Finding>,
    /// The run.
    pub trace: Trace,
}

/// What the saved schedules of the scenario show ([`Scenario::shown_by`]), each with its run.
///
/// # Errors
/// When one of them is no schedule of this scenario, or does not show its finding any more.
pub fn saved(scenario: &Scenario) -> Result<Vec<(Finding, Trace)>, String> {
    let mut found = Vec::new();
    for text in &scenario.shown_by {
        let file = ScheduleFile::parse(text.as_bytes())
            .map_err(|error| format!("its saved schedule cannot be read: {error}"))?;
        if file.scenario != scenario.name || file.schedule.is_none() {
            return Err(format!("its saved schedule is one of {}", file.scenario));
        }
        let mut params = Params::defaults(&scenario.params);
        for (name, value) in &file.params {
            params.set(&scenario.params, name, *value)?;
        }
        let mut execution = Execution::with_params(scenario, params);
        let Replayed { verdict, finding, trace, .. } = replay(&mut execution, &file);
        match finding {
            Some(finding) if verdict == Verdict::Reproduced => found.push((finding, trace)),
            _ => return Err(format!("its saved schedule for {}: {verdict}", file.signature)),
        }
    }
    Ok(found)
}

/// Repeats the run of a schedule file, whose scenario and parameters the execution has.
///
/// # Panics
/// When the file is by seed and its strategy has no such name ([`strategies::by_name`]).
pub fn replay(execution: &mut Execution<'_>, file: &ScheduleFile) -> Replayed {
    let (stop, diverged) = match &file.schedule {
        Some(schedule) => {
            let (ended, diverged) = execution.follow(schedule);
            (ended.stop, diverged)
        }
        None => {
            let Origin { strategy, seed, index } = &file.origin;
            let Some(mut strategy) = strategies::by_name(strategy) else {
                panic!("there is no strategy {strategy:?}")
            };
            (execution.run(&mut *strategy, *seed, *index), None)
        }
    };
    let findings = &execution.sim().system().findings;
    let (verdict, finding) = judge(findings, &file.signature, diverged);
    Replayed { stop, verdict, finding: finding.cloned(), trace: execution.sim().trace() }
}

fn judge<'f>(
    findings: &'f [Finding],
    expected: &Signature,
    diverged: Option<usize>,
) -> (Verdict, Option<&'f Finding>) {
    let same = |f: &&Finding| f.signature() == *expected;
    let near = |f: &&Finding| f.signature().without_sites() == expected.without_sites();
    if let Some(finding) = findings.iter().find(same) {
        (Verdict::Reproduced, Some(finding))
    } else if let Some(finding) = findings.iter().find(near) {
        (Verdict::SameBugElsewhere, Some(finding))
    } else if let Some(finding) = findings.last() {
        (Verdict::AnotherBug, Some(finding))
    } else {
        (diverged.map_or(Verdict::Passed, Verdict::Diverged), None)
    }
}
