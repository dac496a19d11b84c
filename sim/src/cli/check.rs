//! `ksim check`.

use super::args::Form;
use super::error::Error;
use super::forms::{Case, Forms, Problem};
use super::progress::{self, Watch};
use super::style::{bad, counted, good, title};
use super::{Outcome, args, print, print_results, program, select, text};
use crate::base::finding::Kind;
use crate::choice::strategies;
use crate::run::{Example, Execution, Hunt, Hunted, Scenario, Shard, repeat, replay};
use serde_json::{Value, json};
use std::time::Instant;

/// Runs of a scenario that has shown everything expected, unless the budget is smaller: enough for
/// most of what is not expected to show too.
const ENOUGH: u64 = 1024;

/// Runs of the first round; each later one doubles them. The rounds are the same for every number of
/// jobs.
const FIRST_ROUND: u64 = 64;

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
    let mut results = Vec::new();
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
        let (hunted, problems) = judge(&hunt, args);
        if progress::interrupted() {
            outcome = Outcome::Unjudged;
            break;
        }
        wrong += u64::from(!problems.is_empty());
        if args.json {
            results.push(json(&hunt, &hunted, &problems));
            continue;
        }
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
    if args.json {
        print_results(&results, seconds)?;
        return Ok(outcome);
    }
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

/// Searches, and says what is not as the scenario expects.
fn judge(hunt: &Hunt<'_>, args: &args::Check) -> (Hunted, Vec<Problem>) {
    let saved = replay::saved(hunt.scenario);
    let kinds = saved.iter().flatten().map(|(finding, _)| finding.kind).collect::<Vec<_>>();
    let missing = |hunted: &Hunted| -> Vec<Kind> {
        let shown = |kind| kinds.contains(kind) || shows(hunted, *kind);
        hunt.scenario.expect.kinds().iter().filter(|kind| !shown(kind)).copied().collect()
    };
    let hunted = search(hunt, args, |hunted| missing(hunted).is_empty());
    let not_shown = missing(&hunted).into_iter().map(|kind| {
        let runs = counted(hunted.runs, "run");
        Problem::of("missing", format!("expected {kind}, which {runs} did not show"))
    });
    let mut problems: Vec<Problem> = not_shown.collect();
    problems.extend(saved.err().map(|problem| Problem::of("missing", problem)));
    problems.extend(surprises(hunt, &hunted));
    problems.extend(twice(hunt));
    (hunted, problems)
}

/// Runs until all expected kinds are found and as many runs were made as are enough, or until a
/// budget ends.
fn search(hunt: &Hunt<'_>, args: &args::Check, complete: impl Fn(&Hunted) -> bool) -> Hunted {
    let args::Check { runs, steps, .. } = *args;
    let expects = !hunt.scenario.expect.kinds().is_empty();
    let watch = Watch::new(&hunt.scenario.name, Some(runs), None, 0);
    let mut all = Hunted::default();
    let mut end = FIRST_ROUND.min(runs);
    loop {
        let todo = all.runs..end;
        all = hunt.go_on(all, vec![todo], &watch);
        let spent = end == runs || all.steps >= steps || progress::interrupted();
        if spent || (expects && end >= ENOUGH && complete(&all)) {
            watch.finish(0);
            return all;
        }
        // As many more as the rest of the steps should be enough for.
        let affordable = (steps - all.steps) / (all.steps / end).max(1) + 1;
        end = (end * 2).min(end.saturating_add(affordable)).min(runs);
    }
}

fn shows(hunted: &Hunted, kind: Kind) -> bool {
    hunted.found.values().any(|found| found.finding.kind == kind)
}

/// What is found and not expected.
fn surprises(hunt: &Hunt<'_>, hunted: &Hunted) -> Vec<Problem> {
    let expected = hunt.scenario.expect.kinds();
    let mut problems = Vec::new();
    for (signature, found) in hunted.in_order() {
        if expected.contains(&found.finding.kind) {
            continue;
        }
        let example = Example::of_hunt(hunt, signature, found);
        let Hunt { scenario, strategy, seed, .. } = hunt;
        let text = format!(
            "not expected, in {} of {}:\n{}{}{} run {}{} --strategy {strategy} --seed {seed} --index {}\n",
            found.count,
            hunted.runs,
            crate::report::finding(&example.finding, &example.trace),
            example.file.schedule.iter().map(text::plain_schedule).collect::<String>(),
            program(),
            scenario.name,
            text::params(&hunt.params.listed()),
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

fn json(hunt: &Hunt<'_>, hunted: &Hunted, problems: &[Problem]) -> Value {
    json!({
        "scenario": hunt.scenario.name,
        "expect": hunt.scenario.expect.kinds().iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "as_expected": problems.is_empty(),
        "strategy": hunt.strategy,
        "seed": hunt.seed,
        "runs": hunted.runs,
        "steps": hunted.steps,
        "problems": problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>(),
    })
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
