//! The difference of two traces: what it means first, then line by line.

use super::order::Order;
use super::record::{Step, Trace};
use crate::base::event::Phase;
use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::collections::BTreeMap;
use std::fmt;

/// How trace B differs from trace A. Prints as a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// Agents whose steps differ, by name: the steps that only A (`-`) or only B (`+`) has, and
    /// those that both have with another outcome (`~`).
    pub agents: Vec<(String, Vec<String>)>,
    /// Pairs of dependent steps that both traces have, the first of which comes second in B.
    pub reordered: Vec<(String, String)>,
    /// All steps in order, as lines that begin with ` `, `-` or `+`; long equal stretches elided.
    pub lines: Vec<String>,
}

/// Compares two traces.
pub fn diff(a: &Trace, b: &Trace) -> Diff {
    let (mine, theirs) = (by_agent(a), by_agent(b));
    let mut names: Vec<&String> = mine.keys().chain(theirs.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut agents = Vec::new();
    for name in names {
        let none = Vec::new();
        let (left, right) = (mine.get(name).unwrap_or(&none), theirs.get(name).unwrap_or(&none));
        let changes = steps(left, right);
        if !changes.is_empty() {
            agents.push((name.clone(), changes));
        }
    }
    Diff { agents, reordered: reordered(a, b), lines: elide(&changes(&lines(a), &lines(b))) }
}

/// What one agent does in only one of the traces, or with another outcome.
fn steps(a: &[&Step], b: &[&Step]) -> Vec<String> {
    let sites = |steps: &[&Step]| steps.iter().map(|s| site(s)).collect::<Vec<String>>();
    let mut out = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &sites(a), &sites(b)) {
        let (tag, left, right) = op.as_tag_tuple();
        if tag == DiffTag::Equal {
            let pairs = a[left].iter().zip(&b[right]);
            let changed = pairs.filter(|(a, b)| a.text() != b.text());
            out.extend(changed.map(|(a, b)| format!("~ {}, then{}", line(a), b.result())));
        } else {
            out.extend(a[left].iter().map(|s| format!("- {}", line(s))));
            out.extend(b[right].iter().map(|s| format!("+ {}", line(s))));
        }
    }
    out
}

/// Where a step stands and what it does, without its agent.
fn line(step: &Step) -> String {
    match step.stack.first() {
        Some(func) => format!("{func}: {}", step.text()),
        None => step.text(),
    }
}

fn lines(trace: &Trace) -> Vec<String> {
    trace.steps.iter().map(|s| format!("{}  {}", trace.agent(s).name, line(s))).collect()
}

fn by_agent(trace: &Trace) -> BTreeMap<String, Vec<&Step>> {
    let mut map: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    for step in &trace.steps {
        map.entry(trace.agent(step).name.clone()).or_default().push(step);
    }
    map
}

/// The lines of both, each behind `  `, `- ` or `+ `.
pub fn changes(a: &[String], b: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, a, b) {
        let (tag, left, right) = op.as_tag_tuple();
        if tag == DiffTag::Equal {
            out.extend(a[left].iter().map(|l| format!("  {l}")));
        } else {
            out.extend(a[left].iter().map(|l| format!("- {l}")));
            out.extend(b[right].iter().map(|l| format!("+ {l}")));
        }
    }
    out
}

/// How many equal lines are shown around a change.
const AROUND: usize = 3;

/// Changes with only the equal lines around them; none, if nothing has changed.
pub fn elide(lines: &[String]) -> Vec<String> {
    let changed = |i: usize| !lines[i].starts_with(' ');
    let near =
        |i: usize| (i.saturating_sub(AROUND)..(i + AROUND + 1).min(lines.len())).any(changed);
    let mut out: Vec<String> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        if near(i) {
            out.push(line.clone());
        } else if out.last().is_none_or(|l| l != "  ...") {
            out.push("  ...".to_owned());
        }
    }
    if out == ["  ..."] { Vec::new() } else { out }
}

/// A step by what does not change when others move: agent, site, and which occurrence of it.
fn keys(trace: &Trace) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let key = |step: &Step| {
        let at = format!("{} {}", trace.agent(step).name, site(step));
        let nth = seen.entry(at.clone()).or_default();
        *nth += 1;
        if *nth == 1 { at } else { format!("{at}#{nth}") }
    };
    trace.steps.iter().map(key).collect()
}

fn site(step: &Step) -> String {
    let goes_on = if step.phase == Phase::Finished { "  <goes on>" } else { "" };
    match step.stack.first() {
        Some(func) => format!("{func}:{}{goes_on}", step.call()),
        None => format!("{}{goes_on}", step.call()),
    }
}

/// Pairs of steps of different agents that follow each other directly in the order of A, and come in
/// the other order in B.
fn reordered(a: &Trace, b: &Trace) -> Vec<(String, String)> {
    let (left, right) = (keys(a), keys(b));
    let place: BTreeMap<&str, usize> =
        right.iter().enumerate().map(|(i, k)| (k.as_str(), i)).collect();
    let order = Order::of(a);
    let mut out = Vec::new();
    for second in 0..a.steps.len() {
        for &first in order.before(second) {
            let in_b = (place.get(left[first].as_str()), place.get(left[second].as_str()));
            if let (Some(p), Some(q)) = in_b
                && p > q
                && a.steps[first].agent != a.steps[second].agent
            {
                out.push((left[first].clone(), left[second].clone()));
            }
        }
    }
    out
}

impl Diff {
    /// Are the traces alike?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "The traces are alike.");
        }
        if !self.agents.is_empty() {
            writeln!(f, "Steps that only one of them has (- first, + second):")?;
        }
        for (name, changes) in &self.agents {
            writeln!(f, "  {name}")?;
            changes.iter().try_for_each(|change| writeln!(f, "    {change}"))?;
        }
        if !self.reordered.is_empty() {
            writeln!(f, "Steps in another order (in the first trace the upper comes first):")?;
        }
        for (first, second) in &self.reordered {
            writeln!(f, "    {first}\n    {second}\n")?;
        }
        if self.agents.is_empty() && self.reordered.is_empty() {
            writeln!(f, "The same steps in an equivalent order.")?;
        }
        writeln!(f, "Line by line:")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.trim_end()))
    }
}
