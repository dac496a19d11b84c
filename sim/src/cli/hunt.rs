//! `ksim hunt`.

use super::error::Error;
use super::forms::{Case, Forms, Problem};
use super::progress::{self, Watch};
use super::resume::{Log, Logged};
use super::style::{bad, counted, title};
use super::told::Told;
use super::{Outcome, args, print, print_results, program, save, select, text};
use crate::base::finding::Signature;
use crate::run::{Example, Found, Hunt, Hunted, Scenario};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Hunts in each scenario, prints and saves what it finds.
pub(super) fn hunt(all: &[Scenario], args: &args::Hunt) -> Result<Outcome, Error> {
    let start = Instant::now();
    select::strategy(&args.source.strategy)?;
    let scenarios = select::several(all, &args.scenarios)?;
    let params = select::params_of_several(&scenarios, &args.source.params)?;
    save::prepare(&args.out)?;
    progress::catch_interrupts();

    let names = scenarios.iter().map(|s| s.name.clone()).collect();
    let mut forms = Forms::new(args.format, names)?;
    let (mut results, mut told) = (Vec::new(), Told::default());
    let mut outcome = Outcome::Clean;
    let (mut unsaved, mut begun, mut made) = (None, 0, None);
    for (i, (scenario, params)) in scenarios.iter().zip(&params).enumerate() {
        let hunt = Hunt {
            scenario,
            params,
            strategy: &args.source.strategy,
            seed: args.source.seed,
            shard: args.shard,
            jobs: args.jobs.get(),
        };
        let until = args.time.map(|time| {
            let left = (start + time).saturating_duration_since(Instant::now());
            Instant::now() + left / (scenarios.len() - i) as u32
        });
        begun += 1;
        let begin = Instant::now();
        let result = match Report::new(hunt, args, until) {
            Ok(result) => result,
            Err(error) => {
                unsaved = unsaved.or(Some(error));
                break;
            }
        };
        if !result.hunted.found.is_empty() {
            outcome = Outcome::Found;
        }
        // Cut off without a finding, it has shown nothing: to tests that is an error.
        let cut = progress::interrupted() && result.hunted.found.is_empty();
        match args.json {
            true => results.push(result.json()),
            false if cut && args.format != args::Form::Text => {}
            false => forms.add(result.case(begin.elapsed()), |_| result.text(&told))?,
        }
        if result.hunted.runs == 0 && !progress::interrupted() {
            let args::Hunt { shard, runs, .. } = args;
            let runs = counted(*runs, "run");
            anstream::eprintln!(
                "{}: no run in shard {}/{} of {runs}",
                scenario.name,
                shard.part,
                shard.of
            );
            outcome = outcome.max(Outcome::Unjudged);
        }
        made = Some(result.hunted.runs);
        result.note(&mut told);
        // What was found is printed even if it cannot be saved.
        unsaved = unsaved.or(result.unsaved);
        if progress::interrupted() {
            outcome = outcome.max(Outcome::Unjudged);
            break;
        }
    }
    forms.finish()?;
    if !args.json && args.format == args::Form::Text {
        print(&told.summary(scenarios.len() as u64))?;
    }
    let seconds = start.elapsed().as_secs_f64();
    if args.json {
        print_results(&results, seconds)?;
    }
    let mut ended = progress::ended().to_owned();
    if progress::interrupted() && begun < scenarios.len() {
        ended = format!("{ended} in scenario {begun} of {}", scenarios.len());
    }
    let next = if args.resume.is_some() { "go on" } else { "repeat" };
    let made = made.filter(|_| scenarios.len() == 1 && args.shard.of == 1);
    anstream::eprintln!("{ended} after {seconds:.1} s; {next} with: {}", repeat(args, made));
    unsaved.map_or(Ok(outcome), Err)
}

/// The command line with everything that determines the result; `made`: how many runs there were in
/// the only scenario.
fn repeat(args: &args::Hunt, made: Option<u64>) -> String {
    let args::Source { seed, strategy, params } = &args.source;
    let mut line = format!("{} hunt {}", program(), args.scenarios.join(" "));
    match (args.time, made) {
        // A time leads to other runs on another machine.
        (Some(_), Some(runs)) if args.resume.is_none() => _ = write!(line, " --runs {runs}"),
        (Some(time), _) => _ = write!(line, " --for {}ms", time.as_millis()),
        (None, _) => _ = write!(line, " --runs {}", args.runs),
    }
    _ = write!(line, " --seed {seed} --strategy {strategy}");
    line.push_str(&text::params(params));
    if args.shard.of > 1 {
        _ = write!(line, " --shard {}/{}", args.shard.part, args.shard.of);
    }
    if let Some(dir) = &args.resume {
        _ = write!(line, " --resume {}", dir.display());
    }
    line
}

/// The runs of one scenario, on top of those of earlier processes; also why they could not all be
/// written down.
fn runs(
    hunt: &Hunt<'_>,
    args: &args::Hunt,
    until: Option<Instant>,
) -> Result<(Hunted, Option<Error>), Error> {
    let (end, shown) = match until {
        Some(_) => (u64::MAX, None),
        None => (args.runs, Some(args.runs.div_ceil(args.shard.of.into()))),
    };
    let watch = |before| Watch::new(&hunt.scenario.name, shown, until, before);
    let Some(dir) = &args.resume else {
        let watch = watch(0);
        let hunted = hunt.run(0..end, &watch);
        watch.finish(hunted.found.len());
        return Ok((hunted, None));
    };
    let (log, done, todo) = Log::open(dir, hunt, end)?;
    let watch = watch(done.runs);
    let hunted = hunt.go_on(done, todo, &Logged { watch: &watch, log: &log });
    watch.finish(hunted.found.len());
    Ok((hunted, log.finish().err()))
}

/// One finding, with the file where its schedule is.
struct Kept {
    signature: Signature,
    found: Found,
    example: Example,
    /// Unless it could not be saved.
    path: Option<PathBuf>,
}

/// What was hunted in one scenario.
struct Report<'a> {
    hunt: Hunt<'a>,
    hunted: Hunted,
    kept: Vec<Kept>,
    unsaved: Option<Error>,
}

impl<'a> Report<'a> {
    fn new(hunt: Hunt<'a>, args: &args::Hunt, until: Option<Instant>) -> Result<Report<'a>, Error> {
        let (hunted, unsaved) = runs(&hunt, args, until)?;
        let (mut kept, mut unsaved) = (Vec::new(), unsaved);
        for (signature, found) in hunted.in_order() {
            let example = Example::of_hunt(&hunt, signature, found);
            let path = match save::save(&args.out, &example.file, &found.finding.headline) {
                Ok(path) => Some(path),
                Err(error) => {
                    unsaved = Some(error);
                    None
                }
            };
            kept.push(Kept { signature: signature.clone(), found: found.clone(), example, path });
        }
        if hunted.cut > 0 {
            let runs = counted(hunted.cut, "run");
            anstream::eprintln!("{}: {runs} cut at the limit of steps", hunt.scenario.name);
        }
        Ok(Report { hunt, hunted, kept, unsaved })
    }

    fn json(&self) -> Value {
        json!({
            "scenario": self.hunt.scenario.name,
            "params": self.hunt.params.iter().collect::<std::collections::BTreeMap<_, _>>(),
            "strategy": self.hunt.strategy,
            "seed": self.hunt.seed,
            "runs": self.hunted.runs,
            "steps": self.hunted.steps,
            "cut": self.hunted.cut,
            "independent": self.hunted.independent,
            "findings": self.kept.iter().map(Kept::json).collect::<Vec<_>>(),
        })
    }

    /// For other programs: each finding is a problem.
    fn case(&self, time: Duration) -> Case {
        let problem = |kept: &Kept| {
            let Example { file, finding, trace, place, .. } = &kept.example;
            let mut text = crate::report::finding(finding, trace);
            text.extend(file.schedule.iter().map(text::plain_schedule));
            let replay =
                kept.path.iter().map(|p| format!("{} replay {}\n", program(), p.display()));
            text.extend(replay);
            Problem {
                kind: finding.kind.name(),
                title: finding.headline.clone(),
                text,
                place: *place,
            }
        };
        Case {
            name: self.hunt.scenario.name.clone(),
            note: counted(self.hunted.runs, "run"),
            problems: self.kept.iter().map(problem).collect(),
            time,
        }
    }

    fn note(&self, told: &mut Told) {
        for Kept { example, path, .. } in &self.kept {
            let deviations = example.deviations().unwrap_or(usize::MAX);
            let schedule = path.as_deref().map(|path| (path, deviations));
            told.note(&self.hunt.scenario.name, &example.finding, schedule);
        }
    }

    fn text(&self, told: &Told) -> String {
        let Hunted { runs, steps, .. } = self.hunted;
        let mut out = format!(
            "{}: {}, {}, {}\n",
            title(&self.hunt.scenario.name),
            counted(runs, "run"),
            counted(steps, "step"),
            counted(self.kept.len() as u64, "finding"),
        );
        if self.kept.is_empty()
            && let Some(most) = self.hunted.most_likely()
        {
            let n = counted(self.hunted.independent, "independent run");
            _ = writeln!(out, "no finding in {n}: p ≤ {most:.1e} (95 %) for this sampler");
        }
        for kept in &self.kept {
            out.push('\n');
            out.push_str(&kept.text(&self.hunt, runs, told));
            out.push('\n');
        }
        out
    }
}

impl Kept {
    fn json(&self) -> Value {
        let Example { steps, .. } = &self.example;
        let shrunk = self.example.deviations();
        let shrunk = shrunk.map(|n| json!({ "deviations": n, "steps": steps }));
        let finding = &self.found.finding;
        json!({
            "signature": self.signature.0,
            "kind": finding.kind.name(),
            "object": finding.object,
            "headline": finding.headline,
            "count": self.found.count,
            "independent": self.found.independent,
            "first_index": self.found.first_index,
            "index": self.found.index,
            "steps": self.found.steps,
            "schedule": self.path.as_ref().map(|path| path.display().to_string()),
            "trace": format!("{:016x}", self.example.file.trace),
            "shrunk": shrunk,
        })
    }

    /// The report, unless it was told with another scenario, and how to see it.
    fn text(&self, hunt: &Hunt<'_>, runs: u64, told: &Told) -> String {
        let Found { count, first_index, index, steps, .. } = &self.found;
        let Example { file, finding, trace, .. } = &self.example;
        let Hunt { scenario, strategy, seed, .. } = hunt;
        let program = program();
        let mut out = match told.before(&self.signature) {
            Some(scenario) => format!("{}\n(as with {scenario})\n", bad(&finding.headline)),
            None => text::finding(finding, trace),
        };
        let (runs, from_seed) = (counted(runs, "run"), counted((*steps).into(), "step"));
        _ = writeln!(out, "\nfound:    {count} of {runs}, first at index {first_index}");
        _ = writeln!(
            out,
            "seed:     {program} run {}{} --strategy {strategy} --seed {seed} --index {index} \
             ({from_seed})",
            scenario.name,
            text::params(&hunt.params.listed()),
        );
        if let Some(path) = &self.path {
            let path = path.display();
            _ = writeln!(out, "replay:   {program} replay {path}");
        }
        let Some(schedule) = &file.schedule else {
            out.push_str("schedule: only the seed repeats it\n");
            return out;
        };
        let deviations = counted(schedule.len() as u64, "deviation");
        let steps = counted(self.example.steps.into(), "step");
        _ = writeln!(out, "schedule: {deviations}, {steps}");
        out.push_str(&text::schedule(schedule));
        out
    }
}
