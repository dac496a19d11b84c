//! A pointer as it lies in simulated memory: one 64-bit word.

/// Words in one slot of simulated memory; an object never exceeds it, and starts at a multiple of
/// it, so that `virt_to_page()` is a mask as in the kernel.
pub const SLOT_WORDS: usize = 64;
/// Bytes in one slot.
pub const SLOT_BYTES: u64 = SLOT_WORDS as u64 * 8;

const KERNEL: u64 = 1 << 63;
const ADDR_BITS: u32 = 40;
const ADDR_MASK: u64 = (1 << ADDR_BITS) - 1;
const GEN_MASK: u64 = (1 << 23) - 1;
/// Below this address nothing is ever mapped: NULL and the list poisons live here.
pub const FIRST_ADDR: u64 = 0x10_000;
/// Code addresses: from here on, one function every 16 bytes.
const TEXT: u64 = 1 << 39;

/// A word that may be an address: address and generation in one.
///
/// The generation names the allocation that the pointer was made for, so that following a stale
/// pointer is noticed. Hardware does not see it: [`same_word`] compares addresses alone.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ptr(pub u64);

impl Ptr {
    /// The null pointer.
    pub const NULL: Ptr = Ptr(0);
    /// What `list_del()` leaves in `next` (`LIST_POISON1` with `POISON_POINTER_DELTA` 0, as on
    /// s390 at v6.3; include/linux/poison.h).
    pub const LIST_POISON1: Ptr = Ptr(0x100);
    /// What `list_del()` leaves in `prev`.
    pub const LIST_POISON2: Ptr = Ptr(0x122);

    /// The pointer to byte address `addr` of the allocation with this generation.
    pub fn new(addr: u64, generation: u32) -> Ptr {
        debug_assert!(addr <= ADDR_MASK && u64::from(generation) <= GEN_MASK);
        Ptr(KERNEL | u64::from(generation) << ADDR_BITS | addr)
    }

    /// The address of the `index`-th function known to a run.
    pub fn text(index: usize) -> Ptr {
        Ptr(KERNEL | TEXT | (index as u64) << 4)
    }

    /// The inverse of [`Ptr::text`]; `None` for anything that is not a code address.
    pub fn text_index(self) -> Option<usize> {
        let is_text = self.is_kernel() && self.0 & TEXT != 0 && self.0 & 15 == 0;
        is_text.then_some(((self.0 & (TEXT - 1)) >> 4) as usize)
    }

    /// The byte address, without the generation.
    pub fn addr(self) -> u64 {
        self.0 & ADDR_MASK
    }

    /// The allocation that this pointer was made for; 0 for none.
    pub fn generation(self) -> u32 {
        (self.0 >> ADDR_BITS & GEN_MASK) as u32
    }

    /// Is this word a kernel address at all (as opposed to NULL, a poison, or a number)?
    pub fn is_kernel(self) -> bool {
        self.0 & KERNEL != 0
    }

    /// `self == NULL`.
    pub fn is_null(self) -> bool {
        self.0 == 0
    }

    /// `words` words further on.
    #[must_use]
    pub fn word(self, words: usize) -> Ptr {
        Ptr(self.0 + words as u64 * 8)
    }

    /// The start of the object that contains this address (objects are aligned to their slot).
    #[must_use]
    pub fn object(self) -> Ptr {
        Ptr(self.0 & !(SLOT_BYTES - 1))
    }

    /// Index of the word within its object.
    pub fn offset(self) -> usize {
        (self.0 % SLOT_BYTES / 8) as usize
    }

    /// Index of the word in the flat store.
    pub fn index(self) -> usize {
        (self.addr().wrapping_sub(FIRST_ADDR) / 8) as usize
    }
}

impl std::fmt::Debug for Ptr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ptr::NULL => f.write_str("NULL"),
            Ptr::LIST_POISON1 => f.write_str("LIST_POISON1"),
            Ptr::LIST_POISON2 => f.write_str("LIST_POISON2"),
            p if p.is_kernel() => write!(f, "{:#x}/{}", p.addr(), p.generation()),
            p => write!(f, "{:#x}", p.0),
        }
    }
}

/// Are two words equal as hardware compares them? Of pointers only the address counts, so that a
/// pointer to a freed and reused slot equals a fresh one (ABA).
pub fn same_word(a: u64, b: u64) -> bool {
    if a & b & KERNEL != 0 { (a ^ b) & (ADDR_MASK | KERNEL) == 0 } else { a == b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_keeps_address_and_generation_apart() {
        let p = Ptr::new(FIRST_ADDR + 24, 7);
        assert_eq!((p.addr(), p.generation(), p.offset()), (FIRST_ADDR + 24, 7, 3));
        assert_eq!(p.object(), Ptr::new(FIRST_ADDR, 7));
        assert!(same_word(p.0, Ptr::new(FIRST_ADDR + 24, 8).0));
        assert!(!same_word(p.0, p.word(1).0));
        assert!(!same_word(0, p.0));
    }

    #[test]
    fn code_addresses_are_not_data() {
        assert_eq!(Ptr::text(3).text_index(), Some(3));
        assert_eq!(Ptr::new(FIRST_ADDR, 1).text_index(), None);
        assert_eq!(Ptr::LIST_POISON1.text_index(), None);
    }
}
