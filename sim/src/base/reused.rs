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

impl<T> Reused<T> {
    /// How many elements there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
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

    /// The element behind the last one, to be made the last by [`Reused::keep`]. So it can be
    /// written where it will stay, and only if it turns out to be wanted.
    #[inline]
    pub fn vacant(&mut self) -> &mut T {
        if self.len == self.all.len() {
            self.grow();
        }
        &mut self.all[self.len]
    }

    /// Adds the element that [`Reused::vacant`] has given away.
    #[inline]
    pub fn keep(&mut self) {
        debug_assert!(self.len < self.all.len(), "nobody has asked for the next element");
        self.len += 1;
    }

    /// Adds an element.
    #[inline]
    pub fn push(&mut self, element: T) {
        *self.vacant() = element;
        self.len += 1;
    }

    /// Cuts off all elements.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self) {
        self.all.resize_with((2 * self.len).max(64), T::default);
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

impl<'r, T> IntoIterator for &'r Reused<T> {
    type Item = &'r T;
    type IntoIter = std::slice::Iter<'r, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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

    #[test]
    fn the_next_element_counts_when_it_is_kept() {
        let mut list = Reused::default();
        (0..100).for_each(|n| list.push(n));
        *list.vacant() = 7;
        assert_eq!((list.len(), list.last()), (100, Some(&99)));
        list.keep();
        assert_eq!((list.len(), list.last()), (101, Some(&7)));
    }
}
