//! `ksim bench-samplers`.

use super::error::Error;
use super::progress::{self, Watch};
use super::style::faint;
use super::{Outcome, args, print, published, select};
use crate::run::{Bench, Hunted, Scenario, Trials, Watch as _};
use serde_json::{Value, json};
use std::fmt::Write;

const NOTE: &str = "\
Schedules to the first bug: mean (median). \">\": some trials reached the limit and count as it, so \
that the mean is a lower bound; \"–\": no trial found it.
Samplers are given a profile of the program, which is not counted; what the portfolio learns from \
are schedules like others. \"*\": the default needs more than twice what the best other one does.
";

/// Measures each strategy on each scenario.
pub(super) fn bench(all: &[Scenario], args: &args::BenchSamplers) -> Result<Outcome, Error> {
    for strategy in &args.strategies {
        select::strategy(strategy)?;
    }
    let mut scenarios = select::several(all, &args.scenarios)?;
    scenarios.retain(|s| !s.expect.kinds().is_empty());
    let strategies: Vec<&str> = args.strategies.iter().map(String::as_str).collect();
    progress::catch_interrupts();
    let bench = Bench {
        scenarios: &scenarios,
        strategies: &strategies,
        seeds: 1..args.seeds.saturating_add(1),
        limit: args.limit,
        jobs: args.jobs.get(),
    };
    let cells = (scenarios.len() * strategies.len()) as u64;
    let watch = Watch::of("bench-samplers", cells, "measurements");
    let rows = bench.run(&|done| watch.see(&Hunted { runs: done as u64, ..Hunted::default() }));
    watch.finish(0);
    match args.json {
        true => print(&format!("{:#}\n", json(&bench, &rows)))?,
        false => print(&text(&bench, &rows))?,
    }
    Ok(if progress::interrupted() { Outcome::Unjudged } else { Outcome::Clean })
}

fn json(bench: &Bench<'_>, rows: &[Vec<Trials>]) -> Value {
    let cell = |(strategy, trials): (&&str, &Trials)| {
        json!({
            "strategy": strategy,
            "trials": trials.len(),
            "censored": trials.censored,
            "median": trials.median(),
            "restricted_mean": trials.mean(),
        })
    };
    let row = |(scenario, trials): (&&Scenario, &Vec<Trials>)| {
        let published = published::of(&scenario.source).map(|figures| {
            let pairs = published::COLUMNS.iter().zip(figures);
            pairs.map(|(name, figure)| json!({ "strategy": name, "mean": figure })).collect()
        });
        json!({
            "scenario": scenario.name,
            "results": bench.strategies.iter().zip(trials).map(cell).collect::<Vec<_>>(),
            "published": published.unwrap_or(Value::Null),
        })
    };
    json!({
        "limit": bench.limit,
        "programs": bench.scenarios.iter().zip(rows).map(row).collect::<Vec<_>>(),
    })
}

fn text(bench: &Bench<'_>, rows: &[Vec<Trials>]) -> String {
    let mut table = vec![vec!["program".to_owned()]];
    table[0].extend(bench.strategies.iter().map(|s| (*s).to_owned()));
    table[0].extend(published::COLUMNS.map(|name| format!("{name}, published")));
    for (scenario, trials) in bench.scenarios.iter().zip(rows) {
        let mut row = vec![scenario.name.clone()];
        row.extend(trials.iter().map(figure));
        if let Some(last) = row.last_mut().filter(|_| is_slow(trials)) {
            last.push('*');
        }
        match published::of(&scenario.source) {
            Some(figures) => row.extend(figures.map(str::to_owned)),
            None => row.extend(published::COLUMNS.map(|_| String::new())),
        }
        table.push(row);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..table[0].len()).map(|c| width(c).unwrap_or(0)).collect();
    let mut out = String::new();
    for (i, row) in table.iter().enumerate() {
        let pad = |(cell, width): (&String, &usize)| format!("{cell:width$}");
        let cells: Vec<String> = row.iter().zip(&widths).map(pad).collect();
        _ = writeln!(out, "| {} |", cells.join(" | "));
        if i == 0 {
            let rules: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
            _ = writeln!(out, "| {} |", rules.join(" | "));
        }
    }
    let trials = bench.seeds.end - bench.seeds.start;
    _ = writeln!(out, "\n{trials} trials each, at most {} schedules.", bench.limit);
    out.push_str(&faint(NOTE));
    out
}

fn figure(trials: &Trials) -> String {
    if trials.is_empty() {
        return String::new(); // Interrupted before.
    }
    let mean = match trials.mean() {
        mean if mean < 100.0 => format!("{mean:.1}"),
        mean => format!("{mean:.0}"),
    };
    match (trials.shown.is_empty(), trials.censored, trials.median()) {
        (true, ..) => "–".to_owned(),
        (_, 0, Some(median)) => format!("{mean} ({median})"),
        (_, _, Some(median)) => format!(">{mean} ({median})"),
        (.., None) => format!(">{mean} (>{})", trials.limit),
    }
}

/// Does the last strategy need more than twice the schedules of the best other one?
fn is_slow(trials: &[Trials]) -> bool {
    let Some((last, others)) = trials.split_last() else { return false };
    let best = others.iter().map(Trials::mean).reduce(f64::min);
    best.is_some_and(|best| last.mean() > 2.0 * best)
}
