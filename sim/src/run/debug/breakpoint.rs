//! Where to stop.

use crate::base::op::Op;
use crate::kernel::System;

/// A condition on an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Breakpoint {
    /// The operation has this name: `spin_lock_bh`.
    Op(String),
    /// It stands in this function, at any depth of the stack.
    Func(String),
    /// It touches this object or field: `mm`, `mm.context.lock`.
    Object(String),
    /// This context did it: `cpu0/softirq:rcu`.
    Context(String),
    /// Something was found in it.
    Finding,
}

impl Breakpoint {
    /// Reads `op NAME`, `func NAME`, `object NAME`, `context NAME`, `finding`.
    ///
    /// # Errors
    /// When it is none of these; the error says what is possible.
    pub fn parse(text: &str) -> Result<Breakpoint, String> {
        let (what, name) = text.split_once(' ').unwrap_or((text, ""));
        let name = name.trim();
        match (what, name) {
            ("finding", "") => return Ok(Breakpoint::Finding),
            (_, "") => {}
            ("op", name) => return Ok(Breakpoint::Op(name.to_owned())),
            ("func", name) => return Ok(Breakpoint::Func(name.to_owned())),
            ("object", name) => return Ok(Breakpoint::Object(name.to_owned())),
            ("context", name) => return Ok(Breakpoint::Context(name.to_owned())),
            _ => {}
        }
        Err(format!(
            "cannot break on {text:?}: say op NAME, func NAME, object NAME, context NAME or finding"
        ))
    }

    /// Does this event of the run fit?
    pub(super) fn fits(&self, sys: &System, event: usize) -> bool {
        let e = &sys.events[event];
        match self {
            Breakpoint::Op(name) => e.call.name == name,
            Breakpoint::Func(name) => sys.symbols.borrow().stack(e.call.frame).any(|f| f == name),
            Breakpoint::Context(name) => sys.m.name(e.agent) == *name,
            Breakpoint::Finding => sys.findings.iter().any(|f| f.event as usize == event),
            Breakpoint::Object(name) => {
                touched(sys, event).any(|object| is_within(&object, name))
                    || matches!(e.call.op, Op::Free { at } if is_within(&sys.describe_object(at), name))
            }
        }
    }
}

/// Names of the words that an event touched.
fn touched(sys: &System, event: usize) -> impl Iterator<Item = String> + '_ {
    let from = event.checked_sub(1).map_or(0, |i| sys.events[i].accesses_end as usize);
    let to = sys.events[event].accesses_end as usize;
    let words = sys.accesses[from..to].iter().filter_map(|a| a.object.word_index());
    words.filter_map(move |index| {
        let object = sys.mem.occupant_at(index, event as u32)?;
        Some(sys.describe(object.word(index % crate::base::ptr::SLOT_WORDS), None))
    })
}

/// Is `object` the thing called `name`, or a field of it?
pub(super) fn is_within(object: &str, name: &str) -> bool {
    object.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl std::fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Breakpoint::Op(name) => write!(f, "op {name}"),
            Breakpoint::Func(name) => write!(f, "func {name}"),
            Breakpoint::Object(name) => write!(f, "object {name}"),
            Breakpoint::Context(name) => write!(f, "context {name}"),
            Breakpoint::Finding => f.write_str("finding"),
        }
    }
}
