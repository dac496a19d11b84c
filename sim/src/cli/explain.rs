//! `ksim explain`.

use super::error::Error;
use super::style::{bad, title};
use super::{Outcome, args, print, replay};
use crate::choice::{ScheduleFile, strategies};
use crate::run::explain::{self, Explanation, Share, Turn, Weight};
use crate::run::{Execution, Scenario};
use serde_json::{Value, json};

/// Says which decisions of a schedule file matter.
pub(super) fn explain(all: &[Scenario], args: &args::Explain) -> Result<Outcome, Error> {
    let (file, mut execution) = replay::open(all, &args.file)?;
    let Some(explanation) = explanation(&mut execution, &file, args.runs) else {
        print(
            "not reproduced: there is nothing to explain; `replay` says what the file does now\n",
        )?;
        return Ok(Outcome::Unjudged);
    };
    match args.json {
        true => print(&format!("{:#}\n", json(&file, &explanation)))?,
        false => {
            let (title, bad) = (title(&file.scenario), bad(&explanation.finding.headline));
            print(&format!("{title}\n{bad}\n\n{explanation}"))?;
        }
    }
    Ok(Outcome::Found)
}

fn explanation(
    execution: &mut Execution<'_>,
    file: &ScheduleFile,
    runs: u32,
) -> Option<Explanation> {
    if let Some(schedule) = &file.schedule {
        return explain::explain(execution, schedule, &file.signature, runs);
    }
    let origin = &file.origin;
    let mut strategy = strategies::by_name(&origin.strategy)?;
    let run = (origin.seed, origin.index);
    explain::explain_run(execution, &mut *strategy, run, &file.signature, runs)
}

fn json(file: &ScheduleFile, explanation: &Explanation) -> Value {
    let share = |s: &Share| json!({ "failed": s.failed, "of": s.of });
    let weight = |w: &Weight| {
        json!({
            "deviation": w.deviation,
            "step": w.step,
            "before": share(&w.before),
            "made": share(&w.made),
            "reversed": w.reversed.as_ref().map(share),
        })
    };
    let trace = &explanation.trace;
    let turn = |t: &Turn| {
        let next = trace.steps.get(t.step);
        json!({
            "step": t.step,
            "next": next.map(|s| format!("{} {}", trace.agent(s).name, s.call())),
            "share": share(&t.share),
        })
    };
    let passing = explanation.passing.as_ref().map(|p| {
        json!({
            "without": p.without,
            "common_steps": p.common,
            "first": p.pair.as_ref().map(|pair| &pair.0),
            "second": p.pair.as_ref().map(|pair| &pair.1),
        })
    });
    json!({
        "scenario": file.scenario,
        "signature": file.signature.0,
        "headline": explanation.finding.headline,
        "deviations": explanation.weights.iter().map(weight).collect::<Vec<_>>(),
        "curve": explanation.curve.iter().map(turn).collect::<Vec<_>>(),
        "passing": passing,
    })
}
