//! `kernel/…`: every bug is found by exhaustive search, and its fix proven free of findings.

use ksim::base::finding::Kind;
use ksim::run::prove::{Outcome, Search, Settings};
use ksim::run::{Params, Scenario};
use std::collections::BTreeSet;

/// Executions that a proof may take.
const LIMIT: u64 = 20_000;

/// The fix whose state space is not finite. Its scan polls until the victim has exited, and a schedule
/// may hold the victim off for as many rounds as it likes: no stall, since somebody could act. All that a
/// program has been told is part of a state (its local variables cannot be seen), so each round is a new
/// one. Not so the bug: there nobody else can act, and the stall ends every run.
const ENDLESS: &str = "kernel/memcg-oom-scan/fix";

fn search(scenario: &Scenario, limit: u64, mut enough: impl FnMut(&Outcome) -> bool) -> Outcome {
    let settings = Settings { limit: Some(limit), ..Settings::default() };
    let mut search = Search::new(scenario, &Params::default(), settings);
    search.run(|outcome| !enough(outcome)).clone()
}

fn kinds(outcome: &Outcome) -> BTreeSet<Kind> {
    outcome.found.values().map(|f| f.finding.kind).collect()
}

/// The twins with this ending.
fn twins(ending: &str) -> Vec<Scenario> {
    let kernel = ksim_scenarios::all().into_iter().filter(|s| s.family() == "kernel");
    let twins: Vec<Scenario> = kernel.filter(|s| s.name.ends_with(ending)).collect();
    assert!(twins.len() > 25, "{} scenarios end with {ending}", twins.len());
    twins
}

#[test]
fn every_fix_is_proven() {
    let mut wrong = String::new();
    for fix in twins("/fix") {
        let endless = fix.name == ENDLESS;
        let outcome = search(&fix, if endless { LIMIT / 20 } else { LIMIT }, |_| false);
        let (found, complete) = (kinds(&outcome), outcome.complete);
        println!("{}: {} executions, complete: {complete}", fix.name, outcome.executions);
        if !found.is_empty() || complete == endless {
            wrong.push_str(&format!("{}: complete: {complete}, found {found:?}\n", fix.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_bug_is_found() {
    for bug in twins("/bug") {
        let expected: BTreeSet<Kind> = bug.expect.kinds().iter().copied().collect();
        let outcome = search(&bug, LIMIT, |outcome| kinds(outcome) == expected);
        assert_eq!(kinds(&outcome), expected, "{}", bug.name);
    }
}
