//! Words changed before the grace period that protects their readers has ended.
//!
//! A scenario says with `rcu_retire(field)` that nobody new will find these words, but that
//! readers who have found them may still read until a grace period that begins later has ended.
//! From then to that end any write to them is a finding, whether or not a reader is there to see
//! it: links threaded through a table that is being freed, an early free.

use super::Detector;
use crate::base::event::Event;
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::{Access, Mode};
use crate::base::op::Op;
use crate::base::ptr::Ptr;

/// Words that may still be read.
#[derive(Copy, Clone, Debug)]
struct Retired {
    start: Ptr,
    words: usize,
    /// The grace period that must end.
    ticket: u64,
    /// The step that retired them.
    event: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct WriteBeforeGracePeriod {
    retired: Vec<Retired>,
    /// Grace periods begun.
    started: u64,
}

impl Detector for WriteBeforeGracePeriod {
    fn reset(&mut self) {
        self.retired.clear();
        self.started = 0;
    }

    fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        for r in &self.retired {
            let place = super::place(events, r.event);
            out.extend([r.start.0, r.words as u64, r.ticket.abs_diff(self.started), place]);
        }
    }

    #[inline]
    fn observe(&mut self, at: u32, event: &Event, accesses: &[Access], alarms: &mut Vec<Alarm>) {
        match event.call.op {
            Op::GpStart => self.started = event.reply,
            Op::GpEnd => self.retired.retain(|r| r.ticket > event.reply),
            Op::RcuRetire { at: start, words } => {
                let ticket = self.started + 1;
                self.retired.push(Retired { start, words: words.into(), ticket, event: at });
            }
            _ if !self.retired.is_empty() => self.check(accesses, alarms),
            _ => {}
        }
    }
}

impl WriteBeforeGracePeriod {
    /// Are there words that it watches?
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        !self.retired.is_empty()
    }

    fn check(&mut self, accesses: &[Access], alarms: &mut Vec<Alarm>) {
        for access in accesses.iter().filter(|a| a.mode == Mode::Write) {
            let Some(word) = access.object.word_index() else { continue };
            let hit = self.retired.iter().position(|r| {
                let first = r.start.index();
                (first..first + r.words).contains(&word)
            });
            if let Some(hit) = hit {
                // One report for each.
                let range = self.retired.swap_remove(hit);
                let at = range.start.word(word - range.start.index());
                alarms.push(Alarm {
                    what: "write to {object}",
                    others: vec![(range.event, "Retired")],
                    ..Alarm::new(
                        Kind::WriteBeforeGracePeriod,
                        "BUG: {func} changes {object} before the grace period of its readers ends",
                        at,
                    )
                });
            }
        }
    }
}
