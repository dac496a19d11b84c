//! Where to stop.

use super::Debugger;
use crate::base::footprint::Mode;
use crate::trace::Step;
use std::collections::BTreeSet;

/// A condition on an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Breakpoint {
    /// The operation has this name: `spin_lock_bh`.
    Op(String),
    /// It stands in this function, at any depth of the stack.
    Func(String),
    /// It touches this object or field: `mm`, `mm.context.lock`.
    Object(String),
    /// It changes this object or field, or tries to.
    Write(String),
    /// This context did it: `cpu0/softirq:rcu`.
    Context(String),
    /// Something was found in it.
    Finding,
}

/// The forms that a breakpoint can be written in.
pub(super) const FORMS: &str =
    "op NAME, func NAME, object NAME, write NAME, context NAME or finding";

/// A breakpoint that is set, with the events of the run that fit it.
#[derive(Debug)]
pub(super) struct Break {
    pub(super) id: u32,
    pub(super) breakpoint: Breakpoint,
    pub(super) hits: Vec<u32>,
}

impl Break {
    pub(super) fn first_from(&self, event: u32) -> Option<u32> {
        self.hits.get(self.hits.partition_point(|&hit| hit < event)).copied()
    }

    pub(super) fn last_before(&self, event: u32) -> Option<u32> {
        let before = self.hits.partition_point(|&hit| hit < event);
        self.hits.get(before.checked_sub(1)?).copied()
    }
}

impl Breakpoint {
    /// Reads `op NAME`, `func NAME`, `object NAME`, `write NAME`, `context NAME`, `finding`.
    ///
    /// # Errors
    /// When it is none of these; the error says what is possible.
    pub fn parse(text: &str) -> Result<Breakpoint, String> {
        let (what, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = name.trim();
        let make = match (what, name) {
            ("finding", "") => return Ok(Breakpoint::Finding),
            (_, "") => None,
            ("op", _) => Some(Breakpoint::Op as fn(String) -> Breakpoint),
            ("func", _) => Some(Breakpoint::Func as _),
            ("object", _) => Some(Breakpoint::Object as _),
            ("write", _) => Some(Breakpoint::Write as _),
            ("context", _) => Some(Breakpoint::Context as _),
            _ => None,
        };
        make.map(|make| make(name.trim_end_matches("()").to_owned()))
            .ok_or_else(|| format!("cannot break on {text:?}: say {FORMS}"))
    }

    /// The events of the run that fit, in order.
    pub(super) fn hits(&self, run: &Debugger<'_>) -> Result<Vec<u32>, String> {
        let trace = run.trace();
        let words: BTreeSet<String> = match self {
            Breakpoint::Object(name) | Breakpoint::Write(name) => run.touch_names(name)?,
            _ => BTreeSet::new(),
        };
        let touches = |step: &Step, reads: bool| {
            let fits = |mode| reads || mode != Mode::Read;
            step.touches.iter().any(|t| t.memory && fits(t.mode) && words.contains(&t.object))
        };
        // What only the end shows belongs to the last event.
        let last = run.end().saturating_sub(1);
        let found: BTreeSet<u32> = run.findings().iter().map(|f| f.event.min(last)).collect();
        let fits = |(event, step): (usize, &Step)| {
            let fits = match self {
                Breakpoint::Op(name) => step.op == *name,
                Breakpoint::Func(name) => step.stack.contains(name),
                Breakpoint::Context(name) => trace.agent(step).name == *name,
                Breakpoint::Object(_) => touches(step, true),
                Breakpoint::Write(_) => touches(step, false),
                Breakpoint::Finding => found.contains(&(event as u32)),
            };
            fits.then_some(event as u32)
        };
        Ok(trace.steps.iter().enumerate().filter_map(fits).collect())
    }
}

impl std::fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Breakpoint::Op(name) => write!(f, "op {name}"),
            Breakpoint::Func(name) => write!(f, "func {name}"),
            Breakpoint::Object(name) => write!(f, "object {name}"),
            Breakpoint::Write(name) => write!(f, "write {name}"),
            Breakpoint::Context(name) => write!(f, "context {name}"),
            Breakpoint::Finding => f.write_str("finding"),
        }
    }
}
