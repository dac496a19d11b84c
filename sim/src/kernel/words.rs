//! The words of simulated memory, as they lie in the memory of this computer.

use crate::base::ptr::SLOT_WORDS;

/// Words in one of the processor's cache lines.
const LINE: usize = 8;

/// All words. Those of a slot are as far apart as slots are long, and most objects are short: so
/// the first line of every slot lies beside the first lines of its neighbours, then the second, and
/// so on. A large machine then needs little of the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Words {
    lines: [Vec<u64>; SLOT_WORDS / LINE],
}

/// Which of the lists, and where in it.
#[inline]
fn place(index: usize) -> (usize, usize) {
    (index % SLOT_WORDS / LINE, index / SLOT_WORDS * LINE + index % LINE)
}

impl Words {
    /// Makes room for this slot.
    pub(super) fn grow(&mut self, slot: usize) {
        let len = (slot + 1) * LINE;
        if self.lines[0].len() < len {
            self.lines.iter_mut().for_each(|line| line.resize(len, 0));
        }
    }

    /// The word with this index.
    #[inline]
    pub(super) fn get(&self, index: usize) -> u64 {
        let (line, at) = place(index);
        self.lines[line][at]
    }

    /// The word with this index, to change.
    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut u64 {
        let (line, at) = place(index);
        &mut self.lines[line][at]
    }

    /// Fills the first words of a slot.
    pub(super) fn fill(&mut self, slot: usize, words: usize, value: u64) {
        let first = slot * LINE;
        for (i, line) in self.lines[..words.div_ceil(LINE)].iter_mut().enumerate() {
            line[first..first + LINE.min(words - i * LINE)].fill(value);
        }
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
