//! Which kind of object a word is being used as, beyond what its type says: one bit each.

use crate::base::ptr::SLOT_WORDS;

/// Part of a list node that is on a list.
pub const LISTED: u8 = 1;
/// Part of an `rcu_head` that is queued.
pub const QUEUED: u8 = 2;
/// A condition must hold for every value written here.
pub const INVARIANT: u8 = 4;

/// The roles of all words. Few have any, so one bit a slot says whether to look further.
#[derive(Debug, Default)]
pub(super) struct Roles {
    words: Vec<u8>,
    slots: Vec<u64>,
}

impl Roles {
    /// Makes room for this slot.
    pub(super) fn grow(&mut self, slot: usize) {
        if self.words.len() < (slot + 1) * SLOT_WORDS {
            self.words.resize((slot + 1) * SLOT_WORDS, 0);
            self.slots.resize(slot / 64 + 1, 0);
        }
    }

    /// The role of a word.
    #[inline]
    pub(super) fn of(&self, index: usize) -> u8 {
        let slot = index / SLOT_WORDS;
        if self.slots[slot / 64] >> (slot % 64) & 1 != 0 { self.words[index] } else { 0 }
    }

    /// The role of a word, to change.
    pub(super) fn of_mut(&mut self, index: usize) -> &mut u8 {
        let slot = index / SLOT_WORDS;
        self.slots[slot / 64] |= 1 << (slot % 64);
        &mut self.words[index]
    }

    /// Forgets the roles of a slot.
    pub(super) fn clear(&mut self, slot: usize) {
        let (mask, bit) = (&mut self.slots[slot / 64], 1 << (slot % 64));
        if *mask & bit != 0 {
            *mask ^= bit;
            self.words[slot * SLOT_WORDS..][..SLOT_WORDS].fill(0);
        }
    }
}
