//! `kernel/…`: every bug is found by exhaustive search, and its fix proven free of findings.

use ksim::base::finding::Kind;
use ksim::run::prove::{Outcome, Search, Settings};
use ksim::run::{Params, Scenario};
use std::collections::BTreeSet;

/// Executions that a proof may take.
const LIMIT: u64 = 20_000;

/// Bugs whose state space is not finite: the scan goes round until the schedule lets the victim exit.
/// Random walks find the stall (see `verdicts.rs`); an exhaustive search watches for none.
const ENDLESS: [&str; 1] = ["kernel/memcg-oom-scan"];

fn search(scenario: &Scenario, mut enough: impl FnMut(&Outcome) -> bool) -> Outcome {
    let settings = Settings { limit: Some(LIMIT), ..Settings::default() };
    let mut search = Search::new(scenario, &Params::default(), settings);
    search.run(|outcome| !enough(outcome)).clone()
}

fn kinds(outcome: &Outcome) -> BTreeSet<Kind> {
    outcome.found.values().map(|f| f.finding.kind).collect()
}

/// The finite twins with this ending.
fn twins(ending: &str) -> Vec<Scenario> {
    let kernel = ksim_scenarios::all().into_iter().filter(|s| s.family() == "kernel");
    let finite = kernel.filter(|s| !ENDLESS.iter().any(|name| s.is_below(name)));
    finite.filter(|s| s.name.ends_with(ending)).collect()
}

#[test]
fn every_fix_is_proven() {
    let mut wrong = String::new();
    for fix in twins("/fix") {
        let outcome = search(&fix, |_| false);
        println!("{}: {} executions, complete: {}", fix.name, outcome.executions, outcome.complete);
        if !kinds(&outcome).is_empty() || !outcome.complete {
            wrong.push_str(&format!(
                "{}: complete: {}, {} executions, found {:?}\n",
                fix.name,
                outcome.complete,
                outcome.executions,
                kinds(&outcome)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_bug_is_found() {
    for bug in twins("/bug") {
        let expected: BTreeSet<Kind> = bug.expect.kinds().iter().copied().collect();
        let outcome = search(&bug, |outcome| kinds(outcome) == expected);
        assert_eq!(kinds(&outcome), expected, "{}", bug.name);
    }
}
