//! Stable hashes: everything printed, stored or turned into a stream goes through xxh3 over bytes
//! laid out here (little-endian, length-prefixed), never through `std::hash`.

use xxhash_rust::xxh3::Xxh3;

/// A hash in the making.
#[derive(Clone, Default)]
pub struct StableHash(Xxh3);

impl StableHash {
    /// An empty hash.
    pub fn new() -> StableHash {
        StableHash(Xxh3::new())
    }

    /// Adds one number.
    pub fn num(&mut self, n: u64) -> &mut StableHash {
        self.0.update(&n.to_le_bytes());
        self
    }

    /// Adds one text with its length.
    pub fn text(&mut self, s: &str) -> &mut StableHash {
        self.num(s.len() as u64);
        self.0.update(s.as_bytes());
        self
    }

    /// The 64-bit digest of what was added so far.
    pub fn finish(&self) -> u64 {
        self.0.digest()
    }
}

impl std::fmt::Debug for StableHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StableHash({:016x})", self.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(StableHash::new().finish(), 0x2d06_8005_38d3_94c2);
        let mut h = StableHash::new();
        h.text("schedule").num(7);
        let mut bytes = 8u64.to_le_bytes().to_vec();
        bytes.extend(b"schedule");
        bytes.extend(7u64.to_le_bytes());
        assert_eq!(h.finish(), xxhash_rust::xxh3::xxh3_64(&bytes));
    }
}
