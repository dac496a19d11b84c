//! Conditions that a scenario declares on fields.

use crate::base::types::TypeDesc;

/// A condition on one word of every object of a type.
#[derive(Copy, Clone, Debug)]
pub struct Invariant {
    pub(super) ty: &'static TypeDesc,
    pub(super) offset: usize,
    pub(super) what: &'static str,
    pub(super) holds: fn(u64) -> bool,
}
