//! The textbook programs have exactly the probabilities that were computed for them.

use ksim::base::finding::Kind;
use ksim::choice::RandomWalk;
use ksim::run::{Execution, Scenario, replay};

fn scenario(name: &str) -> Scenario {
    let all = ksim_scenarios::classic::all();
    all.into_iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no scenario {name}"))
}

/// How many of `runs` random walks find something fatal.
fn found(scenario: &Scenario, runs: u64) -> u64 {
    let mut execution = Execution::new(scenario);
    let mut walk = RandomWalk::default();
    let fatal = |i| {
        execution.run(&mut walk, 1, i);
        execution.sim().system().findings.iter().any(|f| f.kind.is_fatal())
    };
    (0..runs).map(fatal).filter(|&f| f).count() as u64
}

/// Failure probabilities of the random walk, computed by enumeration of each program's
/// interleavings (the operation sequences are those of the scenarios, step by step).
#[test]
fn the_random_walk_fails_as_often_as_computed() {
    let runs = 20_000;
    for (name, p) in [
        ("account", 1.0 / 3.0),
        ("bluetooth", 0.0820),
        ("deadlock01", 0.5),
        ("reorder-2-1", 0.0494),
        ("reorder-3-1", 0.0381),
        ("reorder-4-1", 0.0302),
        ("reorder-9-1", 0.0133),
        ("stack", 0.624),
        ("stringbuffer", 0.0625),
        ("twostage-1-1", 1.0 / 64.0),
        ("irq-counter-4", 1.0 / 64.0),
    ] {
        let seen = found(&scenario(&format!("classic/{name}/static")), runs) as f64;
        let n = runs as f64;
        let tolerance = 4.5 * (n * p * (1.0 - p)).sqrt();
        assert!((seen - n * p).abs() < tolerance, "{name}: {} instead of {p}", seen / n);
    }
}

/// The one program that no budget of a test is enough for shows its bug in a saved schedule.
#[test]
fn what_is_too_rare_for_a_search_is_replayed() {
    for name in ["classic/safestack/static", "classic/safestack/spawned"] {
        let scenario = scenario(name);
        let saved = replay::saved(&scenario).expect("the schedule is one of this scenario");
        let kinds: Vec<Kind> = saved.iter().map(|(finding, _)| finding.kind).collect();
        assert_eq!(kinds, scenario.expect.kinds(), "{name}");
    }
    let stranger = Scenario::new("a", "", |_, _| {}).shown_by(include_str!("common/mod.rs"));
    assert!(replay::saved(&stranger).is_err_and(|e| e.contains("cannot be read")));
    let other = scenario("classic/safestack/static");
    let other = Scenario::new("a", "", |_, _| {}).shown_by(other.shown_by[0]);
    let problem = replay::saved(&other).expect_err("it is of another one");
    assert_eq!(problem, "its saved schedule is one of classic/safestack/static");
}

/// What the random walk finds in a few runs is what the scenario says.
#[test]
fn no_program_shows_anything_else() {
    for scenario in ksim_scenarios::classic::all() {
        let mut execution = Execution::new(&scenario);
        let mut walk = RandomWalk::default();
        for i in 0..50 {
            execution.run(&mut walk, 1, i);
            for finding in &execution.sim().system().findings {
                let expected = scenario.expect.kinds().contains(&finding.kind);
                assert!(expected, "{}: {}", scenario.name, finding.headline);
            }
        }
    }
}
