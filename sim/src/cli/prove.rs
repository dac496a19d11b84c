//! `ksim prove`.

use super::error::Error;
use super::journal::Journal;
use super::style::{counted, faint, title};
use super::{Outcome, args, print, print_results, progress, save, select, text};
use crate::base::finding::Signature;
use crate::run::prove::{Estimate, Found, Search, Settings};
use crate::run::{Example, Params, Scenario, prove};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Random runs from which the number of interleavings is estimated.
const PROBES: u32 = 1000;

/// Explores every schedule of each scenario, within the bounds.
pub(super) fn prove(all: &[Scenario], args: &args::Prove) -> Result<Outcome, Error> {
    let start = Instant::now();
    let scenarios = select::several(all, &args.scenarios)?;
    let params = select::params_of_several(&scenarios, &args.params)?;
    save::prepare(&args.out)?;
    progress::catch_interrupts();
    let mut results = Vec::new();
    let mut outcome = Outcome::Clean;
    for (scenario, params) in scenarios.into_iter().zip(&params) {
        if progress::interrupted() {
            outcome = outcome.max(Outcome::Unjudged);
            break;
        }
        let proof = Proof::new(scenario, params, args)?;
        outcome = outcome.max(proof.verdict());
        match args.json {
            true => results.push(proof.json(args)),
            false => print(&proof.text())?,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    if args.json {
        print_results(&results, seconds)?;
    }
    anstream::eprintln!("{} after {seconds:.1} s", progress::ended());
    Ok(outcome)
}

/// A finding with its shortest schedule, if it could be brought into that form.
struct Kept {
    signature: Signature,
    found: Found,
    shrunk: Option<(Example, PathBuf)>,
}

/// What became of one scenario.
struct Proof<'s> {
    scenario: &'s Scenario,
    outcome: prove::Outcome,
    /// Of the number of interleavings, if not all are covered.
    estimate: Option<Estimate>,
    max_steps: u32,
    kept: Vec<Kept>,
}

impl<'s> Proof<'s> {
    fn new(
        scenario: &'s Scenario,
        params: &Params,
        args: &args::Prove,
    ) -> Result<Proof<'s>, Error> {
        let args::Bounds { preemptions, interrupts, grace_periods, failures } = args.bounds;
        let settings = Settings {
            preemptions,
            interrupts,
            grace_periods,
            failures,
            reduce: !args.no_reduction,
            merge: !args.classes,
            limit: args.executions,
            jobs: args.jobs.get() as usize,
            ..Settings::default()
        };
        let mut search = Search::new(scenario, params, settings);
        let mut journal = match &args.resume {
            Some(dir) => Some(Journal::open(dir, scenario, params, &settings, &mut search)?),
            None => None,
        };
        let (start, mut line) = (Instant::now(), Instant::now());
        let until = args.time.map(|time| start + time);
        while !search.is_over() && !progress::interrupted() {
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                break;
            }
            if now - line > progress::LINE_EVERY {
                line = now;
                anstream::eprintln!("{}: {}", scenario.name, so_far(search.outcome()));
            }
            search.advance();
            if let Some(journal) = &mut journal {
                journal.append(&search.take_journal())?;
            }
        }
        let outcome = search.outcome().clone();
        let estimate = (!outcome.complete).then(|| Estimate::new(scenario, params, PROBES, 0));
        let mut kept = Vec::new();
        for (signature, found) in &outcome.found {
            let shrunk = match Example::of_proof(scenario, params, &search, signature, found) {
                Some(example) => {
                    let headline = &example.finding.headline;
                    let path = save::save(&args.out, &example.file, headline)?;
                    Some((example, path))
                }
                None => None,
            };
            kept.push(Kept { signature: signature.clone(), found: found.clone(), shrunk });
        }
        Ok(Proof { scenario, outcome, estimate, max_steps: search.max_steps(), kept })
    }

    fn verdict(&self) -> Outcome {
        match (self.kept.is_empty(), self.outcome.complete) {
            (false, _) => Outcome::Found,
            (true, true) => Outcome::Clean,
            (true, false) => Outcome::Unjudged,
        }
    }

    fn json(&self, args: &args::Prove) -> Value {
        let (outcome, bounds) = (&self.outcome, args.bounds);
        json!({
            "scenario": self.scenario.name,
            "complete": outcome.complete,
            "share": outcome.share() as f64 / 100_000.0,
            "executions": outcome.executions,
            "steps": outcome.steps,
            "states": outcome.states,
            "cut": outcome.cut,
            "max_steps": self.max_steps,
            "bound": {
                "preemptions": bounds.preemptions,
                "interrupts": bounds.interrupts,
                "grace_periods": bounds.grace_periods,
                "failures": bounds.failures,
            },
            "interleavings": self.estimate.map(|e| {
                json!({ "estimate": e.mean, "error": e.error, "probes": e.probes })
            }),
            "findings": self.kept.iter().map(Kept::json).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let outcome = &self.outcome;
        let covered = if outcome.complete {
            "complete".to_owned()
        } else {
            let cut = match outcome.cut {
                0 => String::new(),
                n => format!(
                    ", {} cut after max_steps = {} (the scenario sets it: sim.settings().max_steps)",
                    counted(n, "run"),
                    self.max_steps
                ),
            };
            let of = self.estimate.map_or_else(String::new, |e| {
                let Estimate { mean, error, probes } = e;
                let (mean, error) = (number(mean), number(error));
                format!("; {mean} ± {error} interleavings in all ({probes} probes)")
            });
            format!("not complete: {}{of}{cut}", share(outcome))
        };
        let states = match outcome.states {
            0 => String::new(),
            n => format!("{}, ", counted(n, "state")),
        };
        let mut out = format!(
            "{}: {covered}; {}, {states}{}\n",
            title(&self.scenario.name),
            counted(outcome.executions, "execution"),
            counted(self.kept.len() as u64, "finding"),
        );
        for kept in &self.kept {
            out.push_str(&kept.text());
        }
        out
    }
}

impl Kept {
    fn json(&self) -> Value {
        let Kept { signature, found, shrunk } = self;
        json!({
            "signature": signature.0,
            "kind": found.finding.kind.name(),
            "object": found.finding.object,
            "headline": found.finding.headline,
            "count": found.count,
            "schedule": shrunk.as_ref().map(|(_, path)| path.display().to_string()),
            "shrunk": shrunk.as_ref().map(|(example, _)| {
                json!({ "deviations": example.deviations(), "steps": example.steps })
            }),
        })
    }

    fn text(&self) -> String {
        let mut out = match &self.shrunk {
            Some((example, _)) => {
                format!("\n{}\n", text::finding(&example.finding, &example.trace))
            }
            None => format!("\n{}\n", self.found.finding.headline),
        };
        _ = writeln!(out, "signature: {}", faint(&self.signature.0));
        match &self.shrunk {
            Some((example, path)) => {
                let deviations = counted(example.deviations().unwrap_or(0) as u64, "deviation");
                _ = writeln!(out, "schedule:  {} ({deviations})", path.display());
                out.extend(example.file.schedule.iter().map(text::schedule));
            }
            None => out.push_str("schedule:  none: its run does not follow from orderings alone\n"),
        }
        out
    }
}

/// The share of the search that is done: no part of the interleavings, as short runs weigh more.
fn share(outcome: &prove::Outcome) -> String {
    let share = outcome.share();
    format!("{}.{:03} % of random runs covered", share / 1000, share % 1000)
}

/// A number of which only the order matters if it is large.
fn number(n: f64) -> String {
    if n < 1e6 { format!("{n:.0}") } else { format!("{n:.1e}") }
}

fn so_far(outcome: &prove::Outcome) -> String {
    format!(
        "{}, {}, {}, {} so far",
        share(outcome),
        counted(outcome.executions, "execution"),
        counted(outcome.states, "state"),
        counted(outcome.found.len() as u64, "finding")
    )
}
