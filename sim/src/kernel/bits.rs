//! Names of bits of a field, for people.

use crate::base::types::TypeDesc;

/// Masks and their names.
pub type BitNames = &'static [(u64, &'static str)];

/// The bits of one word of every object of a type.
#[derive(Copy, Clone, Debug)]
pub struct Bits {
    pub(super) ty: &'static TypeDesc,
    pub(super) offset: usize,
    pub(super) names: BitNames,
}
