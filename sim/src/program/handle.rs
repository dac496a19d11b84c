//! Handles: `Copy` values that name an object or a field of simulated memory. A program may keep
//! one for ever; following a stale one is a finding, not a compile error.

use crate::base::ptr::Ptr;
use crate::base::types::{FieldKind, TypeDesc};
use std::marker::PhantomData;

/// Something that fits into one word: a number, a truth value, a pointer.
pub trait Word: Copy + 'static {
    /// As it lies in memory.
    fn to_word(self) -> u64;
    /// From memory.
    fn from_word(word: u64) -> Self;
}

impl Word for u64 {
    fn to_word(self) -> u64 {
        self
    }
    fn from_word(word: u64) -> u64 {
        word
    }
}

impl Word for u32 {
    fn to_word(self) -> u64 {
        self.into()
    }
    fn from_word(word: u64) -> u32 {
        word as u32
    }
}

impl Word for bool {
    fn to_word(self) -> u64 {
        self.into()
    }
    fn from_word(word: u64) -> bool {
        word != 0
    }
}

impl Word for () {
    fn to_word(self) -> u64 {
        0
    }
    fn from_word(_: u64) {}
}

impl Word for Ptr {
    fn to_word(self) -> u64 {
        self.0
    }
    fn from_word(word: u64) -> Ptr {
        Ptr(word)
    }
}

impl Word for crate::base::agent::AgentId {
    fn to_word(self) -> u64 {
        self.0.into()
    }
    fn from_word(word: u64) -> Self {
        crate::base::agent::AgentId(word as u16)
    }
}

/// `None` is NULL.
impl<T: Object> Word for Option<T> {
    fn to_word(self) -> u64 {
        self.map_or(0, |o| o.ptr().0)
    }
    fn from_word(word: u64) -> Option<T> {
        (word != 0).then(|| T::from_ptr(Ptr(word)))
    }
}

/// A handle to a kernel struct, made by [`kernel_struct!`](crate::kernel_struct).
pub trait Object: Copy + PartialEq + 'static {
    /// Its description.
    fn desc() -> &'static TypeDesc;
    /// Where it starts.
    fn ptr(self) -> Ptr;
    /// The object of this type at that address; nothing is checked until it is used.
    fn from_ptr(at: Ptr) -> Self;
}

/// A field of a kernel struct: a place in memory with a meaning.
pub trait Field: Copy + 'static {
    /// Its size.
    const WORDS: usize;
    /// What it is.
    const KIND: FieldKind;
    /// The embedded struct, for [`FieldKind::Struct`].
    const SUB: Option<&'static TypeDesc> = None;
    /// The field at this address.
    fn at(ptr: Ptr) -> Self;
    /// Its address.
    fn ptr(self) -> Ptr;
}

/// The object of which `field` is the field that `accessor` yields (`container_of()`).
pub fn container_of<S: Object, F: Field>(field: F, accessor: fn(S) -> F) -> S {
    let offset = accessor(S::from_ptr(Ptr::NULL)).ptr().0;
    S::from_ptr(Ptr(field.ptr().0.wrapping_sub(offset)))
}

macro_rules! field {
    ($(#[$doc:meta])* $name:ident, $words:expr, $kind:ident) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, Debug)]
        pub struct $name(pub Ptr);

        impl Field for $name {
            const WORDS: usize = $words;
            const KIND: FieldKind = FieldKind::$kind;
            fn at(ptr: Ptr) -> $name {
                $name(ptr)
            }
            fn ptr(self) -> Ptr {
                self.0
            }
        }

        impl Word for $name {
            fn to_word(self) -> u64 {
                self.0.0
            }
            fn from_word(word: u64) -> $name {
                $name(Ptr(word))
            }
        }
    };
}

field!(
    /// `atomic_t` or `unsigned long` that is only used atomically.
    Atomic,
    1,
    Atomic
);
field!(
    /// `refcount_t`.
    Refcount,
    1,
    Refcount
);
field!(
    /// `spinlock_t`.
    SpinLock,
    1,
    SpinLock
);
field!(
    /// `struct mutex`.
    Mutex,
    1,
    Mutex
);
field!(
    /// `struct rw_semaphore`.
    RwSem,
    1,
    RwSem
);
field!(
    /// `rwlock_t`.
    RwLock,
    1,
    RwLock
);
field!(
    /// `struct list_head`, a node or a head.
    ListHead,
    2,
    List
);
field!(
    /// `struct rcu_head`.
    RcuHead,
    2,
    Rcu
);
field!(
    /// `struct work_struct`.
    Work,
    2,
    Work
);
field!(
    /// `struct timer_list`.
    Timer,
    2,
    Timer
);

/// A plain word that holds a `T`.
#[derive(Debug)]
pub struct Var<T = u64>(pub Ptr, PhantomData<T>);

impl<T> Copy for Var<T> {}
impl<T> Clone for Var<T> {
    fn clone(&self) -> Var<T> {
        *self
    }
}
impl<T> PartialEq for Var<T> {
    fn eq(&self, other: &Var<T>) -> bool {
        self.0 == other.0
    }
}

impl<T: 'static> Field for Var<T> {
    const WORDS: usize = 1;
    const KIND: FieldKind = FieldKind::Word;
    fn at(ptr: Ptr) -> Var<T> {
        Var(ptr, PhantomData)
    }
    fn ptr(self) -> Ptr {
        self.0
    }
}

/// `N` plain words.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Array<const N: usize>(pub Ptr);

impl<const N: usize> Array<N> {
    /// The word with this index.
    ///
    /// # Panics
    /// When it is not below `N`.
    #[track_caller]
    pub fn get(self, index: usize) -> Var {
        assert!(index < N, "index {index} of an array of {N} words");
        Var(self.0.word(index), PhantomData)
    }
}

impl<const N: usize> Field for Array<N> {
    const WORDS: usize = N;
    const KIND: FieldKind = FieldKind::Array;
    fn at(ptr: Ptr) -> Array<N> {
        Array(ptr)
    }
    fn ptr(self) -> Ptr {
        self.0
    }
}

/// A field that can be read and written as one word.
pub trait Scalar: Field {
    /// What it holds.
    type Value: Word;
}

impl<T: Word> Scalar for Var<T> {
    type Value = T;
}
impl Scalar for Atomic {
    type Value = u64;
}
impl Scalar for Refcount {
    type Value = u64;
}
