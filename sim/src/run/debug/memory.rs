//! Words by name: who wrote them last, what they hold.

use super::Debugger;
use super::breakpoint::is_within;
use crate::base::footprint::Mode;
use crate::base::ptr::Ptr;
use crate::kernel::System;

/// One write to a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Number of the event, from 0.
    pub event: u32,
    /// Who did it.
    pub agent: String,
    /// Functions, innermost first.
    pub stack: Vec<&'static str>,
    /// The operation.
    pub op: &'static str,
}

impl Debugger<'_> {
    /// The words that a name stands for now: a field, or all of an object, freed or not.
    pub fn words(&self, name: &str) -> Vec<(Ptr, String)> {
        let sys = self.system();
        let mut found = Vec::new();
        for (at, record) in sys.mem.records() {
            for word in 0..(record.bytes / 8) as usize {
                let full = sys.describe(at.word(word), None);
                if is_within(&full, name) {
                    found.push((at.word(word), full));
                }
            }
        }
        found
    }

    /// The last write, before this position, to what the name stands for; a free writes all of its
    /// object.
    ///
    /// # Errors
    /// When no object or field is called so.
    pub fn last_write(&self, name: &str) -> Result<Option<Written>, String> {
        let words = self.words(name);
        if words.is_empty() {
            let sys = self.system();
            let known: Vec<String> =
                sys.mem.records().map(|(at, _)| sys.describe_object(at)).collect();
            return Err(format!("nothing is called {name:?}; there is {}", known.join(", ")));
        }
        let sys = self.system();
        let hit = (0..sys.events.len()).rev().find(|&i| {
            let from = i.checked_sub(1).map_or(0, |p| sys.events[p].accesses_end as usize);
            let accesses = &sys.accesses[from..sys.events[i].accesses_end as usize];
            accesses.iter().any(|a| {
                a.mode != Mode::Read
                    && words.iter().any(|(w, _)| {
                        a.object.word_index() == Some(w.index())
                            && sys.mem.occupant_at(w.index(), i as u32) == Some(w.object())
                    })
            })
        });
        Ok(hit.map(|i| {
            let event = &sys.events[i];
            let stack = sys.symbols.borrow().stack(event.call.frame).collect();
            let agent = sys.m.name(event.agent);
            Written { event: i as u32, agent, stack, op: event.call.name }
        }))
    }

    /// What a name stands for, word by word, as `field = value`.
    pub fn print(&self, name: &str) -> Vec<String> {
        let sys = self.system();
        let line = |(at, full): &(Ptr, String)| {
            let value = Ptr(sys.mem.load(at.index()));
            let freed = if sys.is_live(*at) { "" } else { "   (freed)" };
            format!("{full} = {}{freed}", show(sys, value))
        };
        self.words(name).iter().map(line).collect()
    }
}

/// A value for people: a pointer by name, a number as it is.
pub(super) fn show(sys: &System, value: Ptr) -> String {
    if value.is_kernel() { sys.describe(value, None) } else { format!("{value:?}") }
}
