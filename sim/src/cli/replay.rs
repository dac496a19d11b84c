//! `ksim replay`.

use super::error::Error;
use super::style::{bad, faint, good, title};
use super::{Outcome, args, print, save, select, text};
use crate::choice::ScheduleFile;
use crate::run::{Execution, Replayed, Scenario, Verdict};
use std::path::Path;

/// A schedule file with the execution that it is for.
pub(super) fn open<'s>(
    all: &'s [Scenario],
    path: &Path,
) -> Result<(ScheduleFile, Execution<'s>), Error> {
    let file = save::read(path)?;
    let Some(scenario) = all.iter().find(|s| s.name == file.scenario) else {
        return Err(select::unknown(all, &file.scenario));
    };
    let params = select::params(scenario, &file.params)?;
    if file.schedule.is_none() {
        select::strategy(&file.origin.strategy)?;
    }
    if file.version != crate::VERSION {
        let (theirs, ours) = (&file.version, crate::VERSION);
        anstream::eprintln!("{} was saved by ksim {theirs}; this is {ours}", path.display());
    }
    Ok((file, Execution::with_params(scenario, params)))
}

/// Repeats the run of a schedule file and judges it.
pub(super) fn replay(all: &[Scenario], args: &args::File) -> Result<Outcome, Error> {
    let (file, mut execution) = open(all, &args.file)?;
    let replayed = crate::run::replay::replay(&mut execution, &file);
    print(&report(&file, &replayed))?;
    Ok(match replayed.verdict {
        Verdict::Reproduced | Verdict::SameBugElsewhere | Verdict::AnotherBug => Outcome::Found,
        Verdict::Passed => Outcome::Clean,
        Verdict::Diverged(_) => Outcome::Unjudged,
    })
}

/// Says which deviation of the schedule did not come.
pub(super) fn warn_diverged(file: &ScheduleFile, k: usize) {
    let line = file.schedule.as_ref().and_then(|s| s.lines().nth(k - 1)).unwrap_or_default();
    anstream::eprintln!("{} deviation {k} did not come: {line}", bad("diverged:"));
}

fn report(file: &ScheduleFile, replayed: &Replayed) -> String {
    let verdict = match replayed.verdict {
        Verdict::Passed => good(&replayed.verdict),
        _ => bad(&replayed.verdict),
    };
    let mut out = format!("{}: {verdict}\n", title(&file.scenario));
    if replayed.verdict != Verdict::Reproduced {
        out.push_str(&format!("expected: {}\n", file.signature));
    }
    if let Verdict::Diverged(k) = replayed.verdict
        && let Some(deviation) = file.schedule.as_ref().and_then(|s| s.lines().nth(k - 1))
    {
        out.push_str(&format!("did not come: {deviation}\n"));
    }
    if let Some(finding) = &replayed.finding {
        out.push_str(&format!("found:    {}\n\n", finding.signature()));
        out.push_str(&text::finding(finding, &replayed.trace));
    }
    let trace = replayed.trace.hash();
    let same = if trace == file.trace { "as saved" } else { "not as saved" };
    out.push_str(&faint(format!("\ntrace {trace:016x}, {same}\n")));
    out
}
