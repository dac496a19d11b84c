//! The outcomes of every litmus shape, computed exhaustively: exactly those that it states.

use ksim::run::Params;
use ksim::run::prove::{Search, Settings};
use ksim_scenarios::litmus::{Shape, shapes};
use std::collections::BTreeSet;

/// Executions; the largest shape needs far fewer.
const LIMIT: u64 = 100_000;

/// Every outcome that some schedule leads to.
fn outcomes(shape: &Shape, allowed: bool) -> BTreeSet<String> {
    let scenario = shape.telling(allowed);
    let settings = Settings { limit: Some(LIMIT), ..Settings::default() };
    let mut search = Search::new(&scenario, &Params::default(), settings);
    let outcome = search.run(|_| true);
    assert!(outcome.complete, "{}: {} executions did not suffice", scenario.name, LIMIT);
    println!("{}: {} executions, {} states", scenario.name, outcome.executions, outcome.states);
    let all = outcome.found.values().map(|found| {
        let text = &found.finding.headline;
        text.rsplit_once("the outcome is ").unwrap_or_else(|| panic!("{text}")).1.to_owned()
    });
    all.collect()
}

#[test]
fn every_shape_has_exactly_the_outcomes_that_it_states() {
    let mut wrong = String::new();
    for shape in shapes() {
        for (allowed, stated) in [false, true].into_iter().zip(shape.outcomes) {
            let found = outcomes(&shape, allowed);
            let stated: BTreeSet<String> = stated.iter().map(|s| (*s).to_owned()).collect();
            if found != stated {
                wrong.push_str(&format!(
                    "{}, allowed: {allowed}: stated {stated:?}, found {found:?}\n",
                    shape.name
                ));
            }
        }
        let [strict, loose] = shape.outcomes;
        assert!(loose.iter().any(|o| !strict.contains(o)), "{} forbids nothing", shape.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
