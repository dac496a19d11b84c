//! `ksim check`.

use super::args::Form;
use super::error::Error;
use super::forms::{Case, Forms, Problem};
use super::progress::{self, Watch};
use super::style::{bad, counted, good, title};
use super::{Outcome, args, campaign, print, program, select, text};
use crate::base::finding::Kind;
use crate::choice::strategies;
use crate::run::{Execution, Hunt, Hunted, Scenario, Shard, repeat};
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

    let names = scenarios.iter().map(|s| s.name.clone()).collect();
    let mut forms = Forms::new(args.format, names)?;
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
        let begin = Instant::now();
        let hunted = search(&hunt, args.runs);
        if progress::interrupted() {
            outcome = Outcome::Unjudged;
            break;
        }
        let mut problems = problems(&hunt, &hunted);
        problems.extend(twice(&hunt));
        wrong += u64::from(!problems.is_empty());
        let name = scenario.name.clone();
        let note = format!("{} ({})", scenario.expect, counted(hunted.runs, "run"));
        forms.add(Case { name, note, problems, time: begin.elapsed() }, line)?;
    }
    forms.finish()?;
    if wrong > 0 {
        outcome = Outcome::Found;
    }
    let total = counted(scenarios.len() as u64, "scenario");
    let seconds = start.elapsed().as_secs_f64();
    let summary = match outcome {
        Outcome::Clean => format!("{total} as expected\n"),
        Outcome::Found => format!("{wrong} of {total} not as expected\n"),
        Outcome::Unjudged => "interrupted\n".to_owned(),
    };
    if matches!(args.format, Form::Text | Form::Github) {
        print(&summary)?;
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
fn problems(hunt: &Hunt<'_>, hunted: &Hunted) -> Vec<Problem> {
    let expected = hunt.scenario.expect.kinds();
    let missing = expected.iter().filter(|kind| !shows(hunted, **kind));
    let mut problems: Vec<Problem> = missing
        .map(|kind| {
            let runs = counted(hunted.runs, "run");
            let title = format!("expected {kind}, which {runs} did not show");
            Problem { kind: "missing", text: title.clone(), title, place: None }
        })
        .collect();
    for (signature, found) in hunted.in_order() {
        if expected.contains(&found.finding.kind) {
            continue;
        }
        let example = campaign::example(hunt, signature, found);
        let Hunt { scenario, strategy, seed, .. } = hunt;
        let text = format!(
            "not expected, in {} of {}:\n{}{}{} run {}{} --strategy {strategy} --seed {seed} --index {}\n",
            found.count,
            hunted.runs,
            crate::report::finding(&example.finding, &example.trace),
            example.file.schedule.iter().map(text::plain_schedule).collect::<String>(),
            program(),
            scenario.name,
            text::params(&example.file.params),
            found.index
        );
        let (kind, title) = (found.finding.kind.name(), example.finding.headline);
        problems.push(Problem { kind, title, text, place: example.place });
    }
    problems
}

/// The determinism check.
fn twice(hunt: &Hunt<'_>) -> Option<Problem> {
    let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
    let mut strategy = strategies::by_name(hunt.strategy)?;
    let mut differ = |index| repeat::check(&mut execution, &mut *strategy, hunt.seed, index).err();
    let difference = (0..TWICE).find_map(&mut differ)?;
    let title = format!("two runs of one seed differ from step {} on", difference.step);
    Some(Problem { kind: "not-deterministic", title, text: difference.to_string(), place: None })
}

/// A case for people.
fn line(case: &Case) -> String {
    if case.problems.is_empty() {
        return format!("{} {}: {}\n", good("ok"), case.name, case.note);
    }
    let mut out = format!("{} {}\n", bad("not as expected"), title(&case.name));
    for problem in &case.problems {
        let text = problem.text.replacen(&problem.title, &bad(&problem.title), 1);
        out.extend(text.lines().map(|line| format!("    {line}\n")));
    }
    out
}
