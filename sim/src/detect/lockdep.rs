//! Lockdep (kernel/locking/lockdep.c, v6.3): which locks each context holds, how each lock class
//! was used and in which order. It reports what could go wrong in some other schedule: ever, in
//! any order, on any CPU; no actual deadlock is necessary. The first problem of a class is
//! reported, the others are not.
//!
//! Sleeping locks take part in the order, and must not be taken where one cannot sleep (wait
//! context; without `CONFIG_PROVE_RAW_LOCK_NESTING` spinlocks and raw spinlocks are of one type).

use super::Detector;
use super::lock_graph::{
    Edge, Graph, Held, Strength, Usage, each, enabled, exclusive, exclusive_of, used_in,
};
use super::lock_report as report;
use crate::base::event::{Event, Phase};
use crate::base::finding::Alarm;
use crate::base::footprint::Access;
use crate::base::op::{LockKind, Op, Toggle};
use crate::base::preempt;
use crate::base::ptr::{Ptr, same_word};

/// See the module.
#[derive(Debug, Default)]
pub struct Lockdep {
    graph: Graph,
    /// By agent, in the order taken.
    held: Vec<Vec<Held>>,
}

impl Detector for Lockdep {
    fn reset(&mut self) {
        self.graph.reset();
        self.held.iter_mut().for_each(Vec::clear);
    }

    fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        self.graph.digest(events, out);
        for (agent, held) in self.held.iter().enumerate() {
            for h in held {
                out.extend([agent as u64, h.lock.0, super::place(events, h.event)]);
            }
        }
    }

    #[inline]
    fn observe(&mut self, at: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        let before = alarms.len();
        match event.call.op {
            // A lock is "acquired" when it is asked for; a trylock when it has succeeded.
            Op::Lock { at: lock, kind, attempt, subclass }
                if event.phase != Phase::Finished && (!attempt || event.reply != 0) =>
            {
                let (read, sleeps) = (kind.is_shared(), kind.sleeps());
                let class = self.graph.class_of(event.class, subclass, lock, sleeps);
                // read_lock_is_recursive(): in_interrupt() it passes waiting writers.
                let bh_off = preempt::in_interrupt(event.preempt + kind.preempt_offset());
                let recursive = read && !sleeps && bh_off;
                let next = Held { lock, class, event: at, read, recursive, sleeps };
                let first = self.held_by(event).is_empty();
                // Nothing can be wrong with one mutex of a task.
                if !(first && sleeps) || event.rcu_nesting != 0 || in_irq(event) {
                    self.acquire(event, next, kind, attempt, alarms);
                }
                if sleeps {
                    self.slept(next);
                }
                self.held_by(event).push(next);
            }
            Op::Unlock { at: lock, kind, flags } => {
                self.release(event, lock, kind, alarms);
                if kind.sleeps() {
                    return self.seen(at, event, before, alarms);
                }
                let restores = kind == LockKind::SpinIrqSave && flags == 0;
                if kind.unlock_turns_irqs_on() || (restores && event.irqs_off) {
                    self.irqs_enabled(
                        at,
                        event,
                        event.preempt.saturating_sub(kind.preempt_offset()),
                        alarms,
                    );
                } else if kind.bh_off() {
                    self.bh_enabled(at, event, kind.preempt_offset(), alarms);
                }
            }
            Op::Toggle(Toggle::IrqEnable) | Op::IrqRestore(0) if event.irqs_off => {
                self.irqs_enabled(at, event, event.preempt, alarms);
            }
            Op::Toggle(Toggle::BhEnable) => {
                self.bh_enabled(at, event, preempt::SOFTIRQ_DISABLE_OFFSET, alarms);
            }
            Op::Free { at: object } => {
                let held = self
                    .held
                    .get(event.agent.index())
                    .and_then(|held| held.iter().find(|h| h.lock.object() == object.object()));
                alarms.extend(held.map(|&held| report::held_lock_freed(&self.graph, held)));
            }
            _ => {}
        }
        self.seen(at, event, before, alarms);
    }
}

/// In a hard interrupt, or serving a softirq?
fn in_irq(event: &Event) -> bool {
    preempt::in_hardirq(event.preempt) || preempt::in_serving_softirq(event.preempt)
}

impl Lockdep {
    /// See [`Detectors::changes`](super::Detectors::changes).
    pub fn changes(&self) -> u32 {
        self.graph.changes()
    }

    /// An event has been looked at; `before`: how many alarms there were when that began.
    #[inline]
    fn seen(&mut self, at: u32, event: &Event, before: usize, alarms: &mut Vec<Alarm>) {
        if alarms.len() > before {
            self.show_held(at, event, &mut alarms[before..]);
        }
        if event.ends {
            self.left(event, alarms);
        }
    }

    /// Lists what the context held when it asked for more.
    fn show_held(&self, at: u32, event: &Event, alarms: &mut [Alarm]) {
        let held = self.held.get(event.agent.index()).map_or(&[][..], Vec::as_slice);
        let before = held.last().map_or(0, |last| held.len() - usize::from(last.event == at));
        report::show_held(&self.graph, event, &held[..before], alarms);
    }

    /// What the context of an event holds.
    #[inline]
    fn held_by(&mut self, event: &Event) -> &mut Vec<Held> {
        let index = event.agent.index();
        if self.held.len() <= index {
            self.held.resize_with(index + 1, Vec::new);
        }
        &mut self.held[index]
    }

    /// Looks for what is wrong with taking `next`, which is not among those held yet.
    #[inline(never)]
    fn acquire(
        &mut self,
        event: &Event,
        next: Held,
        kind: LockKind,
        attempt: bool,
        alarms: &mut Vec<Alarm>,
    ) {
        if !next.sleeps {
            let irqs_on = !event.irqs_off && !kind.irqs_off();
            // As things are once the lock is held: its own flavour turns off what it turns off.
            let bh_on = !preempt::bh_disabled(event.preempt + kind.preempt_offset());
            let mut bits = 0;
            if irqs_on {
                bits |= enabled(false, next.read);
                bits |= if bh_on { enabled(true, next.read) } else { 0 };
            }
            if !attempt && preempt::in_hardirq(event.preempt) {
                bits |= used_in(false, next.read);
            }
            if !attempt && preempt::in_serving_softirq(event.preempt) {
                bits |= used_in(true, next.read);
            }
            self.mark(event, next, bits, next.event, alarms);
        }
        // Nobody waits in a trylock, so it closes no circle.
        if !attempt {
            if next.sleeps {
                self.wait_context(event, next, alarms);
                self.slept(next);
            }
            self.order(event, next, alarms);
        }
    }

    /// Takes note that a lock that sleeps was taken, with interrupts on as they must be.
    #[inline]
    fn slept(&mut self, lock: Held) {
        self.graph.class_mut(lock.class).slept |=
            enabled(false, lock.read) | enabled(true, lock.read);
    }

    /// Adds new usage of a class, and looks for usage that it contradicts.
    #[inline]
    fn mark(&mut self, event: &Event, held: Held, bits: Usage, at: u32, alarms: &mut Vec<Alarm>) {
        let class = self.graph.class_mut(held.class);
        let new = bits & !class.usage;
        if new == 0 {
            return;
        }
        for bit in each(new) {
            let class = self.graph.class_mut(held.class);
            class.usage |= bit;
            class.first[bit.trailing_zeros() as usize] = at;
            let Some(old) = each(class.usage & exclusive(bit)).next() else {
                self.mark_along_chains(held, bit, alarms);
                continue;
            };
            if !std::mem::replace(&mut class.reported, true) {
                alarms.push(report::inconsistent(&self.graph, event, held, old, bit));
            }
        }
    }

    /// A lock used in an interrupt must not have one inside it that is taken with that interrupt
    /// enabled.
    fn mark_along_chains(&mut self, held: Held, bit: Usage, alarms: &mut Vec<Alarm>) {
        let (against, backwards) = (exclusive(bit), bit >= 16);
        let fits = |g: &Graph, c: u16| g.class(c).usage & against != 0;
        let Some((other, path)) = self.graph.search(held.class, backwards, fits) else { return };
        if self.first_of(held.class, other) {
            alarms.push(report::irq_inversion(&self.graph, held, other, bit, &path));
        }
    }

    /// A lock that sleeps, taken where the context or a lock around it forbids that
    /// (check_wait_context()).
    fn wait_context(&mut self, event: &Event, next: Held, alarms: &mut Vec<Alarm>) {
        let around = self.held[event.agent.index()].iter().find(|h| !h.sleeps).copied();
        if around.is_none() && event.rcu_nesting == 0 && !in_irq(event) {
            return;
        }
        let class = self.graph.class_mut(next.class);
        if !std::mem::replace(&mut class.reported, true) {
            alarms.push(report::wait_context(&self.graph, event, next, around));
        }
    }

    /// Takes note that `next` is taken inside what the agent holds.
    fn order(&mut self, event: &Event, next: Held, alarms: &mut Vec<Alarm>) {
        let agent = event.agent.index();
        for i in 0..self.held[agent].len() {
            let held = self.held[agent][i];
            if held.class == next.class {
                if held.read && next.recursive {
                    continue;
                }
                let class = self.graph.class_mut(next.class);
                if !std::mem::replace(&mut class.reported, true) {
                    alarms.push(report::recursion(&self.graph, held, next));
                }
            } else if !self.graph.has_edge(held.class, next.class, Strength::of(held, next)) {
                self.new_order(event, held, next, alarms);
            }
        }
    }

    fn new_order(&mut self, event: &Event, held: Held, next: Held, alarms: &mut Vec<Alarm>) {
        let strength = Strength::of(held, next);
        let back = self.graph.circle(next, held);
        let edge = Edge { to: next.class, event: next.event, strength };
        self.graph.class_mut(held.class).edges.push(edge);
        if let Some(path) = back {
            if self.first_of(held.class, next.class) {
                alarms.push(report::circle(&self.graph, held, next, &path));
            }
            return;
        }
        self.safe_to_unsafe(event, held, next, alarms);
    }

    /// Does the new order put a lock that is taken with an interrupt enabled inside one that this
    /// interrupt takes?
    fn safe_to_unsafe(&mut self, event: &Event, held: Held, next: Held, alarms: &mut Vec<Alarm>) {
        for irq_bits in [0b0011, 0b1100] {
            let is_safe = |g: &Graph, c: u16| g.class(c).usage & irq_bits != 0;
            let Some((safe, _)) = self.graph.search(held.class, true, is_safe) else { continue };
            let against = exclusive_of(self.graph.class(safe).usage & irq_bits);
            let is_unsafe = |g: &Graph, c: u16| g.class(c).usage & against != 0;
            let found = self.graph.search(next.class, false, is_unsafe);
            if let Some((other, _)) = found
                && self.first_of(safe, other)
            {
                alarms.push(report::safe_to_unsafe(
                    &self.graph,
                    event,
                    (held, next),
                    (safe, other),
                    irq_bits,
                ));
            }
        }
    }

    /// Is this the first problem of one of these classes?
    fn first_of(&mut self, a: u16, b: u16) -> bool {
        let known = [a, b].map(|c| std::mem::replace(&mut self.graph.class_mut(c).reported, true));
        known != [true, true]
    }

    #[inline]
    fn release(&mut self, event: &Event, lock: Ptr, kind: LockKind, alarms: &mut Vec<Alarm>) {
        let held = self.held.get_mut(event.agent.index());
        // Most often the one taken last.
        if held.and_then(|held| held.pop_if(|last| last.lock == lock)).is_none() {
            self.release_another(event, lock, kind, alarms);
        }
    }

    #[inline(never)]
    fn release_another(
        &mut self,
        event: &Event,
        lock: Ptr,
        kind: LockKind,
        alarms: &mut Vec<Alarm>,
    ) {
        let is_it = |h: &Held| same_word(h.lock.0, lock.0);
        let held = self.held.get_mut(event.agent.index());
        let at = held.as_ref().and_then(|held| held.iter().rposition(is_it));
        match (held, at) {
            (Some(held), Some(at)) => drop(held.remove(at)),
            // Whether an exclusive lock is held by somebody else, the lock itself knows.
            _ if kind.is_shared() => alarms.push(report::bad_unlock(lock)),
            _ => {}
        }
    }

    /// Interrupts are on again: whatever this context still holds is held with them enabled.
    fn irqs_enabled(&mut self, at: u32, event: &Event, count: u32, alarms: &mut Vec<Alarm>) {
        let bh_on = !preempt::bh_disabled(count);
        self.mark_held(at, event, alarms, |read| {
            enabled(false, read) | if bh_on { enabled(true, read) } else { 0 }
        });
    }

    /// A bottom-half region may have ended, with the same consequence.
    fn bh_enabled(&mut self, at: u32, event: &Event, offset: u32, alarms: &mut Vec<Alarm>) {
        if !event.irqs_off && !preempt::bh_disabled(event.preempt.saturating_sub(offset)) {
            self.mark_held(at, event, alarms, |read| enabled(true, read));
        }
    }

    fn mark_held(
        &mut self,
        at: u32,
        event: &Event,
        alarms: &mut Vec<Alarm>,
        bits: impl Fn(bool) -> Usage,
    ) {
        let index = event.agent.index();
        for i in 0..self.held.get(index).map_or(0, Vec::len) {
            let held = self.held[index][i];
            if !held.sleeps {
                self.mark(event, held, bits(held.read), at, alarms);
            }
        }
    }

    /// The context has ended: it must hold nothing.
    fn left(&mut self, event: &Event, alarms: &mut Vec<Alarm>) {
        let Some(held) = self.held.get_mut(event.agent.index()) else { return };
        if let Some(&first) = held.first() {
            let mut alarm = [report::still_held(event, first)];
            report::show_held(&self.graph, event, held, &mut alarm);
            alarms.extend(alarm);
            held.clear();
        }
    }
}
