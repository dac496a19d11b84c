//! Detectors watch events and nothing else, so a stored trace can be checked too. What the kernel
//! layer refuses to carry out (a freed object, a corrupt list) it reports itself.

mod clocks;
pub mod context;
mod lock_graph;
mod lock_report;
pub mod lockdep;
pub mod race;
pub mod rcu;
pub mod retired;
pub mod sleep;

use crate::base::event::{Eqs, Event};
use crate::base::finding::Alarm;
use crate::base::footprint::Access;
use crate::base::op::{Marking, Op};

/// Something that watches events.
pub trait Detector {
    /// Forgets the last run; keeps the storage.
    fn reset(&mut self);
    /// Sees event number `at` and what it touched.
    fn observe(&mut self, at: u32, event: &Event, accesses: &[Access], alarms: &mut Vec<Alarm>);
    /// Appends everything that later alarms depend on, steps by their place in the programs and
    /// not by their number: the exhaustive search takes two states for one only if these are equal
    /// too. A detector that keeps nothing appends nothing.
    fn digest(&self, events: &[Event], out: &mut Vec<u64>);
}

/// A step, by its place in its program.
pub(crate) fn place(events: &[Event], at: u32) -> u64 {
    events.get(at as usize).map_or(0, |e| {
        let (line, column) = (u64::from(e.call.loc.line()), u64::from(e.call.loc.column()));
        u64::from(e.agent.0) << 48 | (line & 0xff_ffff) << 24 | column & 0xff_ffff
    })
}

/// An operation that takes no lock, never sleeps and needs no reader's protection: nothing for
/// those who look at more than the words touched.
fn only_touches_words(op: &Op) -> bool {
    match op {
        Op::Read { how, .. } => *how != Marking::RcuDereference,
        Op::Nop | Op::Write { .. } | Op::Rmw { .. } | Op::Refcount { .. } => true,
        _ => false,
    }
}

/// Is it, even where nothing is turned off, something that the detectors of RCU look at?
#[inline]
fn concerns_rcu(op: &Op) -> bool {
    let read = matches!(op, Op::Read { how: Marking::RcuDereference, .. });
    read || matches!(op, Op::RcuRetire { .. } | Op::GpStart | Op::GpEnd)
}

/// Nothing is turned off, nor is anything read under RCU: most operations are then the business of
/// lockdep alone, if of any.
#[inline]
fn at_ease(event: &Event) -> bool {
    let watched = event.eqs == Eqs::Watching;
    event.preempt == 0 && !event.irqs_off && event.rcu_nesting == 0 && watched
}

/// Which of the detectors that can be turned off are on.
#[derive(Copy, Clone, Debug, Default)]
pub struct Watch {
    /// Order and usage of locks.
    pub lockdep: bool,
    /// Data races.
    pub data_race: bool,
    /// Are tasks preempted only where they give way?
    pub cooperative: bool,
    /// Do RCU readers turn preemption off?
    pub classic_rcu: bool,
}

/// All detectors.
#[derive(Debug, Default)]
pub struct Detectors {
    watch: Watch,
    lockdep: lockdep::Lockdep,
    context: context::WrongContext,
    sleep: sleep::SleepInAtomic,
    race: race::DataRace,
    rcu: rcu::SuspiciousRcu,
    retired: retired::WriteBeforeGracePeriod,
}

impl Detectors {
    /// Says which are on, and under which rules; before the first step.
    pub fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
        self.race.cooperative = watch.cooperative;
        self.sleep.classic_rcu = watch.classic_rcu;
        self.rcu.classic = watch.classic_rcu;
    }

    /// Grows whenever a step has changed what is known of locks: the order of two such steps
    /// decides what is reported, even if they touch nothing in common.
    pub fn changes(&self) -> u32 {
        self.lockdep.changes()
    }

    /// Could an event be of interest to any of them? Most are not: most steps do no more than touch
    /// a word.
    #[inline]
    pub fn concerned(&self, event: &Event) -> bool {
        event.ends || self.watch_words() || !only_touches_words(&event.call.op)
    }

    /// Does any of them look at steps that do no more than touch a word?
    #[inline]
    pub fn watch_words(&self) -> bool {
        self.watch.data_race || self.retired.is_active()
    }
}

impl Detector for Detectors {
    fn reset(&mut self) {
        self.lockdep.reset();
        self.sleep.reset();
        self.race.reset();
        self.rcu.reset();
        self.retired.reset();
    }

    #[inline]
    fn observe(&mut self, at: u32, event: &Event, accesses: &[Access], alarms: &mut Vec<Alarm>) {
        // Most steps do no more than touch a word.
        let plain = !event.ends && only_touches_words(&event.call.op);
        let unusual = !plain && (!at_ease(event) || concerns_rcu(&event.call.op));
        // In the order in which the kernel looks: might_sleep() comes before the lock is asked for.
        if unusual {
            self.rcu.observe(at, event, accesses, alarms);
            self.sleep.observe(at, event, accesses, alarms);
            self.context.observe(at, event, accesses, alarms);
        }
        if self.watch.lockdep && !plain {
            self.lockdep.observe(at, event, accesses, alarms);
        }
        if unusual || self.retired.is_active() {
            self.retired.observe(at, event, accesses, alarms);
        }
        if self.watch.data_race {
            self.race.observe(at, event, accesses, alarms);
        }
    }

    fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        self.lockdep.digest(events, out);
        self.sleep.digest(events, out);
        self.rcu.digest(events, out);
        self.retired.digest(events, out);
        if self.watch.data_race {
            self.race.digest(events, out);
        }
    }
}
