//! How few schedules the default strategy needs for the textbook programs.

use ksim::choice::strategies;
use ksim::run::{Bench, Scenario, Trials};
use std::ops::ControlFlow;

/// Programs that are left out: one that needs five preemptions, found by one sampler of the
/// literature after 370,000 schedules, and by no other.
const OUT_OF_REACH: &str = "classic/safestack";

fn measure(scenarios: &[&Scenario], seeds: u64, limit: u32) -> Vec<Trials> {
    let strategies = &[strategies::DEFAULT];
    let bench = Bench { scenarios, strategies, seeds: 1..1 + seeds, limit, jobs: 2 };
    bench.run(&|_| ControlFlow::Continue(())).into_iter().flatten().collect()
}

/// The mean over 100 seeds is in docs/samplers.md; fewer are enough to notice that it is lost.
#[test]
fn the_default_strategy_finds_every_textbook_bug_in_ten_schedules() {
    let all = ksim_scenarios::classic::all();
    let fails = |s: &&Scenario| !s.expect.kinds().is_empty() && !s.is_below(OUT_OF_REACH);
    let programs: Vec<&Scenario> = all.iter().filter(fails).collect();
    assert!(programs.len() > 80);
    let slow: Vec<String> = measure(&programs, 30, 100)
        .iter()
        .zip(&programs)
        .filter(|(trials, _)| trials.mean() > 10.0)
        .map(|(trials, program)| format!("{}: {}", program.name, trials.mean()))
        .collect();
    assert!(slow.is_empty(), "{slow:?}");
}

/// Of 160 operations 151 are private, so that they decide nothing.
#[test]
fn three_ordered_preemptions_are_found_in_a_few_hundred_schedules() {
    let all = ksim_scenarios::classic::all();
    let deep = |s: &&Scenario| s.is_below("classic/deep") || s.is_below("classic/deepskew");
    let programs: Vec<&Scenario> = all.iter().filter(deep).collect();
    assert_eq!(programs.len(), 2);
    for trials in measure(&programs, 200, 401) {
        assert!(trials.median().is_some_and(|median| median <= 400), "{trials:?}");
    }
}

/// The figures do not depend on how many threads make them.
#[test]
fn jobs_do_not_change_the_figures() {
    let all = ksim_scenarios::classic::all();
    let programs: Vec<&Scenario> = all.iter().filter(|s| s.is_below("classic/account")).collect();
    let run = |jobs| {
        let strategies = &["surw", "random", strategies::DEFAULT];
        let bench = Bench { scenarios: &programs, strategies, seeds: 1..9, limit: 50, jobs };
        bench.run(&|_| ControlFlow::Continue(()))
    };
    let one = run(1);
    assert_eq!((one.len(), one[0].len(), one[0][0].len()), (2, 3, 8));
    assert_eq!(one, run(3));
}
