//! `ksim shrink`.

use super::error::Error;
use super::style::counted;
use super::{Outcome, args, print, replay, save, text};
use crate::choice::ScheduleFile;
use crate::run::{Execution, Reduced, Scenario, reduce};

/// Shrinks the schedule of a file and writes it back.
pub(super) fn shrink(all: &[Scenario], args: &args::File) -> Result<Outcome, Error> {
    let (mut file, mut execution) = replay::open(all, &args.file)?;
    let Some(reduced) = reduced(&mut execution, &file) else {
        print(
            "not reproduced: there is nothing to shrink; `replay` says what the file does now\n",
        )?;
        return Ok(Outcome::Unjudged);
    };
    let deviations = |n: usize| counted(n as u64, "deviation");
    let before =
        file.schedule.as_ref().map_or("the seed alone".to_owned(), |s| deviations(s.len()));
    let (after, steps) =
        (deviations(reduced.schedule.len()), counted(reduced.steps.into(), "step"));
    print(&format!("{before} -> {after}, {steps}\n{}", text::schedule(&reduced.schedule)))?;
    file.params = reduced.params.listed();
    file.version = crate::VERSION.to_owned();
    file.trace = reduced.trace.hash();
    file.schedule = Some(reduced.schedule);
    save::write(&args.file, &file, &reduced.finding.headline)?;
    Ok(Outcome::Found)
}

fn reduced(execution: &mut Execution<'_>, file: &ScheduleFile) -> Option<Reduced> {
    let Some(schedule) = &file.schedule else {
        return reduce::from_seed(execution, &file.origin, &file.signature).0;
    };
    reduce::reduce_all(execution, schedule, &file.signature)
}
