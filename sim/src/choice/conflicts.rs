//! Conflicts of a run that could have gone the other way, and what a run has shown already.
//!
//! Shown is which write each access followed (site of the writer, site of the access, object), and
//! which accesses came between two of one agent. A conflict is worth reversing if that would show
//! something new.

use super::order::Order;
use super::record::{Record, Value, mix, writes};
use super::sections::Sections;
use crate::base::footprint::{Mode, Object};
use crate::base::ptr::SLOT_WORDS;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

/// Accesses of one object that are looked at; the first ones of a run.
const ACCESSES: usize = 400;
/// Earlier accesses with which each access is compared.
const WINDOW: usize = 128;
/// The first accesses are always among them: before them is the initial state.
const FIRST: usize = 4;

/// How to run differently from a recorded run. Steps are numbers in it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// As before up to step `before`; then what does not depend on that step, up to `step`.
    Minimal {
        /// The step to be overtaken.
        before: u32,
        /// What overtakes it.
        step: u32,
    },
    /// As before up to step `before`; then only the agent of `step`, until it has taken that.
    Drive {
        /// The step to be overtaken.
        before: u32,
        /// What overtakes it.
        step: u32,
    },
    /// As before up to `step`; then without its agent until `after` has happened; then only that
    /// agent, until it has taken `until`.
    Delay {
        /// Where the delay begins.
        step: u32,
        /// What it is delayed behind.
        after: u32,
        /// The step that is delayed.
        until: u32,
    },
}

/// A change, what it would show, and how promising it is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// What is new if it succeeds.
    pub key: u64,
    /// 0: a value read changes, or two accesses are torn apart. 3: nothing visible changes.
    pub rank: u32,
    /// What to do.
    pub change: Change,
}

#[derive(Copy, Clone)]
struct Touch {
    step: usize,
    mode: Mode,
}

/// What a run shows, and what could be shown by changing it.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// Keys that the run shows.
    pub shown: Vec<u64>,
    /// Changes that would show other keys.
    pub candidates: Vec<Candidate>,
}

impl Conflicts {
    /// Of one run; `wanted` says whether a key is worth a candidate.
    ///
    /// `statics` words exist before the first step; an object made later is known by the offset
    /// of its words.
    pub fn new(record: &Record, statics: usize, mut wanted: impl FnMut(u64) -> bool) -> Conflicts {
        let order = Order::new(record, true);
        let forced = Order::new(record, false);
        let sections = Sections::new(record);
        let mut objects: IndexMap<Object, Vec<Touch>, FxBuildHasher> = IndexMap::default();
        for at in 0..record.steps.len() {
            for access in record.touched(at).iter().filter(|a| a.object.is_shareable()) {
                let touches = objects.entry(access.object).or_default();
                let again = touches.last().is_some_and(|t| t.step == at);
                if !again && touches.len() < ACCESSES {
                    touches.push(Touch { step: at, mode: access.mode });
                }
            }
        }
        let agent = |t: &Touch| record.steps[t.step].agent;
        objects.retain(|_, touches| touches.iter().any(|t| agent(t) != agent(&touches[0])));
        let contexts = contexts(record, &objects, statics);
        let mut conflicts = Conflicts::default();
        let mut reversed = IndexSet::default();
        for (object, touches) in &objects {
            let (order, forced, sections) = (&order, &forced, &sections);
            let contexts = &contexts;
            let mut one = OneObject {
                word: object.word_index().is_some(),
                contexts,
                record,
                order,
                forced,
                sections,
                id: id(*object, statics),
                touches,
                reversed: &mut reversed,
            };
            one.shown(&mut conflicts.shown);
            one.pairs(&mut wanted, &mut conflicts.candidates);
            one.triples(&mut wanted, &mut conflicts.candidates);
        }
        conflicts
    }
}

/// For each step: which writes the accesses of its agent followed just before, if any did.
fn contexts(
    record: &Record,
    objects: &IndexMap<Object, Vec<Touch>, FxBuildHasher>,
    statics: usize,
) -> Vec<u64> {
    let mut followed = vec![0u64; record.steps.len()];
    for (object, touches) in objects {
        let mut source = INIT;
        for touch in touches {
            let site = record.steps[touch.step].site;
            if !matches!(touch.mode, Mode::Acquire | Mode::Release) && object.word_index().is_some()
            {
                followed[touch.step] ^= mix(4, &[source, site, id(*object, statics)]);
            }
            if writes(touch.mode) {
                source = site;
            }
        }
    }
    let mut last = vec![0u64; record.agents()];
    for (at, step) in record.steps.iter().enumerate() {
        let own = &mut last[step.agent.index()];
        let before = *own;
        if followed[at] != 0 {
            *own = followed[at];
        }
        followed[at] = before;
    }
    followed
}

/// The same for the same word of each object that is made while running.
fn id(object: Object, statics: usize) -> u64 {
    match object.word_index() {
        Some(index) if index >= statics => (1 << 40) + (index % SLOT_WORDS) as u64,
        _ => object.0.into(),
    }
}

struct OneObject<'r> {
    /// Is it a word of memory? The order of other things is often forced.
    word: bool,
    contexts: &'r [u64],
    record: &'r Record,
    order: &'r Order,
    forced: &'r Order,
    sections: &'r Sections,
    id: u64,
    touches: &'r [Touch],
    /// Reversals of critical sections for which there is a candidate.
    reversed: &'r mut IndexSet<(u32, u32), FxBuildHasher>,
}

/// Nobody has written the object yet.
const INIT: u64 = 1;

impl OneObject<'_> {
    fn site(&self, t: &Touch) -> u64 {
        self.record.steps[t.step].site
    }

    fn same(&self, a: &Touch, b: &Touch) -> bool {
        self.record.steps[a.step].agent == self.record.steps[b.step].agent
    }

    fn happened(&self, t: &Touch) -> bool {
        t.step < self.record.happened
    }

    /// A write, and an access that follows it. What its agent saw just before is part of it, so
    /// that an old value of one object and a new one of another are something new together.
    fn pair_key(&self, writer: u64, reader: &Touch) -> u64 {
        mix(2, &[writer, self.site(reader), self.id, self.contexts[reader.step]])
    }

    fn triple_key(&self, a: &Touch, b: &Touch, c: &Touch) -> u64 {
        mix(3, &[self.site(a), self.site(b), self.site(c), self.id])
    }

    /// The site of the last writer before the access with this number.
    fn source(&self, before: usize) -> (u64, Option<u64>) {
        let writer = self.touches[..before].iter().rev().find(|t| writes(t.mode));
        writer.map_or((INIT, None), |t| (self.site(t), self.left_behind(t)))
    }

    /// The value that a write leaves behind.
    fn left_behind(&self, t: &Touch) -> Option<u64> {
        match self.record.steps[t.step].value {
            Value::Wrote(v) | Value::Changed(_, v) => Some(v),
            _ => None,
        }
    }

    fn seen(&self, t: &Touch) -> Option<u64> {
        match self.record.steps[t.step].value {
            Value::Saw(v) | Value::Changed(v, _) => Some(v),
            _ => None,
        }
    }

    fn shown(&self, out: &mut Vec<u64>) {
        for (n, touch) in self.touches.iter().enumerate() {
            if !self.happened(touch) || touch.mode == Mode::Release {
                continue;
            }
            out.push(self.pair_key(self.source(n).0, touch));
            let Some(first) = self.previous(n) else { continue };
            let between = self.touches[first + 1..n].iter();
            for b in between.filter(|b| b.mode != Mode::Release).take(8) {
                out.push(self.triple_key(&self.touches[first], b, touch));
            }
        }
    }

    /// The access before the `n`-th by the same agent (releases apart).
    fn previous(&self, n: usize) -> Option<usize> {
        let touch = &self.touches[n];
        let same = |t: &Touch| t.mode != Mode::Release && self.same(t, touch);
        self.touches[..n].iter().rposition(same)
    }

    fn pairs(&mut self, wanted: &mut impl FnMut(u64) -> bool, out: &mut Vec<Candidate>) {
        for n in 0..self.touches.len() {
            let second = self.touches[n];
            if second.mode == Mode::Release {
                continue;
            }
            let near = n.saturating_sub(WINDOW);
            for m in (near..n).rev().chain(0..near.min(FIRST)) {
                let first = self.touches[m];
                let conflict = writes(first.mode) || writes(second.mode);
                if first.mode == Mode::Release
                    || !conflict
                    || self.same(&first, &second)
                    || !self.happened(&first)
                {
                    continue;
                }
                let (source, value) = self.source(m);
                let mut keys = [Some(self.pair_key(source, &second)), None];
                if writes(second.mode) && !writes(first.mode) {
                    keys[1] = Some(self.pair_key(self.site(&second), &first));
                }
                let (before, start) = self.sections.starts(first.step, second.step);
                if self.forced.leads_to(self.record, before, start) {
                    continue;
                }
                // Two accesses under locks are reversed by reversing who takes the lock first.
                let reversal = (before as u32, start as u32);
                if self.reversed.contains(&reversal) {
                    continue;
                }
                let Some(key) = keys.into_iter().flatten().find(|&k| wanted(k)) else { continue };
                if (before, start) != (first.step, second.step) || second.mode == Mode::Acquire {
                    self.reversed.insert(reversal);
                }
                let minimal = !self.order.leads_to(self.record, before, start);
                let rank = self.rank(&first, &second, value);
                let (before, step) = (before as u32, second.step as u32);
                out.push(Candidate { key, rank, change: Change::Drive { before, step } });
                if minimal {
                    out.push(Candidate { key, rank, change: Change::Minimal { before, step } });
                }
            }
        }
    }

    /// What becomes visible when `second` comes before `first`, where `value` was before that.
    fn rank(&self, first: &Touch, second: &Touch, value: Option<u64>) -> u32 {
        if !self.word {
            return 3;
        }
        if first.mode == Mode::Acquire || second.mode == Mode::Acquire {
            return 1;
        }
        let differs = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a != b;
        let reads = |t: &Touch| {
            let value = self.record.steps[t.step].value;
            t.mode == Mode::Read || !matches!(value, Value::Wrote(_))
        };
        if writes(first.mode) && reads(second) && differs(self.seen(second), value) {
            return 0;
        }
        if writes(second.mode)
            && reads(first)
            && differs(self.seen(first), self.left_behind(second))
        {
            return 1;
        }
        if writes(first.mode) && writes(second.mode) { 2 } else { 3 }
    }

    fn triples(&mut self, wanted: &mut impl FnMut(u64) -> bool, out: &mut Vec<Candidate>) {
        for n in 0..self.touches.len() {
            let last = self.touches[n];
            if !self.happened(&last) || last.mode == Mode::Release {
                continue;
            }
            let Some(m) = self.previous(n) else { continue };
            let first = self.touches[m];
            let both_write = writes(first.mode) && writes(last.mode);
            let near = n.saturating_sub(WINDOW)..(n + WINDOW).min(self.touches.len());
            for at in near.filter(|at| !(m..=n).contains(at)) {
                let other = self.touches[at];
                let breaks = writes(other.mode) || both_write;
                if other.mode == Mode::Release || !breaks || self.same(&other, &first) {
                    continue;
                }
                let key = self.triple_key(&first, &other, &last);
                let (a1, a2, b) = (first.step, last.step, other.step);
                let (before, start) = self.sections.starts(a2, b);
                let (delayed, behind) = self.sections.starts(b, a1);
                let after = |i, j| self.forced.leads_to(self.record, i, j);
                let change = if at > n && before > a1 && !after(before, start) {
                    Change::Drive { before: before as u32, step: b as u32 }
                } else if at < m && self.happened(&other) && !after(delayed, behind) {
                    let step = delayed as u32;
                    Change::Delay { step, after: a1 as u32, until: b as u32 }
                } else {
                    continue;
                };
                if wanted(key) {
                    let rank = if self.word { 0 } else { 3 };
                    out.push(Candidate { key, rank, change });
                }
            }
        }
    }
}
