//! Streams of random numbers: ChaCha8 under a key made from the campaign seed, one stream for each
//! (run, purpose). An added draw in one place moves nothing elsewhere.

use crate::base::hash::StableHash;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of decisions. All arithmetic is on fixed-width integers, so that every target draws
/// the same.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
    seed: u64,
}

impl Stream {
    /// The stream for one run of a campaign and one purpose.
    pub fn new(seed: u64, index: u64, purpose: &str) -> Stream {
        let mut key = *b"        ksim schedule stream 01 ";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut stream = Stream { rng: ChaCha8Rng::from_seed(key), seed };
        stream.restart(index, purpose);
        stream
    }

    /// Moves to the stream of another run or purpose of the same campaign.
    pub fn restart(&mut self, index: u64, purpose: &str) {
        // In this order: changing the stream amid a block would compute that block once more.
        self.rng.set_word_pos(0);
        self.rng.set_stream(StableHash::new().num(index).text(purpose).finish());
    }

    /// Moves to the stream of any campaign; cheap if it is the same one.
    pub fn aim(&mut self, seed: u64, index: u64, purpose: &str) {
        if self.seed == seed {
            self.restart(index, purpose);
        } else {
            *self = Stream::new(seed, index, purpose);
        }
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// A number below `n`, each with the same probability (multiply and reject).
    ///
    /// # Panics
    /// When `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n != 0, "no number is below 0");
        let mut product = u64::from(self.next_u32()) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// True `num` times out of `den`.
    pub fn ratio(&mut self, num: u32, den: u32) -> bool {
        self.below(den) < num
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old seeds live as long as these vectors.
    #[test]
    fn golden() {
        let mut s = Stream::new(1, 2, "schedule");
        let raw: Vec<u32> = (0..4).map(|_| s.next_u32()).collect();
        let mut s = Stream::new(1, 2, "schedule");
        let small: Vec<u32> = (0..12).map(|_| s.below(10)).collect();
        assert_eq!((raw, small), (GOLDEN_RAW.to_vec(), GOLDEN_BELOW_10.to_vec()));
    }

    const GOLDEN_RAW: [u32; 4] = [3_809_856_279, 1_801_015_789, 362_138_935, 2_143_862_598];
    const GOLDEN_BELOW_10: [u32; 12] = [8, 4, 0, 4, 9, 7, 6, 1, 6, 8, 1, 5];

    #[test]
    fn streams_of_other_runs_and_purposes_differ() {
        let draw = |mut s: Stream| [s.next_u32(), s.next_u32()];
        let all = [
            draw(Stream::new(1, 2, "a")),
            draw(Stream::new(1, 3, "a")),
            draw(Stream::new(1, 2, "b")),
            draw(Stream::new(2, 2, "a")),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
        let mut moved = Stream::new(1, 9, "z");
        moved.next_u32();
        moved.restart(2, "a");
        assert_eq!(draw(moved), all[0]);
    }

    #[test]
    fn below_is_even() {
        let mut s = Stream::new(7, 0, "even");
        let mut seen = [0u32; 6];
        for _ in 0..60_000 {
            seen[s.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (9_600..10_400).contains(&n)), "{seen:?}");
    }
}
