//! Words by name: who wrote them last, what they hold.

use super::Debugger;
use crate::base::footprint::Mode;
use crate::base::ptr::Ptr;
use crate::base::types::{FieldKind, TypeDesc};
use crate::kernel::System;
use std::collections::BTreeSet;
use std::ops::Range;

/// An object of the run, freed or not.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) at: Ptr,
    pub(super) name: String,
    desc: &'static TypeDesc,
}

/// All objects so far, in order of their creation.
pub(super) fn things(sys: &System) -> Vec<Thing> {
    let thing =
        |at: Ptr| Some(Thing { at, name: sys.describe_object(at), desc: sys.mem.desc(at)? });
    sys.mem.records().filter_map(|(at, _)| thing(at)).collect()
}

/// The words of a type that a path of fields stands for: `.context.lock`, `.pmd[2]`, `.lru.next`.
fn words_of(desc: &TypeDesc, path: &str) -> Option<Range<usize>> {
    if path.is_empty() {
        return Some(0..desc.words);
    }
    let path = path.strip_prefix('.')?;
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let field = desc.fields.iter().find(|f| f.name == name)?;
    let part = match (rest, field.sub, field.kind) {
        ("", ..) => 0..field.words,
        (_, Some(sub), _) => words_of(sub, rest)?,
        (_, _, FieldKind::Array) => {
            let i = rest.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
            (i < field.words).then_some(i..i + 1)?
        }
        (".next", _, FieldKind::List | FieldKind::Rcu) => 0..1,
        (".prev", _, FieldKind::List) | (".func", _, FieldKind::Rcu) => 1..2,
        _ => return None,
    };
    Some(field.at + part.start..field.at + part.end)
}

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
    /// The words of the whole run that a name stands for: a field, or all of an object, freed or
    /// not. An object that was made in the run may be named without its maker: `page` stands for
    /// `page@cpu0/alloc` and all like it, unless something is called just `page`.
    fn named(&self, name: &str) -> Result<Vec<(&Thing, Range<usize>)>, String> {
        let by = |label: fn(&Thing) -> &str| -> Vec<(&Thing, Range<usize>)> {
            let words = |thing| {
                let path = name.strip_prefix(label(thing))?;
                Some((thing, words_of(thing.desc, path)?))
            };
            self.things.iter().filter_map(words).collect()
        };
        let exact = by(|thing| &thing.name);
        let found = if exact.is_empty() {
            by(|thing| thing.name.split_once('@').map_or(&thing.name, |(role, _)| role))
        } else {
            exact
        };
        if found.is_empty() { Err(self.unknown(name)) } else { Ok(found) }
    }

    fn unknown(&self, name: &str) -> String {
        let within = |t: &&Thing| name.strip_prefix(&t.name).is_some_and(|r| r.starts_with('.'));
        let known: Vec<&str> = match self.things.iter().find(within) {
            Some(thing) => thing.desc.fields.iter().map(|f| f.name).collect(),
            None => self.things.iter().map(|t| t.name.as_str()).collect(),
        };
        format!("nothing is called {name:?}; there is {}", known.join(", "))
    }

    /// How a trace calls the words that this name stands for.
    pub(super) fn touch_names(&self, name: &str) -> Result<BTreeSet<String>, String> {
        let mut names = BTreeSet::new();
        for (thing, words) in self.named(name)? {
            for word in words {
                let mut full = thing.name.clone();
                thing.desc.path(word, Some(FieldKind::Word), &mut full);
                names.insert(full);
            }
        }
        Ok(names)
    }

    /// The words that the name stands for and that exist at this position.
    fn words(&self, name: &str) -> Result<Vec<Ptr>, String> {
        let all = self.named(name)?;
        let words = all.into_iter().flat_map(|(thing, words)| words.map(|w| thing.at.word(w)));
        Ok(words.filter(|&at| self.system().mem.record(at).is_some()).collect())
    }

    /// The last write, before this position, to what the name stands for; a free writes all of its
    /// object. An access that was refused has written nothing.
    ///
    /// # Errors
    /// When no object or field of the run is called so.
    pub fn last_write(&self, name: &str) -> Result<Option<Written>, String> {
        let words = self.words(name)?;
        let sys = self.system();
        let refused = |i| sys.findings.iter().any(|f| f.event as usize == i && f.kind.is_fatal());
        let hit = (0..sys.events.len()).rev().filter(|&i| !refused(i)).find(|&i| {
            let from = i.checked_sub(1).map_or(0, |p| sys.events[p].accesses_end as usize);
            let accesses = &sys.accesses[from..sys.events[i].accesses_end as usize];
            accesses.iter().any(|a| {
                a.mode != Mode::Read
                    && words.iter().any(|w| {
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
    ///
    /// # Errors
    /// When no object or field of the run is called so.
    pub fn print(&self, name: &str) -> Result<Vec<String>, String> {
        let sys = self.system();
        let line = |at: &Ptr| {
            let value = sys.mem.load(at.index());
            let freed = if sys.is_live(*at) { "" } else { "   (freed)" };
            format!("{} = {}{freed}", sys.describe(*at, None), show(sys, *at, value))
        };
        Ok(self.words(name)?.iter().map(line).collect())
    }

    /// The names of all objects of the run.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.things.iter().map(|thing| thing.name.as_str())
    }
}

/// The value of this word for people: a pointer by name, bits by name, a number as it is.
pub(super) fn show(sys: &System, at: Ptr, value: u64) -> String {
    let to = Ptr(value);
    if to.is_kernel() {
        return match sys.mem.record(to) {
            Some(record) if record.base == to.addr() => sys.describe_object(to),
            _ => sys.describe(to, None),
        };
    }
    if [Ptr::LIST_POISON1, Ptr::LIST_POISON2].contains(&to) {
        return format!("{to:?}");
    }
    let set: Vec<_> = sys.bit_names(at).iter().filter(|(mask, _)| value & mask != 0).collect();
    if set.is_empty() {
        return if value < 10_000 { value.to_string() } else { format!("{to:?}") };
    }
    let rest = set.iter().fold(value, |rest, (mask, _)| rest & !mask);
    let mut parts: Vec<String> = set.iter().map(|(_, name)| (*name).to_owned()).collect();
    if rest != 0 {
        parts.push(rest.to_string());
    }
    format!("{value:#x} ({})", parts.join(" | "))
}
