//! What lasts: locks held, RCU readers, grace periods; from the operations of a trace.

use crate::base::event::Phase;
use crate::trace::{Step, Trace};

/// Something that lasts from one step to another (both included).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// `lock`, `reader` or `gp`.
    pub class: &'static str,
    /// For people: `context.lock held by cpu0/exit`.
    pub title: String,
    /// First step.
    pub from: usize,
    /// Last step; the end of the trace if it never ended.
    pub to: usize,
}

/// All spans of a trace, by first step.
pub fn all(trace: &Trace) -> Vec<Span> {
    let mut spans = Vec::new();
    // (class, who, what, from)
    let mut open: Vec<(&'static str, usize, &str, usize)> = Vec::new();
    for (n, step) in trace.steps.iter().enumerate() {
        let Some((class, begins, what)) = meaning(step) else { continue };
        if begins {
            open.push((class, step.agent, what, n));
            continue;
        }
        let same =
            |o: &&(&str, usize, &str, usize)| o.0 == class && o.1 == step.agent && o.2 == what;
        if let Some(i) = open.iter().rev().position(|o| same(&o)).map(|i| open.len() - 1 - i) {
            let (class, agent, what, from) = open.remove(i);
            spans.push(Span { class, title: title(trace, class, agent, what), from, to: n });
        }
    }
    let end = trace.steps.len().saturating_sub(1);
    for (class, agent, what, from) in open {
        spans.push(Span { class, title: title(trace, class, agent, what), from, to: end });
    }
    spans.sort_by_key(|s| (s.from, s.to));
    spans
}

/// What a step begins (true) or ends.
fn meaning(step: &Step) -> Option<(&'static str, bool, &str)> {
    let what = step.operands.first().map_or("", String::as_str);
    let taken = step.phase != Phase::Begun;
    match step.op.as_str() {
        "rcu_read_lock" => Some(("reader", true, "")),
        "rcu_read_unlock" => Some(("reader", false, "")),
        "rcu_gp_init" => Some(("gp", true, "")),
        "rcu_gp_cleanup" => Some(("gp", false, "")),
        op if op.contains("unlock") || op.starts_with("up_") => Some(("lock", false, what)),
        op if op.contains("trylock") => None,
        op if op.contains("_lock") || op.starts_with("down_") => {
            taken.then_some(("lock", true, what))
        }
        _ => None,
    }
}

fn title(trace: &Trace, class: &str, agent: usize, what: &str) -> String {
    let who = &trace.agents[agent].name;
    match class {
        "gp" => "grace period".to_owned(),
        "reader" => format!("RCU reader {who}"),
        _ => format!("{what} held by {who}"),
    }
}

/// A column for each span, so that no two overlap in one.
pub fn columns(spans: &[Span]) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let place = |span: &Span| {
        let free = ends.iter().position(|&end| end < span.from);
        let column = free.unwrap_or(ends.len());
        if column == ends.len() {
            ends.push(0);
        }
        ends[column] = span.to;
        column
    };
    spans.iter().map(place).collect()
}
