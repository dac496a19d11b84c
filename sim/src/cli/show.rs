//! `ksim show`.

use super::error::Error;
use super::{args, print, replay, run};
use crate::choice::ScheduleFile;
use crate::run::{Execution, Replayed, Scenario};
use crate::trace::record::Outcome;
use serde_json::{Value, json};

/// Prints the run of a schedule file.
pub(super) fn show(all: &[Scenario], args: &args::Show) -> Result<super::Outcome, Error> {
    let (file, mut execution) = replay::open(all, &args.file)?;
    let replayed = crate::run::replay::replay(&mut execution, &file);
    match args.format {
        args::Format::Text => print(&run::outcome_text(&execution, replayed.stop))?,
        args::Format::Json => print(&format!("{:#}\n", json(&file, &execution, &replayed)))?,
    }
    Ok(run::outcome(&execution, replayed.stop))
}

fn json(file: &ScheduleFile, execution: &Execution<'_>, replayed: &Replayed) -> Value {
    let trace = &replayed.trace;
    let step = |s: &crate::trace::Step| {
        let outcome = match &s.outcome {
            Outcome::None => Value::Null,
            Outcome::Reply(reply) => json!({ "reply": reply }),
            Outcome::Change(from, to) => json!({ "from": from, "to": to }),
        };
        json!({
            "agent": trace.agent(s).name,
            "cpu": s.cpu,
            "stack": s.stack,
            "op": s.op,
            "operands": s.operands,
            "outcome": outcome,
            "phase": format!("{:?}", s.phase).to_lowercase(),
            "time": s.time,
        })
    };
    let finding = |f: &crate::base::finding::Finding| {
        let party = |p: &crate::base::finding::Party| {
            json!({
                "what": p.what, "agent": p.agent, "stack": p.stack, "op": p.op, "step": p.event,
            })
        };
        json!({
            "signature": f.signature().0,
            "kind": f.kind.name(),
            "object": f.object,
            "headline": f.headline,
            "parties": f.parties.iter().map(party).collect::<Vec<_>>(),
            "notes": f.notes,
            "step": f.event,
        })
    };
    json!({
        "scenario": file.scenario,
        "verdict": replayed.verdict.to_string(),
        "trace": format!("{:016x}", trace.hash()),
        "steps": trace.steps.iter().map(step).collect::<Vec<_>>(),
        "findings": execution.sim().system().findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
