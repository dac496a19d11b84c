//! Lists that get shorter and longer again, from run to run, without giving up their elements.

use std::ops::{Deref, DerefMut};

/// The first elements of a list, of which the others are kept, storage and all, for when it grows.
#[derive(Clone, Debug)]
pub struct Reused<T> {
    all: Vec<T>,
    len: usize,
}

impl<T> Default for Reused<T> {
    fn default() -> Reused<T> {
        Reused { all: Vec::new(), len: 0 }
    }
}

impl<T: Default> Reused<T> {
    /// Changes the length. What comes back is as it was left.
    pub fn set_len(&mut self, len: usize) {
        if self.all.len() < len {
            self.all.resize_with(len, T::default);
        }
        self.len = len;
    }
}

impl<T> Deref for Reused<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.all[..self.len]
    }
}

impl<T> DerefMut for Reused<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.all[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_storage() {
        let mut list = Reused::<Vec<u8>>::default();
        list.set_len(2);
        list[1].reserve(20);
        list.set_len(0);
        list.set_len(3);
        let capacities: Vec<usize> = list.iter().map(Vec::capacity).collect();
        assert_eq!((capacities[0], capacities[1] >= 20, capacities[2]), (0, true, 0));
    }
}
