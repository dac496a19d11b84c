//! Vector clocks and the last accesses of each word, for the data-race detector. All storage is
//! kept from run to run.

use crate::base::agent::AgentId;
use crate::base::event::Event;

/// How a word is accessed: bits of a [`Cell`].
pub(super) const WRITE: u8 = 1;
/// See [`WRITE`].
pub(super) const PLAIN: u8 = 2;

/// How far each context (by number) had got.
pub(super) type Clock = Vec<u32>;

/// The later of two clocks, into the first.
#[inline]
pub(super) fn join(into: &mut Clock, from: &[u32]) {
    if into.len() < from.len() {
        into.resize(from.len(), 0);
    }
    for (a, &b) in into.iter_mut().zip(from) {
        *a = (*a).max(b);
    }
}

/// For the exhaustive search: a clock with its length.
pub(super) fn digest_clock(clock: &[u32], out: &mut Vec<u64>) {
    out.push(clock.len() as u64);
    out.extend(clock.iter().map(|&c| u64::from(c)));
}

/// Clocks that belong to no word.
#[derive(Debug, Default)]
pub(super) struct Named {
    clocks: Vec<Clock>,
}

impl Named {
    /// Readers that have ended.
    pub(super) const READERS: usize = 0;
    /// Grace periods that have ended, and the readers before them.
    pub(super) const GRACE_PERIODS: usize = 1;
    /// Handlers, callbacks, work items that have ended.
    pub(super) const DONE: usize = 2;
    /// Cross-calls made.
    pub(super) const CALLS: usize = 3;
    const FIRST_REGION: usize = 4;

    /// Forgets the last run.
    pub(super) fn reset(&mut self) {
        self.clocks.iter_mut().for_each(Clock::clear);
    }

    /// For the exhaustive search.
    pub(super) fn digest(&self, out: &mut Vec<u64>) {
        self.clocks.iter().for_each(|clock| digest_clock(clock, out));
    }

    /// One of the constants.
    pub(super) fn get(&mut self, which: usize) -> &mut Clock {
        if self.clocks.len() <= which {
            self.clocks.resize_with(which + 1, Clock::new);
        }
        &mut self.clocks[which]
    }

    /// Regions of a CPU that have ended: tasks kept off (0), softirqs (1), interrupts (2).
    #[inline]
    pub(super) fn region(&mut self, cpu: u16, which: usize) -> &mut Clock {
        self.get(Named::FIRST_REGION + usize::from(cpu) * 3 + which)
    }

    /// A grace period comes after the readers that have ended: those of RCU, and all regions with
    /// preemption off.
    pub(super) fn end_grace_period(&mut self) {
        let mut ended = std::mem::take(self.get(Named::GRACE_PERIODS));
        join(&mut ended, self.get(Named::READERS));
        for clock in self.clocks.iter().skip(Named::FIRST_REGION).step_by(3) {
            join(&mut ended, clock);
        }
        self.clocks[Named::GRACE_PERIODS] = ended;
    }
}

/// An access to a word.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Cell {
    /// Its context's own time; 0 for no access.
    pub(super) clock: u32,
    /// The step that made it.
    pub(super) event: u32,
    /// Who.
    pub(super) agent: u16,
    /// How.
    pub(super) how: u8,
}

/// What is known of one word.
#[derive(Clone, Debug, Default)]
pub(super) struct Shadow {
    /// The run that this is about.
    stamp: u32,
    /// The clock of marked writes and locks, plus one.
    sync: u32,
    /// A race on it was reported.
    pub(super) reported: bool,
    /// Accesses, the last ones as far as they say something new.
    pub(super) cells: [Cell; 4],
}

/// All words.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    words: Vec<Shadow>,
    syncs: Vec<Clock>,
    used: u32,
    run: u32,
}

impl Shadows {
    /// Forgets the last run.
    pub(super) fn reset(&mut self) {
        self.used = 0;
        self.run = self.run.wrapping_add(1);
        if self.run == 0 {
            self.words.clear();
            self.run = 1;
        }
    }

    /// For the exhaustive search: all that is known of this run.
    pub(super) fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        for (word, shadow) in self.words.iter().enumerate().filter(|(_, s)| s.stamp == self.run) {
            out.extend([word as u64, shadow.reported.into()]);
            for cell in shadow.cells.iter().filter(|c| c.clock != 0) {
                let place = super::place(events, cell.event);
                out.extend([cell.clock.into(), cell.agent.into(), cell.how.into(), place]);
            }
            digest_clock(self.known_sync(word).map_or(&[], Vec::as_slice), out);
        }
    }

    /// A word's.
    #[inline]
    pub(super) fn of(&mut self, word: usize) -> &mut Shadow {
        if self.words.len() <= word {
            self.words.resize(word + 64, Shadow::default());
        }
        let shadow = &mut self.words[word];
        if shadow.stamp != self.run {
            *shadow = Shadow { stamp: self.run, ..Shadow::default() };
        }
        shadow
    }

    /// The clock of a word that orders.
    #[inline]
    pub(super) fn sync(&mut self, word: usize) -> &mut Clock {
        let next = self.used + 1;
        let shadow = self.of(word);
        if shadow.sync == 0 {
            shadow.sync = next;
            self.used = next;
            match self.syncs.get_mut(next as usize - 1) {
                Some(old) => old.clear(),
                None => self.syncs.push(Clock::new()),
            }
            return &mut self.syncs[next as usize - 1];
        }
        let known = shadow.sync as usize - 1;
        &mut self.syncs[known]
    }

    /// As [`Shadows::sync`], if there is one.
    #[inline]
    pub(super) fn known_sync(&self, word: usize) -> Option<&Clock> {
        let shadow = self.words.get(word).filter(|s| s.stamp == self.run)?;
        Some(&self.syncs[(shadow.sync as usize).checked_sub(1)?])
    }

    /// A word of a new object, written by the one who allocates it.
    pub(super) fn fresh(&mut self, word: usize, me: AgentId, clock: u32, at: u32) {
        let how = WRITE | PLAIN;
        let shadow = self.of(word);
        shadow.reported = false;
        shadow.cells = Default::default();
        shadow.cells[0] = Cell { clock, event: at, agent: me.0, how };
    }
}
