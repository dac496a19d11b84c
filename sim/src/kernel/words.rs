//! The words of simulated memory, as they lie in the memory of this computer.

use crate::base::ptr::SLOT_WORDS;

/// Words in one of the processor's cache lines.
const LINE: usize = 8;
/// The other words of a slot.
const REST: usize = SLOT_WORDS - LINE;

/// All words. Those of a slot are as far apart as slots are long, and most objects are short: so
/// the first line of every slot lies beside the first lines of its neighbours, and what is left of
/// the slots elsewhere. A large machine then needs little of the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Words {
    first: Vec<u64>,
    rest: Vec<u64>,
}

impl Words {
    /// Makes room for this slot.
    pub(super) fn grow(&mut self, slot: usize) {
        if self.first.len() < (slot + 1) * LINE {
            self.first.resize((slot + 1) * LINE, 0);
            self.rest.resize((slot + 1) * REST, 0);
        }
    }

    /// The word with this index.
    #[inline]
    pub(super) fn get(&self, index: usize) -> u64 {
        let (slot, word) = (index / SLOT_WORDS, index % SLOT_WORDS);
        if word < LINE {
            self.first[slot * LINE + word]
        } else {
            self.rest[slot * REST + word - LINE]
        }
    }

    /// The word with this index, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut u64 {
        let (slot, word) = (index / SLOT_WORDS, index % SLOT_WORDS);
        if word < LINE {
            &mut self.first[slot * LINE + word]
        } else {
            &mut self.rest[slot * REST + word - LINE]
        }
    }

    /// Fills the first words of a slot.
    pub(super) fn fill(&mut self, slot: usize, words: usize, value: u64) {
        self.first[slot * LINE..][..words.min(LINE)].fill(value);
        self.rest[slot * REST..][..words.saturating_sub(LINE)].fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_place_of_its_own() {
        let mut words = Words::default();
        words.grow(2);
        (0..3 * SLOT_WORDS).for_each(|i| *words.get_mut(i) = i as u64);
        words.fill(1, 11, 7);
        for i in 0..3 * SLOT_WORDS {
            let filled = (SLOT_WORDS..SLOT_WORDS + 11).contains(&i);
            assert_eq!(words.get(i), if filled { 7 } else { i as u64 });
        }
    }
}
