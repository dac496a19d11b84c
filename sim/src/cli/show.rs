//! `ksim show`.

use super::error::Error;
use super::{args, print, replay, run};
use crate::choice::ScheduleFile;
use crate::report::{html, perfetto, tracedat};
use crate::run::{Execution, Replayed, Scenario, Verdict};
use crate::trace::record::Outcome;
use args::Format;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Shows the run of a schedule file in one of many forms.
pub(super) fn show(all: &[Scenario], args: &args::Show) -> Result<super::Outcome, Error> {
    let (file, mut execution) = replay::open(all, &args.file)?;
    let replayed = crate::run::replay::replay(&mut execution, &file);
    let Replayed { trace, .. } = &replayed;
    if let Verdict::Diverged(k) = replayed.verdict {
        replay::warn_diverged(&file, k);
    }
    let findings = &execution.sim().system().findings;
    let bytes = match args.format {
        Format::Text => run::outcome_text(&execution, replayed.stop).into_bytes(),
        Format::Json => format!("{:#}\n", json(&file, &execution, &replayed)).into_bytes(),
        Format::Html => html::page(&file.scenario, trace, findings).into_bytes(),
        Format::Perfetto => perfetto::file(trace, findings),
        Format::TraceCmd => tracedat::file(trace),
    };
    match (&args.out, args.format) {
        (Some(path), Format::Text) => {
            let mut plain = anstream::StripStream::new(Vec::new());
            plain.write_all(&bytes)?;
            write(path, &plain.into_inner())?;
        }
        (Some(path), _) => write(path, &bytes)?,
        (None, Format::Text) => print(&String::from_utf8_lossy(&bytes))?,
        (None, format) => {
            let mut out = std::io::stdout().lock();
            if let (Some(format), true) = (binary(format), out.is_terminal()) {
                return Err(Error::Binary { format });
            }
            out.write_all(&bytes)?;
            out.flush()?;
        }
    }
    Ok(match replayed.verdict {
        Verdict::Diverged(_) => super::Outcome::Unjudged,
        _ => run::outcome(&execution, replayed.stop),
    })
}

/// The name of a format that is no text.
fn binary(format: Format) -> Option<&'static str> {
    match format {
        Format::Text | Format::Json | Format::Html => None,
        Format::Perfetto => Some("perfetto"),
        Format::TraceCmd => Some("trace-cmd"),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(|error| Error::Write { path: path.to_owned(), error })
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
