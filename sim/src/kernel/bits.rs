//! Names of bits of a field, for people.

use super::system::System;
use crate::base::ptr::Ptr;
use crate::base::types::TypeDesc;

/// Masks and their names.
pub type BitNames = &'static [(u64, &'static str)];

/// The bits of one word of every object of a type.
#[derive(Copy, Clone, Debug)]
pub struct Bits {
    ty: &'static TypeDesc,
    offset: usize,
    names: BitNames,
}

impl System {
    /// Names bits of a word of every object of a type.
    pub fn add_bits(&mut self, ty: &'static TypeDesc, offset: usize, names: BitNames) {
        self.bits.push(Bits { ty, offset, names });
    }

    /// The names of the bits of this word; none if it is just a number.
    pub fn bit_names(&self, at: Ptr) -> BitNames {
        let here = |b: &&Bits| b.offset == at.offset() && self.mem.desc(at) == Some(b.ty);
        self.bits.iter().find(here).map_or(&[], |b| b.names)
    }
}
