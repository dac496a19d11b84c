//! Sizes and offsets at compile time, for the macros.

use crate::base::types::FieldDesc;

/// The largest of some sizes, at compile time.
pub const fn max(sizes: &[usize]) -> usize {
    let (mut i, mut max) = (0, 0);
    while i < sizes.len() {
        if sizes[i] > max {
            max = sizes[i];
        }
        i += 1;
    }
    max
}

/// The offset of a named field, at compile time.
pub const fn offset_of(fields: &[FieldDesc], name: &str) -> usize {
    let mut i = 0;
    while i < fields.len() {
        if same(fields[i].name.as_bytes(), name.as_bytes()) {
            return fields[i].at;
        }
        i += 1;
    }
    panic!("no such field")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
