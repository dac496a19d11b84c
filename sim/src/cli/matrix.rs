//! `ksim matrix`.

use super::error::Error;
use super::style::{bad, counted, faint, title};
use super::{Outcome, args, print, progress, save, select};
use crate::base::finding::Kind;
use crate::run::Scenario;
use crate::run::matrix::{self, Cell, Covered, Row, Settings, Shown};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// The bounds of `--quick`.
const QUICK_CPUS: u16 = 2;

/// Looks through all designs of a family, and prints what each shows.
pub(super) fn matrix(all: &[Scenario], args: &args::Matrix) -> Result<Outcome, Error> {
    let start = Instant::now();
    select::strategy(&args.strategy)?;
    let family = args.family.clone().or_else(|| largest(all)).unwrap_or_default();
    let scenarios = select::several(all, std::slice::from_ref(&family))?;
    save::prepare(&args.out)?;
    progress::catch_interrupts();
    let settings = Settings {
        limit: args.executions,
        runs: args.runs,
        cpus: args.quick.then_some(QUICK_CPUS),
        seed: args.seed,
        strategy: args.strategy.clone(),
        jobs: args.jobs.get(),
    };
    let total = scenarios.len();
    let rows = matrix::rows(&matrix::designs(&scenarios), &settings, &|name, done| {
        if !progress::interrupted() {
            progress::note(start, &format!("{done} of {total} scenarios, {name}"));
        }
        !progress::interrupted()
    });
    let interrupted = progress::interrupted();
    let mut table = Table { family, rows, interrupted, saved: BTreeMap::new() };
    table.save(args)?;
    let seconds = start.elapsed().as_secs_f64();
    match (args.json, args.markdown) {
        (true, _) => print(&format!("{:#}\n", table.json(&settings, seconds)))?,
        (_, true) => print(&table.markdown(&settings))?,
        _ => print(&table.text(&settings))?,
    }
    anstream::eprintln!("{} after {seconds:.1} s", progress::ended());
    Ok(table.outcome())
}

/// The family of most scenarios.
fn largest(all: &[Scenario]) -> Option<String> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|s| *sizes.entry(s.family()).or_default() += 1);
    let (family, _) =
        sizes.into_iter().max_by_key(|(family, n)| (*n, std::cmp::Reverse(*family)))?;
    Some(family.to_owned())
}

struct Table {
    family: String,
    rows: Vec<Row>,
    /// Before it was full?
    interrupted: bool,
    /// Where the schedule of a design and kind is.
    saved: BTreeMap<(usize, Kind), PathBuf>,
}

impl Table {
    fn found(&self) -> impl Iterator<Item = (usize, Kind, &Shown)> {
        self.rows.iter().enumerate().flat_map(|(at, row)| {
            row.cells.iter().filter_map(move |(kind, cell)| match cell {
                Cell::Found(example) => Some((at, *kind, &**example)),
                Cell::Absent | Cell::Unknown => None,
            })
        })
    }

    fn save(&mut self, args: &args::Matrix) -> Result<(), Error> {
        let mut saved = BTreeMap::new();
        for (at, kind, example) in self.found() {
            if let Some(file) = &example.file {
                saved.insert((at, kind), save::save(&args.out, file, &example.headline)?);
            }
        }
        self.saved = saved;
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        match (self.found().next(), self.rows.iter().all(Row::complete)) {
            (Some(_), _) => Outcome::Found,
            (None, true) => Outcome::Clean,
            (None, false) => Outcome::Unjudged,
        }
    }

    fn json(&self, settings: &Settings, seconds: f64) -> Value {
        let rows: Vec<Value> = (0..self.rows.len()).map(|at| self.json_row(at)).collect();
        json!({
            "family": self.family,
            "columns": Kind::ALL.map(Kind::name),
            "rows": rows,
            "interrupted": self.interrupted,
            "bound": {
                "executions": settings.limit,
                "runs": settings.runs,
                "cpus": settings.cpus,
                "seed": settings.seed,
                "strategy": settings.strategy,
            },
            "timing": { "seconds": seconds },
        })
    }

    fn json_row(&self, at: usize) -> Value {
        let row = &self.rows[at];
        let findings: Map<String, Value> = row
            .cells
            .iter()
            .map(|(k, cell)| (k.name().into(), self.json_cell(at, *k, cell)))
            .collect();
        let scenarios: Map<String, Value> = row
            .scenarios
            .iter()
            .map(|looked| {
                let kinds: Vec<&str> = looked.kinds.iter().map(|kind| kind.name()).collect();
                let how = match looked.covered {
                    Covered::Complete { states } => {
                        json!({ "complete": true, "states": states, "kinds": kinds })
                    }
                    Covered::Partly => json!({ "complete": false, "kinds": kinds }),
                    Covered::Hunted { runs } => json!({ "runs": runs, "kinds": kinds }),
                };
                (looked.workload.clone(), how)
            })
            .collect();
        let costs: Map<String, Value> =
            row.costs.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
        json!({
            "design": row.design,
            "source": row.source,
            "complete": row.complete(),
            "findings": findings,
            "costs": costs,
            "scenarios": scenarios,
        })
    }

    fn json_cell(&self, at: usize, kind: Kind, cell: &Cell) -> Value {
        let Cell::Found(example) = cell else {
            let verdict = if *cell == Cell::Absent { "absent" } else { "unknown" };
            return json!({ "verdict": verdict, "schedule": null, "steps": null });
        };
        json!({
            "verdict": "found",
            "schedule": self.saved.get(&(at, kind)).map(|path| path.display().to_string()),
            "steps": example.steps,
            "deviations": example.deviations,
            "scenario": example.scenario,
            "signature": example.file.as_ref().map(|file| file.signature.0.clone()),
        })
    }

    /// The kinds that some design shows; nobody wants to read the other columns.
    fn shown(&self) -> Vec<Kind> {
        let shows = |kind: &Kind| self.found().any(|(_, k, _)| k == *kind);
        Kind::ALL.into_iter().filter(shows).collect()
    }

    /// Names of costs, in the order of the first row that has some.
    fn costs(&self) -> Vec<&'static str> {
        let row = self.rows.iter().find(|row| !row.costs.is_empty());
        row.map_or_else(Vec::new, |row| row.costs.iter().map(|(name, _)| *name).collect())
    }

    /// What a row says below each column.
    fn line(&self, row: &Row, kinds: &[Kind]) -> Vec<String> {
        let cell = |kind: &Kind| match &row.cells[kind] {
            Cell::Found(example) => match example.deviations {
                Some(n) => format!("found {n}"),
                None => "found".to_owned(),
            },
            Cell::Absent => "-".to_owned(),
            Cell::Unknown => "?".to_owned(),
        };
        let cost = |name: &&str| {
            let value = row.costs.iter().find(|(n, _)| n == name);
            let unknown = self.interrupted && !row.complete();
            value.filter(|_| !unknown).map_or_else(
                || if unknown { "?" } else { "-" }.to_owned(),
                |(_, value)| value.to_string(),
            )
        };
        kinds.iter().map(cell).chain(self.costs().iter().map(cost)).collect()
    }

    fn header(&self, kinds: &[Kind]) -> Vec<String> {
        let costs = self.costs().into_iter().map(str::to_owned);
        kinds.iter().map(|kind| kind.name().to_owned()).chain(costs).collect()
    }

    fn markdown(&self, settings: &Settings) -> String {
        let kinds = self.shown();
        let header = self.header(&kinds);
        let mut out = format!("| design | {} |\n", header.join(" | "));
        _ = writeln!(out, "|---|{}", "---|".repeat(header.len()));
        for row in &self.rows {
            let cells: Vec<String> = self
                .line(row, &kinds)
                .into_iter()
                .map(|cell| if cell.starts_with("found") { format!("**{cell}**") } else { cell })
                .collect();
            _ = writeln!(out, "| {} | {} |", row.design, cells.join(" | "));
        }
        _ = writeln!(out, "\n{}", self.bound(settings, &kinds));
        out
    }

    fn text(&self, settings: &Settings) -> String {
        let kinds = self.shown();
        let mut table: Vec<Vec<String>> = Vec::new();
        for row in &self.rows {
            table.push([vec![row.design.clone()], self.line(row, &kinds)].concat());
        }
        let mut out = grid(&self.header(&kinds), &table);
        _ = writeln!(out, "\n{}", self.bound(settings, &kinds));
        for (at, kind, example) in self.found() {
            let path = self.saved.get(&(at, kind));
            _ = writeln!(
                out,
                "{} {}\n    {}\n    {}",
                title(&self.rows[at].design),
                bad(kind),
                example.headline,
                path.map_or_else(|| example.scenario.clone(), |path| path.display().to_string()),
            );
        }
        out
    }

    /// What the table covers, and what its signs mean.
    fn bound(&self, settings: &Settings, kinds: &[Kind]) -> String {
        let of = |f: fn(&Covered) -> bool| -> u64 {
            let all = self.rows.iter().flat_map(|row| &row.scenarios);
            all.filter(|looked| f(&looked.covered)).count() as u64
        };
        let complete = of(|c| matches!(c, Covered::Complete { .. }));
        let partly = of(|c| *c == Covered::Partly);
        let hunted = of(|c| matches!(c, Covered::Hunted { .. }));
        let mut out = format!(
            "found n: a schedule with n deviations from the default one shows it. -: none does, in \
             {} explored completely",
            counted(complete, "scenario"),
        );
        if hunted > 0 {
            let runs = counted(settings.runs, "run");
            _ = write!(
                out,
                ", nor does any of {runs} of each of {}",
                counted(hunted, "larger one")
            );
        }
        out.push('.');
        if partly > 0 {
            let limit = match self.interrupted {
                true => "before the interrupt".to_owned(),
                false => format!("within {}", counted(settings.limit, "execution")),
            };
            let partly = counted(partly, "scenario");
            _ = write!(out, " {partly} not explored completely {limit}.");
        }
        let all = self.rows.iter().flat_map(|row| &row.scenarios);
        for kind in Kind::ALL {
            let (some, none): (Vec<_>, Vec<_>) =
                all.clone().partition(|looked| looked.watched.contains(&kind));
            if !some.is_empty() && !none.is_empty() {
                let only = counted(some.len() as u64, "scenario");
                _ = write!(out, " Looked for in {only} only: {kind}.");
            }
        }
        let rest = Kind::ALL.into_iter().filter(|kind| !kinds.contains(kind));
        let (unknown, absent): (Vec<Kind>, Vec<Kind>) =
            rest.partition(|kind| self.rows.iter().any(|row| row.cells[kind] == Cell::Unknown));
        let names = |kinds: &[Kind]| kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ");
        if !absent.is_empty() {
            _ = write!(out, " Absent everywhere: {}.", names(&absent));
        }
        if !unknown.is_empty() {
            _ = write!(out, " Unknown where not found: {}.", names(&unknown));
        }
        out
    }
}

/// A table whose header is broken at hyphens and blanks, so that its columns stay narrow.
fn grid(header: &[String], rows: &[Vec<String>]) -> String {
    let words = |name: &str| -> Vec<String> {
        name.split_inclusive('-').flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let heads: Vec<Vec<String>> =
        std::iter::once(vec!["design".to_owned()]).chain(header.iter().map(|h| words(h))).collect();
    let height = heads.iter().map(Vec::len).max().unwrap_or(0);
    let line = |cells: &mut dyn Iterator<Item = &str>, widths: &[usize]| {
        let padded: Vec<String> =
            cells.zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let widths: Vec<usize> = (0..heads.len())
        .map(|i| {
            let cells = rows.iter().map(|row| row[i].len());
            heads[i].iter().map(String::len).chain(cells).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for at in 0..height {
        let mut cells = heads.iter().map(|head| head.get(at).map_or("", String::as_str));
        out.push_str(&faint(line(&mut cells, &widths)).to_string());
    }
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str), &widths));
    }
    out
}
