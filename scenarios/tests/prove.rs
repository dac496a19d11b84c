//! Exhaustive search of the scenarios: what is proven, and that the reductions lose nothing.

use ksim::choice::RandomWalk;
use ksim::run::prove::{Outcome, Search, Settings};
use ksim::run::{Execution, Params, Scenario};
use std::collections::BTreeSet;

/// Without the two that are more than an operation or two on each CPU.
fn below(prefix: &str) -> impl Iterator<Item = Scenario> {
    let large = |s: &Scenario| s.name.ends_with("/row") || s.name.ends_with("/stress");
    let prefix = prefix.to_owned();
    ksim_scenarios::all().into_iter().filter(move |s| s.is_below(&prefix) && !large(s))
}

fn search(scenario: &Scenario, settings: Settings) -> Outcome {
    let params = Params::defaults(&scenario.params);
    Search::new(scenario, &params, settings).run(|_| true).clone()
}

fn signatures(outcome: &Outcome) -> BTreeSet<String> {
    outcome.found.keys().map(|s| s.0.clone()).collect()
}

#[test]
fn nothing_is_wrong_with_the_kernel_before_and_after_the_thread() {
    for design in ["two-step-free", "page-active"] {
        for scenario in below(&format!("pte-free-defer/{design}")) {
            let outcome = search(&scenario, Settings::default());
            assert!(outcome.complete, "{}", scenario.name);
            assert!(outcome.found.is_empty(), "{}: {:?}", scenario.name, outcome.found.keys());
        }
    }
}

#[test]
fn half_bits_shows_all_that_random_walks_find() {
    for scenario in below("pte-free-defer/half-bits") {
        let outcome = search(&scenario, Settings::default());
        assert!(outcome.complete, "{}", scenario.name);
        let proven = signatures(&outcome);
        let mut execution = Execution::new(&scenario);
        for index in 0..300 {
            execution.run(&mut RandomWalk::default(), 1, index);
            for finding in &execution.sim().system().findings {
                let signature = finding.signature().0;
                assert!(proven.contains(&signature), "{}: {signature}", scenario.name);
            }
        }
    }
}

/// Every scenario that is small enough, with all that a kernel has: states alone, states with sleep
/// sets, and classes of runs, all end in the same states and find the same.
#[test]
fn reductions_lose_nothing() {
    let states = Settings { reduce: false, limit: Some(1000), ..Settings::default() };
    let sleep = Settings { limit: Some(1000), ..Settings::default() };
    // A run of this search is a whole one, and its races are looked for.
    let classes = Settings { merge: false, limit: Some(200), ..Settings::default() };
    let mut compared = [0, 0];
    for scenario in ksim_scenarios::all() {
        let whole = search(&scenario, states);
        if !whole.complete {
            continue;
        }
        for (i, (name, settings)) in
            [("states", sleep), ("classes", classes)].into_iter().enumerate()
        {
            let reduced = search(&scenario, settings);
            if !reduced.complete {
                continue;
            }
            compared[i] += 1;
            assert_eq!(signatures(&whole), signatures(&reduced), "{}, {name}", scenario.name);
            let sorted = |o: &Outcome| o.finals.iter().copied().collect::<BTreeSet<u128>>();
            assert_eq!(sorted(&whole), sorted(&reduced), "{}, {name}", scenario.name);
        }
    }
    assert!(compared.iter().all(|n| *n > 50), "{compared:?} scenarios");
}

/// The table of docs/exhaustive.md, as far as it takes no time: executions and states, with and
/// without reduction.
#[test]
fn the_figures_in_the_docs_are_true() {
    let docs = include_str!("../../docs/exhaustive.md");
    let number = |cell: &str| cell.replace(',', "").parse::<u64>().ok();
    let mut checked = 0;
    for line in docs.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let figures = [2, 3, 5, 6].map(|at| cells.get(at).copied().and_then(number));
        let [Some(with), Some(states), Some(without), Some(all)] = figures else { continue };
        if without > 20_000 {
            continue;
        }
        let name = format!("pte-free-defer/{}", cells[1]);
        let scenario = below(&name).next().unwrap_or_else(|| panic!("no scenario {name}"));
        let found = [true, false].map(|reduce| {
            let outcome = search(&scenario, Settings { reduce, ..Settings::default() });
            (outcome.executions, outcome.states)
        });
        assert_eq!(found, [(with, states), (without, all)], "{name}");
        checked += 1;
    }
    assert!(checked >= 8, "{checked} rows");
}
