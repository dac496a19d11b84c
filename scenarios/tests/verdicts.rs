//! Every scenario shows what it says it shows, and nothing else, under a random walk.

use ksim::base::finding::Kind;
use ksim::choice::RandomWalk;
use ksim::run::{Execution, Scenario};
use std::collections::BTreeMap;

/// Runs of one scenario end after so many, or after [`STEPS`].
const RUNS: u64 = 3000;
const STEPS: usize = 80_000;
/// Once everything expected is found, so many runs are enough to look for what is not.
const ENOUGH: u64 = 500;

/// Families in which some findings are rare.
const RARE: [&str; 2] = ["classic", "pte-free-defer"];

/// Which kinds a random walk finds, each with the first run that shows it and its headline.
fn walk(scenario: &Scenario) -> BTreeMap<Kind, (u64, String)> {
    let mut execution = Execution::new(scenario);
    let mut strategy = RandomWalk::default();
    let mut found = BTreeMap::new();
    let mut steps = 0;
    for index in 0..RUNS {
        execution.run(&mut strategy, 1, index);
        let system = execution.sim().system();
        for finding in &system.findings {
            found.entry(finding.kind).or_insert_with(|| (index, finding.headline.clone()));
        }
        steps += system.events.len();
        let all_found = found.len() >= scenario.expect.kinds().len();
        if steps > STEPS || (all_found && index >= ENOUGH && !found.is_empty()) {
            break;
        }
    }
    found
}

#[test]
fn every_scenario_shows_what_it_says() {
    let mut wrong = String::new();
    for scenario in ksim_scenarios::all() {
        let found = walk(&scenario);
        let expected = scenario.expect.kinds();
        let surprise = found.keys().any(|kind| !expected.contains(kind));
        // Chance alone finds some of these too rarely; they have tests of their own.
        let missed = !RARE.contains(&scenario.family()) && found.len() < expected.len();
        if surprise || missed {
            wrong.push_str(&format!(
                "{}: expected {}, found {found:?}\n",
                scenario.name, scenario.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_are_unique() {
    let all = ksim_scenarios::all();
    for pair in all.windows(2) {
        assert!(pair[0].name < pair[1].name, "two scenarios are called {}", pair[1].name);
    }
}

#[test]
fn every_bug_has_a_silent_twin() {
    let all = ksim_scenarios::all();
    for bug in all.iter().filter(|s| s.name.ends_with("/bug")) {
        let twin = bug.name.replace("/bug", "/fix");
        let fix = all.iter().find(|s| s.name == twin);
        let kinds = fix.map(|s| s.expect.kinds());
        assert_eq!(kinds, Some(&[] as &[Kind]), "{} needs a silent twin {twin}", bug.name);
        assert!(!bug.expect.kinds().is_empty(), "{} shows nothing", bug.name);
    }
}

#[test]
fn every_scenario_says_where_it_comes_from() {
    for scenario in ksim_scenarios::all().iter().filter(|s| s.family() != "classic") {
        assert!(!scenario.about.is_empty(), "{} says nothing", scenario.name);
        assert!(!scenario.source.is_empty(), "{} has no source", scenario.name);
    }
}
