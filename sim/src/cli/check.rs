//! `ksim check`.

use super::error::Error;
use super::progress::{self, Watch};
use super::style::{bad, counted, good, title};
use super::{Outcome, args, campaign, print, program, select, text};
use crate::base::finding::Kind;
use crate::choice::strategies;
use crate::run::{Execution, Hunt, Hunted, Scenario, Shard, repeat};
use std::fmt::Write;
use std::time::Instant;

/// Runs of a scenario that has shown everything expected, unless the budget is smaller: enough for
/// most of what is not expected to show too.
const FIRST_ROUND: u64 = 1024;

/// Seeds that the determinism check runs twice.
const TWICE: u64 = 3;

/// Holds each scenario against what it expects.
pub(super) fn check(all: &[Scenario], args: &args::Check) -> Result<Outcome, Error> {
    let start = Instant::now();
    select::strategy(&args.source.strategy)?;
    let scenarios = select::several(all, &args.scenarios)?;
    let params = select::params_of_several(&scenarios, &args.source.params)?;
    progress::catch_interrupts();

    let (mut wrong, mut outcome) = (0, Outcome::Clean);
    for (scenario, params) in scenarios.iter().zip(&params) {
        let hunt = Hunt {
            scenario,
            params,
            strategy: &args.source.strategy,
            seed: args.source.seed,
            shard: Shard::WHOLE,
            jobs: args.jobs.get(),
        };
        let hunted = search(&hunt, args.runs);
        if progress::interrupted() {
            outcome = Outcome::Unjudged;
            break;
        }
        let mut problems = problems(&hunt, &hunted);
        problems.extend(twice(&hunt));
        print(&line(&hunt, &hunted, &problems))?;
        wrong += u64::from(!problems.is_empty());
    }
    if wrong > 0 {
        outcome = Outcome::Found;
    }
    let total = counted(scenarios.len() as u64, "scenario");
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Outcome::Clean => print(&format!("{total} as expected\n"))?,
        Outcome::Found => print(&format!("{wrong} of {total} not as expected\n"))?,
        Outcome::Unjudged => print("interrupted\n")?,
    }
    anstream::eprintln!("{seconds:.1} s");
    Ok(outcome)
}

/// Runs until all expected kinds are found or the budget ends. The rounds are the same for every
/// number of jobs.
fn search(hunt: &Hunt<'_>, budget: u64) -> Hunted {
    let watch = Watch::new(&hunt.scenario.name, Some(budget), None, 0);
    let mut all = Hunted::default();
    let mut end = FIRST_ROUND.min(budget);
    loop {
        all = hunt.go_on(all.clone(), vec![all.runs..end], &watch);
        let expected = hunt.scenario.expect.kinds();
        let complete = !expected.is_empty() && expected.iter().all(|kind| shows(&all, *kind));
        if complete || end == budget || progress::interrupted() {
            watch.finish(0);
            return all;
        }
        end = end.saturating_mul(2).min(budget);
    }
}

fn shows(hunted: &Hunted, kind: Kind) -> bool {
    hunted.found.values().any(|found| found.finding.kind == kind)
}

/// What is not as the scenario expects.
fn problems(hunt: &Hunt<'_>, hunted: &Hunted) -> Vec<String> {
    let expected = hunt.scenario.expect.kinds();
    let missing = expected.iter().filter(|kind| !shows(hunted, **kind));
    let mut problems: Vec<String> = missing
        .map(|kind| format!("expected {kind}, which {} did not show", counted(hunted.runs, "run")))
        .collect();
    for (signature, found) in hunted.in_order() {
        if expected.contains(&found.finding.kind) {
            continue;
        }
        let example = campaign::example(hunt, signature, found);
        let mut problem = format!("not expected, in {} of {}:\n", found.count, hunted.runs);
        problem.push_str(&text::finding(&example.finding, &example.trace));
        example.file.schedule.iter().for_each(|s| problem.push_str(&text::schedule(s)));
        let Hunt { scenario, strategy, seed, .. } = hunt;
        _ = write!(
            problem,
            "{} run {}{} --strategy {strategy} --seed {seed} --index {}",
            program(),
            scenario.name,
            text::params(&example.file.params),
            found.index
        );
        problems.push(problem);
    }
    problems
}

/// The determinism check.
fn twice(hunt: &Hunt<'_>) -> Option<String> {
    let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
    let mut strategy = strategies::by_name(hunt.strategy)?;
    let mut differ = |index| repeat::check(&mut execution, &mut *strategy, hunt.seed, index).err();
    (0..TWICE).find_map(&mut differ).map(|difference| difference.to_string())
}

fn line(hunt: &Hunt<'_>, hunted: &Hunted, problems: &[String]) -> String {
    let name = &hunt.scenario.name;
    if problems.is_empty() {
        let runs = counted(hunted.runs, "run");
        return format!("{} {name}: {} ({runs})\n", good("ok"), hunt.scenario.expect);
    }
    let mut out = format!("{} {}\n", bad("not as expected"), title(name));
    for problem in problems {
        for line in problem.lines() {
            _ = writeln!(out, "    {line}");
        }
    }
    out
}
