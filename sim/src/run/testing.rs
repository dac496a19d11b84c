//! Scenarios as tests: one call in a `#[test]` function.

use super::execute::Execution;
use super::hunt::{Found, Hunt, Hunted, Shard};
use super::params::Params;
use super::reduce;
use super::scenario::Scenario;
use crate::base::finding::{Kind, Signature};
use crate::choice::file::Origin;
use crate::choice::strategies;
use crate::report;
use std::ops::ControlFlow;

/// Runs of a check unless `KSIM_RUNS` says otherwise.
pub const RUNS: u64 = 10_000;

/// Hunts in a scenario and compares what is found with what it says it shows.
///
/// The seed and the number of runs can be set from the environment: `KSIM_SEED`, `KSIM_RUNS`.
///
/// ```
/// use ksim::run::Scenario;
///
/// let scenario = Scenario::new("counter/atomic", "two CPUs add to one word", |sim, _| {
///     sim.cpus(2);
///     let word = sim.atomic("word", 0);
///     for cpu in 0..2 {
///         sim.task(cpu, "adder", move |k| async move { k.atomic_inc(word).await });
///     }
///     sim.at_end(move |end| match end.get(word) {
///         2 => Ok(()),
///         n => Err(format!("one of two additions was lost: {n}")),
///     });
/// });
/// ksim::check(&scenario);
/// ```
///
/// # Panics
/// When something is found that the scenario does not expect, with the report, the race diagram
/// and how to repeat the run; when something that it expects is not found; and when an environment
/// variable is no number.
#[track_caller]
pub fn check(scenario: &Scenario) {
    check_with(scenario, &Params::defaults(&scenario.params));
}

/// As [`check`], with these parameters.
///
/// # Panics
/// As [`check`].
#[track_caller]
pub fn check_with(scenario: &Scenario, params: &Params) {
    let (seed, runs) = (from_environment("KSIM_SEED", 1), from_environment("KSIM_RUNS", RUNS));
    let strategy = strategies::DEFAULT;
    let hunt = Hunt { scenario, params, strategy, seed, shard: Shard::WHOLE, jobs: 1 };
    let hunted = hunt.run(0..runs, &|_: &Hunted| ControlFlow::Continue(()));
    if let Some(text) = failure(&hunt, &hunted) {
        panic!("{text}");
    }
}

/// Why the result of a hunt is not as the scenario expects, if it is not.
fn failure(hunt: &Hunt<'_>, hunted: &Hunted) -> Option<String> {
    let expected = hunt.scenario.expect.kinds();
    let unexpected = |(_, found): &(&Signature, &Found)| !expected.contains(&found.finding.kind);
    if let Some((signature, found)) = hunted.in_order().into_iter().find(unexpected) {
        return Some(story(hunt, signature, found));
    }
    let seen = |kind: &&Kind| hunted.found.values().any(|f| f.finding.kind == **kind);
    let missing = expected.iter().find(|kind| !seen(kind))?;
    let (name, runs, seed) = (&hunt.scenario.name, hunted.runs, hunt.seed);
    Some(format!(
        "{name} should show {missing}, but {runs} runs with seed {seed} did not; more runs: \
         KSIM_RUNS={}",
        runs * 10
    ))
}

/// The report of a finding, from its shortest schedule, and how to see it again.
fn story(hunt: &Hunt<'_>, signature: &Signature, found: &Found) -> String {
    let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
    let strategy = hunt.strategy.to_owned();
    let origin = Origin { strategy, seed: hunt.seed, index: found.index };
    let (reduced, trace) = reduce::from_seed(&mut execution, &origin, signature);
    let (finding, trace, holds) = match &reduced {
        Some(reduced) => (&reduced.finding, &reduced.trace, reduced.schedule.holds.as_slice()),
        None => (&found.finding, &trace, &[][..]),
    };
    let mut text = format!("{}: unexpected finding\n\n", hunt.scenario.name);
    text.push_str(&report::finding(finding, trace));
    text.push_str("\nschedule (deviations from running each context until it blocks):\n");
    for hold in holds {
        text.push_str(&format!("  {hold}\n"));
    }
    text.push_str(&format!(
        "repeat with: KSIM_SEED={} KSIM_RUNS={} cargo test\n",
        hunt.seed,
        found.first_index + 1
    ));
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is configured where it is run; the simulation itself sees values only"
)]
fn from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => match text.parse() {
            Ok(n) => n,
            Err(_) => panic!("{name}={text:?} is not a whole number"),
        },
        Err(_) => default,
    }
}
