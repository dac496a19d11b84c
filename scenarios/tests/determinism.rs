//! A run is a pure function of scenario, strategy, seed and index: not of what ran before it, nor of
//! how the simulator was compiled. That the number of jobs does not matter either, `cli.rs` shows.

use ksim::base::hash::StableHash;
use ksim::choice::strategies;
use ksim::choice::{RandomWalk, Strategy};
use ksim::run::{Execution, Scenario};

/// A hash of the whole trace, names and findings included.
fn fingerprint(execution: &mut Execution<'_>, strategy: &mut dyn Strategy, index: u64) -> u64 {
    execution.run(strategy, 7, index);
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

/// The same runs forwards, backwards, and the last one alone.
fn in_any_order(scenario: &Scenario, strategy: &dyn Fn() -> Box<dyn Strategy + Send>, what: &str) {
    const RUNS: u64 = 6;
    let hashes = |order: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
        let (mut execution, mut strategy) = (Execution::new(scenario), strategy());
        order.map(|i| fingerprint(&mut execution, &mut *strategy, i)).collect()
    };
    let forwards = hashes(&mut (0..RUNS));
    let mut backwards = hashes(&mut (0..RUNS).rev());
    backwards.reverse();
    let name = &scenario.name;
    assert_eq!(forwards, backwards, "{name} depends on the order of runs ({what})");
    let alone = hashes(&mut (RUNS - 1..RUNS));
    assert_eq!(forwards[5..], alone, "{name} depends on earlier runs ({what})");
}

#[test]
fn runs_do_not_depend_on_what_ran_before() {
    let all = ksim_scenarios::all();
    let short: Vec<&Scenario> = all.iter().filter(|s| short(s)).collect();
    assert!(short.len() > 500, "{} scenarios are short", short.len());
    for scenario in short {
        in_any_order(scenario, &|| Box::new(RandomWalk::default()), "random");
    }
}

/// Some of everything, small enough for every strategy.
const COVERED: [&str; 10] = [
    "services/spinlock/fix",
    "services/softirq-lock/bug",
    "services/rcu-free-offloaded/fix",
    "services/timer",
    "services/work-cancel",
    "services/alloc-failure/bug",
    "services/typesafe-recheck/bug",
    "pte-free-defer/half-bits/callback-exit",
    "pte-free-defer/half-bits/flush-callback",
    "pte-free-defer/page-active/defer-defer-alloc",
];

fn covered() -> Vec<Scenario> {
    let all = ksim_scenarios::all().into_iter();
    let covered: Vec<Scenario> = all.filter(|s| COVERED.contains(&s.name.as_str())).collect();
    assert_eq!(covered.len(), COVERED.len(), "a scenario has another name now");
    covered
}

#[test]
fn no_strategy_carries_anything_from_run_to_run() {
    for scenario in covered() {
        for (name, _) in strategies::NAMES {
            in_any_order(&scenario, &|| strategies::by_name(name).expect("it has a name"), name);
        }
    }
}

/// The hash of some runs, the same in every build: CI runs this test in debug and in release.
/// It changes whenever the meaning of a run changes; then put the new value here.
const GOLDEN: u64 = 0x73a7_a693_86a2_c1f7;

#[test]
fn debug_and_release_agree() {
    let mut hash = StableHash::new();
    for scenario in covered() {
        for name in ["random", strategies::DEFAULT] {
            let mut execution = Execution::new(&scenario);
            let mut strategy = strategies::by_name(name).expect("it has a name");
            for index in 0..20 {
                hash.num(fingerprint(&mut execution, &mut *strategy, index));
            }
        }
    }
    assert_eq!(hash.finish(), GOLDEN, "the new value is {:#x}", hash.finish());
}
