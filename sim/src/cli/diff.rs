//! `ksim diff`: what a difference means first, then the text.

use super::error::Error;
use super::snapshot::{self, Snapshot};
use super::style::{bad, good, title, warn};
use super::{Outcome, args, print, save, select};
use crate::base::finding::Finding;
use crate::choice::{ScheduleFile, strategies};
use crate::run::replay::replay;
use crate::run::sim::Stop;
use crate::run::{Execution, Scenario, Verdict};
use crate::trace::Trace;
use crate::trace::diff::{Diff, changes, diff as between, elide};
use serde_json::{Value, json};
use std::path::Path;

/// One of the two.
struct Side {
    /// As the user calls it.
    name: String,
    /// The signature of what was found first, or that nothing was.
    verdict: String,
    /// What was found: signature and headline.
    findings: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Run(Trace),
    Snapshot(Snapshot),
}

/// How the second differs from the first.
struct Comparison {
    sides: [Side; 2],
    contexts: Vec<(String, Vec<String>)>,
    reordered: Vec<(String, String)>,
    lines: Vec<String>,
}

/// Compares two runs, or two snapshots.
pub(super) fn diff(all: &[Scenario], args: &args::Diff) -> Result<Outcome, Error> {
    if !is_seed(&args.a) && !is_seed(&args.b) {
        let given = [("--strategy", args.strategy.is_some()), ("--param", !args.params.is_empty())];
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            let why = "neither A nor B is the run of a seed".to_owned();
            return Err(Error::NoEffect { option, why });
        }
    }
    let comparison = Comparison::of(side(all, &args.a, args)?, side(all, &args.b, args)?)?;
    print(&match args.json {
        true => format!("{:#}\n", comparison.json()),
        false => comparison.text(),
    })?;
    Ok(if comparison.is_same() { Outcome::Clean } else { Outcome::Found })
}

/// A snapshot, a schedule file, or `SCENARIO@` with a seed or a schedule file.
fn side(all: &[Scenario], text: &str, args: &args::Diff) -> Result<Side, Error> {
    let path = Path::new(text);
    match text.split_once('@') {
        Some((scenario, at)) if !path.exists() => {
            let scenario = select::one(all, scenario)?;
            match seed_and_index(at) {
                Some((seed, index)) => from_seed(scenario, text, seed, index, args),
                None => from_file(scenario, text, Path::new(at)),
            }
        }
        _ if [".snap", ".snap.new"].iter().any(|end| text.ends_with(end)) => {
            let snapshot = snapshot::read(path)?;
            let findings = vec![(snapshot.verdict.clone(), snapshot.headline.clone())];
            let of = snapshot.scenario.as_ref().map_or_else(String::new, |s| format!(" ({s})"));
            let name = format!("{text}{of}");
            Ok(Side {
                name,
                verdict: snapshot.verdict.clone(),
                findings,
                body: Body::Snapshot(snapshot),
            })
        }
        _ if !path.exists() && all.iter().any(|s| s.name == text) => {
            Err(Error::WhichRun { scenario: text.to_owned() })
        }
        _ => {
            let (file, mut execution) = super::replay::open(all, path)?;
            Ok(followed(&mut execution, text, &file))
        }
    }
}

/// Is this side the run of a seed?
fn is_seed(text: &str) -> bool {
    let at = text.split_once('@').filter(|_| !Path::new(text).exists());
    at.is_some_and(|(_, at)| seed_and_index(at).is_some())
}

/// `7:12`, or `7` for the first run.
fn seed_and_index(text: &str) -> Option<(u64, u64)> {
    let (seed, index) = text.split_once(':').unwrap_or((text, "0"));
    Some((seed.parse().ok()?, index.parse().ok()?))
}

fn from_seed(
    scenario: &Scenario,
    name: &str,
    seed: u64,
    index: u64,
    args: &args::Diff,
) -> Result<Side, Error> {
    let mut strategy = select::strategy(args.strategy.as_deref().unwrap_or(strategies::DEFAULT))?;
    let params = select::params(scenario, &args.params)?;
    let mut execution = Execution::with_params(scenario, params);
    let stop = execution.run(&mut *strategy, seed, index);
    Ok(of_run(&execution, name, stop))
}

/// The schedule of a file on another scenario: another design, the same workload.
fn from_file(scenario: &Scenario, name: &str, path: &Path) -> Result<Side, Error> {
    let file = save::read(path)?;
    let known = |(name, _): &&(String, u64)| scenario.params.iter().any(|p| p.name == name);
    let values: Vec<(String, u64)> = file.params.iter().filter(known).cloned().collect();
    let mut execution = Execution::with_params(scenario, select::params(scenario, &values)?);
    if file.schedule.is_none() {
        select::strategy(&file.origin.strategy)?;
    }
    Ok(followed(&mut execution, name, &file))
}

fn followed(execution: &mut Execution<'_>, name: &str, file: &ScheduleFile) -> Side {
    let replayed = replay(execution, file);
    let mut side = of_run(execution, name, replayed.stop);
    if let Verdict::Diverged(_) = replayed.verdict {
        side.verdict = format!("{}, {}", side.verdict, replayed.verdict);
    }
    side
}

fn of_run(execution: &Execution<'_>, name: &str, stop: Stop) -> Side {
    let told = |f: &Finding| (f.signature().0, f.headline.clone());
    let findings: Vec<_> = execution.sim().system().findings.iter().map(told).collect();
    let verdict = match (findings.as_slice(), stop) {
        ([], Stop::Cut) => "cut at the limit of steps".to_owned(),
        ([], _) => "nothing found".to_owned(),
        (all, _) => {
            all.iter().map(|(signature, _)| signature.as_str()).collect::<Vec<_>>().join("; ")
        }
    };
    let body = Body::Run(execution.sim().trace().normal_form());
    Side { name: name.to_owned(), verdict, findings, body }
}

impl Comparison {
    fn of(a: Side, b: Side) -> Result<Comparison, Error> {
        let (contexts, reordered, lines) = match (&a.body, &b.body) {
            (Body::Run(a), Body::Run(b)) => {
                let Diff { agents, reordered, lines } = between(a, b);
                (agents, reordered, lines)
            }
            (Body::Snapshot(a), Body::Snapshot(b)) => {
                let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
                let changes = changes(&lines(&a.text), &lines(&b.text));
                (columns(a, b), Vec::new(), elide(&changes))
            }
            _ => return Err(Error::NotComparable { a: a.name, b: b.name }),
        };
        Ok(Comparison { sides: [a, b], contexts, reordered, lines })
    }

    fn is_same(&self) -> bool {
        let [a, b] = &self.sides;
        a.verdict == b.verdict && a.findings == b.findings && self.lines.is_empty()
    }

    /// Findings of one that the other has not.
    fn only(&self, side: usize) -> Vec<&(String, String)> {
        let other = &self.sides[1 - side].findings;
        self.sides[side].findings.iter().filter(|f| !other.contains(f)).collect()
    }

    fn text(&self) -> String {
        let [a, b] = &self.sides;
        let mut out = format!("A  {}\nB  {}\n\n", title(&a.name), title(&b.name));
        if self.is_same() {
            return out + &format!("{}: {}\n", good("alike"), a.verdict);
        }
        let mut put = |heading: &str, lines: &[String]| {
            if !lines.is_empty() {
                out.push_str(&format!("{}\n", title(heading)));
                lines.iter().for_each(|line| out.push_str(&format!("{}\n", colored(line))));
                out.push('\n');
            }
        };
        let verdicts =
            |side: &Side| side.verdict.split("; ").map(str::to_owned).collect::<Vec<_>>();
        let heading = if a.verdict == b.verdict { "verdict: the same" } else { "verdict" };
        put(heading, &changes(&verdicts(a), &verdicts(b)));
        let headlines = |side| self.only(side).iter().map(|f| f.1.clone()).collect::<Vec<_>>();
        let mut findings = changes(&headlines(0), &headlines(1));
        findings.retain(|line| !line.starts_with(' '));
        put("findings", &findings);
        for (name, changes) in &self.contexts {
            put(name, changes);
        }
        let pair = |(first, second): &(String, String)| {
            [format!("- {first}"), format!("  {second}"), format!("+ {first}")]
        };
        put("order", &self.reordered.iter().flat_map(pair).collect::<Vec<_>>());
        if self.lines.is_empty() {
            put("text: the same", &["  an equivalent order of the same steps".to_owned()]);
        }
        put("text", &self.lines);
        out.truncate(out.trim_end().len());
        out + "\n"
    }

    fn json(&self) -> Value {
        let side = |side: &Side| json!({ "name": side.name, "verdict": side.verdict });
        let findings = |side: usize| -> Vec<Value> {
            let told = |(signature, headline): &(String, String)| json!({ "signature": signature, "headline": headline });
            self.only(side).into_iter().map(told).collect()
        };
        let context = |(name, changes): &(String, Vec<String>)| {
            let of = |sign: &str| -> Vec<&str> {
                changes.iter().filter_map(|line| line.strip_prefix(sign)).collect()
            };
            json!({ "name": name, "removed": of("- "), "added": of("+ "), "changed": of("~ ") })
        };
        let pair = |(first, second): &(String, String)| json!({ "first": first, "second": second });
        json!({
            "same": self.is_same(),
            "a": side(&self.sides[0]),
            "b": side(&self.sides[1]),
            "findings": { "removed": findings(0), "added": findings(1) },
            "contexts": self.contexts.iter().map(context).collect::<Vec<_>>(),
            "reordered": self.reordered.iter().map(pair).collect::<Vec<_>>(),
            "lines": self.lines,
        })
    }
}

/// The columns of two diagrams that differ.
fn columns(a: &Snapshot, b: &Snapshot) -> Vec<(String, Vec<String>)> {
    let of = |snapshot: &Snapshot, name: &str| {
        let found = snapshot.contexts.iter().find(|(n, _)| n == name);
        found.map(|(_, lines)| lines.clone()).unwrap_or_default()
    };
    let mut names: Vec<&String> = a.contexts.iter().chain(&b.contexts).map(|(n, _)| n).collect();
    names.sort_unstable();
    names.dedup();
    let changed = |name: &&String| {
        let mut changes = changes(&of(a, name), &of(b, name));
        changes.retain(|line| !line.starts_with(' '));
        ((*name).clone(), changes)
    };
    names.iter().map(changed).filter(|(_, changes)| !changes.is_empty()).collect()
}

fn colored(line: &str) -> String {
    match line.as_bytes().first() {
        Some(b'-') => bad(line),
        Some(b'+') => good(line),
        Some(b'~') => warn(line),
        _ => line.to_owned(),
    }
}
