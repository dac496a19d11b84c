//! Scenarios as tests: one call in a `#[test]` function.
//!
//! What they may use, and where they leave what they find, is set from the environment:
//!
//! | variable | meaning | unless set |
//! |---|---|---|
//! | `KSIM_SEED` | seed of a hunt | 1 |
//! | `KSIM_RUNS` | runs of a hunt | [`RUNS`] |
//! | `KSIM_STRATEGY` | how a hunt draws schedules | [`strategies::DEFAULT`] |
//! | `KSIM_EXECUTIONS` | executions after which a proof gives up | [`EXECUTIONS`] |
//! | `KSIM_JOBS` | threads of a hunt or a proof; the result does not depend on it | 1 |
//! | `KSIM_OUT` | folder where the schedule of what makes a test fail is saved | nowhere |

use crate::base::finding::{Finding, Kind};
use crate::choice::strategies;
use crate::run::prove::{Search, Settings};
use crate::run::replay;
use crate::run::{Example, Hunt, Hunted, Params, Scenario, Shard};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Runs of a hunt unless `KSIM_RUNS` says otherwise.
pub const RUNS: u64 = 10_000;

/// Executions of a proof unless `KSIM_EXECUTIONS` says otherwise.
pub const EXECUTIONS: u64 = 1_000_000;

/// Hunts in a scenario and compares what is found with what it says it shows. The environment sets
/// seed and budget ([`testing`](self)).
///
/// ```
/// use ksim::prelude::*;
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
/// variable makes no sense.
#[track_caller]
pub fn check(scenario: &Scenario) {
    let params = Params::defaults(&scenario.params);
    let strategy = strategy();
    let hunt = hunt_in(scenario, &params, &strategy);
    let hunted = run(&hunt);
    let expected = scenario.expect.kinds();
    let mut found = hunted.in_order().into_iter();
    if let Some((signature, found)) = found.find(|(_, f)| !expected.contains(&f.finding.kind)) {
        let example = Example::of_hunt(&hunt, signature, found);
        let Hunt { seed, strategy, .. } = hunt;
        let settings = format!("KSIM_SEED={seed} KSIM_RUNS={}", found.first_index + 1);
        let seed = format!(
            "run {}{} --strategy {strategy} --seed {seed} --index {}",
            scenario.name,
            options(&example),
            found.index
        );
        panic!("{}", failure(scenario, &example, &settings, &seed));
    }
    let saved = replay::saved(scenario);
    let saved = saved.unwrap_or_else(|problem| panic!("{}: {problem}", scenario.name));
    let kinds = hunted.found.values().map(|found| found.finding.kind);
    if let Some(missing) =
        missing(expected, kinds.chain(saved.iter().map(|(finding, _)| finding.kind)))
    {
        let Hunted { runs, .. } = hunted;
        panic!(
            "{} should show {missing}, but {runs} runs with seed {} did not; more runs: \
             KSIM_RUNS={}",
            scenario.name,
            hunt.seed,
            runs * 10
        );
    }
}

/// Hunts in a scenario and returns the shortest example of each finding, the earliest first,
/// whatever the scenario expects. For tests that look at a finding or keep its report as a golden
/// file.
///
/// ```
/// use ksim::prelude::*;
///
/// let scenario = Scenario::new("lock/left", "a task ends with a lock held", |sim, _| {
///     let lock = sim.spin_lock("lock");
///     sim.task(0, "forgetful", move |k| async move { k.spin_lock(lock).await });
/// });
/// let found = ksim::hunt(&scenario);
/// assert_eq!(found[0].finding.kind, Kind::InconsistentLockState);
/// assert!(found[0].report().contains("spin_lock(lock)"));
/// ```
///
/// # Panics
/// When an environment variable makes no sense.
#[track_caller]
pub fn hunt(scenario: &Scenario) -> Vec<Example> {
    let params = Params::defaults(&scenario.params);
    let strategy = strategy();
    let hunt = hunt_in(scenario, &params, &strategy);
    let hunted = run(&hunt);
    let examples = hunted.in_order().into_iter();
    examples.map(|(signature, found)| Example::of_hunt(&hunt, signature, found)).collect()
}

/// Explores every schedule of a scenario and compares what is found with what it says it shows: if
/// that is nothing, no schedule shows anything.
///
/// ```
/// use ksim::prelude::*;
///
/// let scenario = Scenario::new("counter/locked", "two CPUs add under a lock", |sim, _| {
///     sim.cpus(2);
///     let (lock, word) = (sim.spin_lock("lock"), sim.word("word", 0u64));
///     for cpu in 0..2 {
///         sim.task(cpu, "adder", move |k| async move {
///             k.spin_lock(lock).await;
///             let n = k.read(word).await;
///             k.write(word, n + 1).await;
///             k.spin_unlock(lock).await;
///         });
///     }
///     sim.at_end(move |end| if end.get(word) == 2 { Ok(()) } else { Err("lost".into()) });
/// });
/// ksim::prove(&scenario);
/// ```
///
/// # Panics
/// As [`check`], and when the budget ends before every schedule was covered.
#[track_caller]
pub fn prove(scenario: &Scenario) {
    let params = Params::defaults(&scenario.params);
    let limit = number("KSIM_EXECUTIONS", EXECUTIONS);
    let jobs = number("KSIM_JOBS", 1) as usize;
    let settings = Settings { limit: Some(limit), jobs, ..Settings::default() };
    let mut search = Search::new(scenario, &params, settings);
    let outcome = search.run(|_| true).clone();
    let expected = scenario.expect.kinds();
    let unexpected = |f: &&crate::run::prove::Found| !expected.contains(&f.finding.kind);
    if let Some((signature, found)) = outcome.found.iter().find(|(_, f)| unexpected(f)) {
        match Example::of_proof(scenario, &params, &search, signature, found) {
            Some(example) => {
                let settings = format!("KSIM_EXECUTIONS={limit}");
                let again = format!("prove {}{}", scenario.name, options(&example));
                panic!("{}", failure(scenario, &example, &settings, &again));
            }
            None => panic!("{}: unexpected finding\n\n{}", scenario.name, lines(&found.finding)),
        }
    }
    if !outcome.complete {
        let (share, executions) = (outcome.share(), outcome.executions);
        panic!(
            "{}: not proved: {executions} executions cover about {}.{:03} % of its schedules{}; \
             more: KSIM_EXECUTIONS={}",
            scenario.name,
            share / 1000,
            share % 1000,
            if outcome.cut > 0 { ", and some were cut at the limit of steps" } else { "" },
            limit.saturating_mul(10)
        );
    }
    if let Some(missing) = missing(expected, outcome.found.values().map(|f| f.finding.kind)) {
        panic!("{} should show {missing}, but no schedule does", scenario.name);
    }
}

fn hunt_in<'a>(scenario: &'a Scenario, params: &'a Params, strategy: &'a str) -> Hunt<'a> {
    let jobs = u32::try_from(number("KSIM_JOBS", 1)).unwrap_or(u32::MAX);
    Hunt { scenario, params, strategy, seed: number("KSIM_SEED", 1), shard: Shard::WHOLE, jobs }
}

fn run(hunt: &Hunt<'_>) -> Hunted {
    hunt.run(0..number("KSIM_RUNS", RUNS), &|_: &Hunted| ControlFlow::Continue(()))
}

/// The first kind that should be there and is not.
fn missing(expected: &[Kind], seen: impl Iterator<Item = Kind>) -> Option<Kind> {
    let seen: Vec<Kind> = seen.collect();
    expected.iter().copied().find(|kind| !seen.contains(kind))
}

/// What a failing test says of a finding.
fn failure(scenario: &Scenario, example: &Example, settings: &str, again: &str) -> String {
    let mut text = format!("{}: unexpected finding\n\n{}", scenario.name, example.report());
    // The harness calls the thread of a test by the name of the test.
    let thread = std::thread::current();
    let test = thread.name().map_or_else(String::new, |name| format!(" {name}"));
    text.push_str(&format!(
        "\nrepeat: {settings} cargo test{test}\n   or:   cargo run -- {again}\n"
    ));
    text.push_str(&match save(example) {
        None => "replay: KSIM_OUT=DIR keeps the schedule there, for `cargo run -- replay`\n".into(),
        Some(Ok(path)) => format!("replay: cargo run -- replay {}\n", path.display()),
        Some(Err(error)) => format!("replay: the schedule could not be saved: {error}\n"),
    });
    text
}

/// The parameters as options of the command line.
fn options(example: &Example) -> String {
    let params = example.file.params.iter();
    params.map(|(name, value)| format!(" --param {name}={value}")).collect()
}

/// What there is to say of a finding without a schedule.
fn lines(finding: &Finding) -> String {
    let notes = finding.notes.iter().map(|note| format!("{note}\n"));
    format!("{}\n", finding.headline) + &notes.collect::<String>()
}

/// Saves a schedule where `KSIM_OUT` says, if it does.
fn save(example: &Example) -> Option<std::io::Result<PathBuf>> {
    let dir = PathBuf::from(variable("KSIM_OUT")?);
    let write = || {
        std::fs::create_dir_all(&dir)?;
        let path = std::path::absolute(dir.join(example.file.file_name()))?;
        std::fs::write(&path, format!("# {}\n{}", example.finding.headline, example.file))?;
        Ok(path)
    };
    Some(write())
}

fn strategy() -> String {
    let name = variable("KSIM_STRATEGY").unwrap_or_else(|| strategies::DEFAULT.to_owned());
    assert!(strategies::by_name(&name).is_some(), "KSIM_STRATEGY={name:?} is no strategy");
    name
}

fn number(name: &str, default: u64) -> u64 {
    let Some(text) = variable(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a whole number"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is configured where it is run; the simulation itself sees values only"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
