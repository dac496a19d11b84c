//! The state in which a run ends, for a scenario's checks.

use crate::base::ptr::Ptr;
use crate::kernel::System;
use crate::program::handle::Scalar;
use crate::program::{Field, ListHead, Object, Word};

/// The final state, for checks.
#[derive(Debug)]
pub struct End<'s> {
    pub(super) sys: &'s System,
}

impl End<'_> {
    /// The value of a field.
    pub fn get<F: Scalar>(&self, field: F) -> F::Value {
        let index = self.sys.mem.index(field.ptr());
        F::Value::from_word(index.map_or(0, |i| self.sys.mem.load(i)))
    }

    /// Is this object still allocated?
    pub fn is_live<T: Object>(&self, object: T) -> bool {
        self.sys.is_live(object.ptr())
    }

    /// How many objects of this type are still allocated?
    pub fn live<T: Object>(&self) -> usize {
        let of_type = |at: &Ptr| self.sys.mem.desc(*at) == Some(T::desc());
        self.sys.mem.records().filter(|(at, _)| of_type(at) && self.sys.is_live(*at)).count()
    }

    /// Is this list empty?
    pub fn list_empty(&self, head: ListHead) -> bool {
        let next = self.sys.mem.index(head.ptr()).map_or(0, |i| self.sys.mem.load(i));
        crate::base::ptr::same_word(next, head.0.0)
    }
}
