//! Virtual time: what is due when, ordered by (time, insertion number).

use crate::base::agent::AgentId;
use crate::base::ptr::Ptr;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens at a point in time.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// A sleeper wakes.
    Wake(AgentId),
    /// A timer expires on a CPU.
    Timer {
        /// Where its handler will run.
        cpu: u16,
        /// Address word of the `timer_list`.
        timer: u64,
        /// Address word of the handler.
        func: u64,
    },
}

/// A queue ordered by (time, insertion number).
#[derive(Debug, Default)]
pub struct Calendar {
    heap: BinaryHeap<Reverse<(u64, u32, Due)>>,
    inserted: u32,
}

impl Calendar {
    /// Empties it.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.inserted = 0;
    }

    /// Adds an entry at an absolute time.
    pub fn insert(&mut self, time: u64, due: Due) {
        self.heap.push(Reverse((time, self.inserted, due)));
        self.inserted += 1;
    }

    /// The time of the first entry.
    pub fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((time, _, _))| *time)
    }

    /// The entries in the order in which they come due.
    pub fn entries(&self) -> Vec<(u64, Due)> {
        let mut all: Vec<_> = self.heap.iter().map(|Reverse(entry)| *entry).collect();
        all.sort_unstable();
        all.into_iter().map(|(time, _, due)| (time, due)).collect()
    }

    /// Takes the first entry if it is due at `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<Due> {
        if self.next_time()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, due))| due)
    }

    /// Drops the entry of this timer; says whether there was one.
    pub fn cancel_timer(&mut self, wanted: Ptr) -> bool {
        let before = self.heap.len();
        self.heap.retain(
            |Reverse((_, _, due))| !matches!(due, Due::Timer { timer, .. } if *timer == wanted.0),
        );
        self.heap.len() != before
    }
}
