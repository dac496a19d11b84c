//! A run is a pure function of scenario, strategy, seed and index: not of what ran before it, nor of
//! how the simulator was compiled.

use ksim::base::hash::StableHash;
use ksim::choice::RandomWalk;
use ksim::run::{Execution, Scenario};

/// A hash of the whole trace, names and findings included.
fn fingerprint(execution: &mut Execution<'_>, index: u64) -> u64 {
    execution.run(&mut RandomWalk::default(), 7, index);
    let mut hash = StableHash::new();
    hash.num(execution.sim().trace().hash());
    for finding in &execution.sim().system().findings {
        hash.text(&finding.headline).text(&finding.signature().0);
    }
    hash.finish()
}

fn short(scenario: &Scenario) -> bool {
    scenario.family() != "classic"
}

#[test]
fn runs_do_not_depend_on_what_ran_before() {
    for scenario in ksim_scenarios::all().iter().filter(|s| short(s)) {
        let mut forward = Execution::new(scenario);
        let one: Vec<u64> = (0..6).map(|i| fingerprint(&mut forward, i)).collect();
        let mut backward = Execution::new(scenario);
        let mut other: Vec<u64> = (0..6).rev().map(|i| fingerprint(&mut backward, i)).collect();
        other.reverse();
        assert_eq!(one, other, "{} depends on the order of runs", scenario.name);
        let alone = fingerprint(&mut Execution::new(scenario), 5);
        assert_eq!(one[5], alone, "{} depends on earlier runs", scenario.name);
    }
}

/// The hash of some runs, the same in every build: CI runs the tests in debug and in release.
/// It changes whenever the meaning of a run changes; then put the new value here.
const GOLDEN: u64 = 0x355f_31ef_eb42_27c8;

#[test]
fn debug_and_release_agree() {
    let covered = [
        "services/spinlock/fix",
        "services/softirq-lock/bug",
        "services/rcu-free-offloaded/fix",
        "services/timer",
        "services/work-cancel",
        "services/alloc-failure/bug",
        "services/typesafe-recheck/bug",
    ];
    let mut hash = StableHash::new();
    for scenario in ksim_scenarios::all().iter().filter(|s| covered.contains(&s.name.as_str())) {
        let mut execution = Execution::new(scenario);
        (0..20).for_each(|index| _ = hash.num(fingerprint(&mut execution, index)));
    }
    assert_eq!(hash.finish(), GOLDEN, "the new value is {:#x}", hash.finish());
}
