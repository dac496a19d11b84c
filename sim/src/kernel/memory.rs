//! Simulated memory: a flat store of words, and a table of what was allocated where.
//!
//! A generation names an allocation for good, so a record is found from any pointer ever made, and
//! outlives the reuse of its slot.

use crate::base::agent::AgentId;
use crate::base::op::FrameId;
use crate::base::ptr::{FIRST_ADDR, Ptr, SLOT_BYTES, SLOT_WORDS};
use crate::base::types::{Allocator, TypeDesc};
use slab::Slab;

pub use super::role;
use super::words::Words;
use role::Roles;

/// What a freed slab object is filled with (`POISON_FREE`, include/linux/poison.h).
pub const POISON_FREE: u64 = 0x6b6b_6b6b_6b6b_6b6b;
/// What a fresh, not zeroed slab object is filled with (`POISON_INUSE`).
pub const POISON_INUSE: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// Whether an object may be used.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Life {
    /// Allocated.
    Live,
    /// Freed.
    Freed,
}

/// Who did something to an object, and when.
#[derive(Copy, Clone, Debug)]
pub struct Origin {
    /// Who; `None` is the scenario's setup.
    pub agent: Option<AgentId>,
    /// Step of the run.
    pub event: u32,
    /// In which function.
    pub frame: FrameId,
    /// The operation's name.
    pub op: &'static str,
}

/// One allocation, from its birth to the end of the run.
#[derive(Clone, Debug)]
pub struct Record {
    /// Address of its first byte.
    pub base: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Live or freed.
    pub life: Life,
    /// Index of its type in this run.
    pub ty: u16,
    /// What people call it; the type's name unless the scenario gave one.
    pub role: &'static str,
    /// Where it was allocated.
    pub alloc: Origin,
    /// Where it was freed.
    pub free: Option<Origin>,
    /// Where it was last handed to `call_rcu()` or a workqueue.
    pub queued: Option<Origin>,
    /// Made by setup, yet to be freed or reachable at the end like memory made in the run.
    pub owned: bool,
    /// For type-safe memory: the grace period after whose end it may vanish.
    pub safe_until: u64,
}

/// What every access asks of an allocation: as little as possible, so that those of a large
/// machine stay in the processor's cache.
#[derive(Copy, Clone, Debug)]
struct Extent {
    /// See [`Record::base`].
    base: u64,
    /// How many bytes may be touched: all while it is live, or freed and type-safe; then none.
    bytes: u32,
    /// Number of its first lock class: a class is a field of a type, or a static object.
    class_base: u16,
}

/// A type known to this run.
#[derive(Debug)]
pub struct TypeInfo {
    /// Its description.
    pub desc: &'static TypeDesc,
    /// Number of its first lock class.
    class_base: u16,
}

/// One word's share of the hash of memory (the finalizer of MurmurHash3).
fn mix(index: u64, value: u64) -> u64 {
    let mut x = (value ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(index);
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

/// Why an access is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// NULL, a poison, or a number: nothing is mapped there.
    Wild,
    /// The object is freed.
    Freed,
    /// Beyond the end of the object.
    OutOfBounds,
}

/// Memory of one run.
#[derive(Debug, Default)]
pub struct Memory {
    words: Words,
    roles: Roles,
    /// Generation of the object that occupies each slot, freed or not.
    slots: Slab<u32>,
    records: Vec<Record>,
    /// By generation, as `records`.
    extents: Vec<Extent>,
    types: Vec<TypeInfo>,
    /// Free slots that stay of their type (type-safe memory).
    typesafe: Vec<(u16, u32)>,
    classes: u16,
    /// Does a freed slot come back as the next object?
    pub reuse: bool,
    /// A hash of all words, kept up to date from the first call of [`Memory::watch_state`] on.
    state: Option<u64>,
    /// Is access to freed memory a finding (KASAN on)? Otherwise it shows what would happen.
    pub kasan: bool,
}

impl Memory {
    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        self.slots.clear();
        self.records.clear();
        self.extents.clear();
        self.types.clear();
        self.typesafe.clear();
        self.classes = 0;
        self.state = None;
        self.reuse = false;
        self.kasan = true;
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.slots.len() * SLOT_WORDS
    }

    /// Index of the type in this run, known from now on.
    pub fn type_index(&mut self, desc: &'static TypeDesc) -> u16 {
        let same = |t: &TypeInfo| std::ptr::eq(t.desc, desc) || t.desc.name == desc.name;
        if let Some(known) = self.types.iter().position(same) {
            return known as u16;
        }
        assert!(
            desc.words <= SLOT_WORDS,
            "struct {} has {} words; an object of simulated memory has at most {SLOT_WORDS}",
            desc.name,
            desc.words
        );
        let class_base = self.classes;
        self.classes += desc.words as u16;
        self.types.push(TypeInfo { desc, class_base });
        self.types.len() as u16 - 1
    }

    /// The slot in which the next object of this type will be placed.
    pub fn next_place(&self, desc: &TypeDesc) -> usize {
        let ty = self.types.iter().position(|t| t.desc.name == desc.name);
        let recycled = self.typesafe.iter().rfind(|free| Some(usize::from(free.0)) == ty);
        recycled.map_or_else(|| self.slots.vacant_key(), |free| free.1 as usize)
    }

    /// Places a new object and returns the pointer to it.
    pub fn alloc(
        &mut self,
        desc: &'static TypeDesc,
        role: &'static str,
        zero: bool,
        origin: Origin,
    ) -> Ptr {
        let ty = self.type_index(desc);
        let generation = self.records.len() as u32 + 1;
        assert!(generation < 1 << 23, "more than 8 million allocations in one run");
        let same_type = self.typesafe.iter().rposition(|free| free.0 == ty);
        let recycled = same_type.map(|i| self.typesafe.remove(i).1);
        let slot = match recycled {
            Some(slot) => {
                self.slots[slot as usize] = generation;
                slot as usize
            }
            None => self.slots.insert(generation),
        };
        let base = FIRST_ADDR + slot as u64 * SLOT_BYTES;
        self.words.grow(slot);
        self.roles.grow(slot);
        self.roles.clear(slot);
        // A type-safe object keeps what its constructor made of it.
        if recycled.is_none() || zero {
            let fill = match desc.allocator {
                Allocator::Slab if !zero => POISON_INUSE,
                _ => 0,
            };
            self.words.fill(slot, desc.words, fill);
        }
        let class_base = self.class_base(ty, role);
        self.state_is_new();
        let bytes = desc.words as u32 * 8;
        self.extents.push(Extent { base, bytes, class_base });
        self.records.push(Record {
            base,
            bytes: bytes.into(),
            life: Life::Live,
            ty,
            role,
            alloc: origin,
            free: None,
            queued: None,
            owned: false,
            safe_until: 0,
        });
        Ptr::new(base, generation)
    }

    /// Marks the object freed, and gives its slot back where freed memory is reused. The caller has
    /// checked that it is live.
    pub fn free(&mut self, at: Ptr, origin: Origin, safe_until: u64) {
        self.state_is_new();
        let index = at.generation() as usize - 1;
        let record = &mut self.records[index];
        record.life = Life::Freed;
        record.free = Some(origin);
        let ty = record.ty;
        let desc = self.types[usize::from(ty)].desc;
        let slot = (record.base - FIRST_ADDR) / SLOT_BYTES;
        self.roles.clear(slot as usize);
        match desc.allocator {
            Allocator::SlabTypesafeByRcu => {
                self.records[index].safe_until = safe_until;
                if self.reuse {
                    self.typesafe.push((ty, slot as u32));
                }
                return;
            }
            Allocator::Slab => self.words.fill(slot as usize, desc.words, POISON_FREE),
            Allocator::Page | Allocator::Static => {}
        }
        self.extents[index].bytes = 0;
        if self.reuse {
            self.slots.remove(slot as usize);
        }
    }

    /// The word behind a pointer, if it may be touched.
    #[inline]
    pub fn index(&self, at: Ptr) -> Result<usize, Fault> {
        match self.extent(at) {
            Some(extent) if at.addr().wrapping_sub(extent.base) < extent.bytes.into() => {
                Ok(at.index())
            }
            _ => self.refuse(at),
        }
    }

    #[cold]
    fn refuse(&self, at: Ptr) -> Result<usize, Fault> {
        match self.record(at) {
            None => Err(Fault::Wild),
            Some(record) if at.addr().wrapping_sub(record.base) >= record.bytes => {
                Err(Fault::OutOfBounds)
            }
            Some(_) if self.kasan => Err(Fault::Freed),
            Some(_) => Ok(at.index()),
        }
    }

    #[inline]
    fn extent(&self, at: Ptr) -> Option<&Extent> {
        self.extents.get((at.generation() as usize).wrapping_sub(1))
    }

    /// The word with this index.
    #[inline]
    pub fn load(&self, index: usize) -> u64 {
        self.words.get(index)
    }

    /// Changes the word with this index.
    #[inline]
    pub fn store(&mut self, index: usize, value: u64) {
        let old = std::mem::replace(self.words.get_mut(index), value);
        if self.state.is_some() {
            self.state_changes(index as u64, old, value);
        }
    }

    #[inline(never)]
    fn state_changes(&mut self, index: u64, old: u64, new: u64) {
        if let Some(state) = &mut self.state {
            *state ^= mix(index, old) ^ mix(index, new);
        }
    }

    /// A hash that two moments of a run share if memory is the same then (relative to the first
    /// call, from which on changes are followed; an allocation or a free never leads back).
    pub fn watch_state(&mut self) -> u64 {
        *self.state.get_or_insert(0)
    }

    fn state_is_new(&mut self) {
        let generations = self.records.len() as u64;
        if let Some(state) = &mut self.state {
            *state = mix(*state, generations).wrapping_add(1);
        }
    }

    /// What a word is in use as, see [`role`].
    #[inline]
    pub fn role(&self, index: usize) -> u8 {
        self.roles.of(index)
    }

    /// Marks or unmarks two words as in use.
    pub fn set_role(&mut self, index: usize, bits: u8, on: bool) {
        for word in index..index + 2 {
            let role = self.roles.of_mut(word);
            *role = if on { *role | bits } else { *role & !bits };
        }
    }

    /// Marks one word for good.
    pub fn add_role(&mut self, index: usize, bits: u8) {
        *self.roles.of_mut(index) |= bits;
    }

    /// The record of the allocation that this pointer was made for.
    pub fn record(&self, at: Ptr) -> Option<&Record> {
        self.records.get((at.generation() as usize).wrapping_sub(1))
    }

    /// As [`Memory::record`], to change.
    pub fn record_mut(&mut self, at: Ptr) -> Option<&mut Record> {
        self.records.get_mut((at.generation() as usize).wrapping_sub(1))
    }

    /// All allocations of the run with pointers to them, in order of birth.
    pub fn records(&self) -> impl Iterator<Item = (Ptr, &Record)> {
        self.records.iter().enumerate().map(|(i, r)| (Ptr::new(r.base, i as u32 + 1), r))
    }

    /// How many allocations there were in this run, setup included.
    pub fn allocations(&self) -> usize {
        self.records.len()
    }

    /// The description of an object's type.
    pub fn desc(&self, at: Ptr) -> Option<&'static TypeDesc> {
        self.record(at).map(|r| self.types[usize::from(r.ty)].desc)
    }

    /// Lock class of a word: the field of the type that it is, or the static object.
    #[inline]
    pub fn class(&self, at: Ptr) -> u16 {
        self.extent(at).map_or(0, |e| e.class_base + at.offset() as u16)
    }

    /// May the object be touched: is it live, or freed and type-safe?
    pub fn is_touchable(&self, at: Ptr) -> bool {
        self.extent(at).is_some_and(|e| e.bytes != 0)
    }

    fn class_base(&mut self, ty: u16, role: &'static str) -> u16 {
        let info = &self.types[usize::from(ty)];
        if info.desc.allocator != Allocator::Static {
            return info.class_base;
        }
        if let Some(known) = self.records.iter().position(|r| r.ty == ty && r.role == role) {
            return self.extents[known].class_base;
        }
        let base = self.classes;
        self.classes += info.desc.words as u16;
        base
    }

    /// The pointer to the object that occupies the slot of a word now (freed or not).
    pub fn occupant(&self, index: usize) -> Option<Ptr> {
        let slot = index / SLOT_WORDS;
        let generation = *self.slots.get(slot)?;
        Some(Ptr::new(FIRST_ADDR + slot as u64 * SLOT_BYTES, generation))
    }

    /// The object that occupied the slot of a word when event number `event` happened.
    pub fn occupant_at(&self, index: usize, event: u32) -> Option<Ptr> {
        let base = FIRST_ADDR + (index / SLOT_WORDS) as u64 * SLOT_BYTES;
        let born = |r: &Record| r.alloc.agent.is_none() || r.alloc.event <= event;
        let last = self.records.iter().rposition(|r| r.base == base && born(r))?;
        Some(Ptr::new(base, last as u32 + 1))
    }

    /// Makes the object touchable or not, once a grace period has decided its fate.
    pub fn expire_typesafe(&mut self, completed: u64) {
        for i in 0..self.records.len() {
            let r = &self.records[i];
            if r.life == Life::Freed
                && self.extents[i].bytes != 0
                && r.safe_until != 0
                && r.safe_until <= completed
            {
                let slot = ((r.base - FIRST_ADDR) / SLOT_BYTES) as usize;
                let reused = self.slots.get(slot).is_some_and(|&g| g as usize != i + 1);
                // A slot that holds a live object of the type again is as good as ever.
                if !reused {
                    self.extents[i].bytes = 0;
                }
            }
        }
    }

    /// Is any memory of a type-safe cache around? (Cheap test before [`Memory::expire_typesafe`].)
    pub fn has_typesafe(&self) -> bool {
        self.types.iter().any(|t| t.desc.allocator == Allocator::SlabTypesafeByRcu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::types::TypeDesc;

    static THING: TypeDesc = TypeDesc {
        name: "thing",
        words: 3,
        fields: &[],
        allocator: Allocator::Slab,
        free_checks: &[],
        prep_checks: &[],
    };
    const SETUP: Origin = Origin { agent: None, event: 0, frame: 0, op: "" };
    fn memory(reuse: bool) -> Memory {
        let mut m = Memory::default();
        m.reset();
        m.reuse = reuse;
        m
    }

    #[test]
    fn a_stale_pointer_is_noticed_even_after_reuse() {
        let mut m = memory(true);
        let old = m.alloc(&THING, "thing", true, SETUP);
        m.free(old, SETUP, 0);
        assert_eq!(m.index(old), Err(Fault::Freed));
        let new = m.alloc(&THING, "thing", true, SETUP);
        assert_eq!(new.addr(), old.addr(), "freed last, allocated first");
        assert!(m.index(new).is_ok());
        assert_eq!(m.index(old), Err(Fault::Freed));
        assert_eq!(m.index(new.word(3)), Err(Fault::OutOfBounds));
        assert_eq!(m.index(Ptr::LIST_POISON1), Err(Fault::Wild));
    }

    #[test]
    fn without_kasan_a_stale_pointer_sees_the_new_object() {
        let mut m = memory(true);
        m.kasan = false;
        let old = m.alloc(&THING, "thing", true, SETUP);
        m.free(old, SETUP, 0);
        assert_eq!(m.load(m.index(old).unwrap()), POISON_FREE);
        let new = m.alloc(&THING, "thing", true, SETUP);
        m.store(m.index(new).unwrap(), 42);
        assert_eq!(m.load(m.index(old).unwrap()), 42);
    }

    #[test]
    fn without_reuse_a_slot_stays_in_quarantine() {
        let mut m = memory(false);
        let old = m.alloc(&THING, "thing", true, SETUP);
        m.free(old, SETUP, 0);
        let new = m.alloc(&THING, "thing", true, SETUP);
        assert_ne!(new.addr(), old.addr());
    }
}
