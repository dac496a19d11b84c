//! Macros with which a scenario declares its own kernel structs and callable functions.

/// Declares a kernel struct: its fields in order, overlaid ones in a `union`.
///
/// The result is a `Copy` handle with one accessor for each field. An object starts at a slot of
/// simulated memory, has at most [`SLOT_WORDS`](crate::base::ptr::SLOT_WORDS) words, and comes
/// from the allocator named behind the struct's C tag (a variant of
/// [`Allocator`](crate::base::types::Allocator)).
///
/// Behind it may stand what must hold of its words when it is freed (`free_checks`), and when freed
/// memory of this type is handed out again (`prep_checks`): each `field & mask => value, "reason";`,
/// the reason as in "page dumped because: …".
///
/// ```
/// use ksim::program::{Field, ListHead, RcuHead, SpinLock, Var, container_of};
///
/// ksim::kernel_struct! {
///     /// An object that is either on a list or waiting for a grace period.
///     pub struct Session("session", Slab) {
///         /// Protects `state`.
///         lock: SpinLock,
///         union { node: ListHead, rcu: RcuHead },
///         state: Var<u64>,
///     }
/// }
///
/// let session = <Session as ksim::program::Object>::from_ptr(ksim::base::ptr::Ptr::NULL);
/// assert_eq!(session.node().ptr(), session.rcu().ptr());
/// assert_eq!(session.state().ptr().0, 24);
/// assert_eq!(container_of(session.rcu(), Session::rcu), session);
/// ```
#[macro_export]
macro_rules! kernel_struct {
    (
        $(#[$doc:meta])* $vis:vis struct $name:ident($tag:literal, $allocator:ident) { $($body:tt)* }
        $(free_checks { $($field:ident & $mask:expr => $expect:expr, $reason:literal);* $(;)? })?
        $(prep_checks { $($p:ident & $pm:expr => $pe:expr, $pr:literal);* $(;)? })?
    ) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, Debug)]
        $vis struct $name(pub $crate::base::ptr::Ptr);

        impl $crate::program::Object for $name {
            fn desc() -> &'static $crate::base::types::TypeDesc {
                static DESC: $crate::base::types::TypeDesc = $crate::base::types::TypeDesc {
                    name: $tag,
                    words: <$name as $crate::program::Field>::WORDS,
                    fields: $name::FIELDS,
                    allocator: $crate::base::types::Allocator::$allocator,
                    free_checks: &[$($($crate::base::types::FreeCheck {
                        at: $name::offset_of(stringify!($field)),
                        mask: $mask,
                        expect: $expect,
                        reason: $reason,
                    }),*)?],
                    prep_checks: &[$($($crate::base::types::FreeCheck {
                        at: $name::offset_of(stringify!($p)),
                        mask: $pm,
                        expect: $pe,
                        reason: $pr,
                    }),*)?],
                };
                &DESC
            }
            fn ptr(self) -> $crate::base::ptr::Ptr {
                self.0
            }
            fn from_ptr(at: $crate::base::ptr::Ptr) -> $name {
                $name(at)
            }
        }

        impl $crate::program::Word for $name {
            fn to_word(self) -> u64 {
                self.0.0
            }
            fn from_word(word: u64) -> $name {
                $name($crate::base::ptr::Ptr(word))
            }
        }

        $crate::kernel_struct!(@munch $name, $tag, [], 0usize, $($body)*);
    };

    (@munch $name:ident, $tag:literal, [$($done:tt)*], $at:expr,
        $(#[$doc:meta])* union { $($(#[$fdoc:meta])* $field:ident : $ty:ty),+ $(,)? } $(, $($rest:tt)*)?
    ) => {
        $crate::kernel_struct!(@munch $name, $tag,
            [$($done)* $([$(#[$fdoc])* $field, $ty, $at])+],
            ($at + $crate::program::layout::max(&[$(<$ty as $crate::program::Field>::WORDS),+])),
            $($($rest)*)?);
    };
    (@munch $name:ident, $tag:literal, [$($done:tt)*], $at:expr,
        $(#[$doc:meta])* $field:ident : $ty:ty $(, $($rest:tt)*)?
    ) => {
        $crate::kernel_struct!(@munch $name, $tag,
            [$($done)* [$(#[$doc])* $field, $ty, $at]],
            ($at + <$ty as $crate::program::Field>::WORDS),
            $($($rest)*)?);
    };
    (@munch $name:ident, $tag:literal, [$([$(#[$doc:meta])* $field:ident, $ty:ty, $at:expr])*], $end:expr,) => {
        #[allow(dead_code, missing_docs, reason = "fields are named after the kernel's")]
        impl $name {
            const FIELDS: &'static [$crate::base::types::FieldDesc] = &[
                $($crate::base::types::FieldDesc {
                    name: stringify!($field),
                    at: $at,
                    words: <$ty as $crate::program::Field>::WORDS,
                    kind: <$ty as $crate::program::Field>::KIND,
                    sub: <$ty as $crate::program::Field>::SUB,
                }),*
            ];

            const fn offset_of(field: &str) -> usize {
                $crate::program::layout::offset_of($name::FIELDS, field)
            }

            $($(#[$doc])* pub fn $field(self) -> $ty {
                <$ty as $crate::program::Field>::at(self.0.word($at))
            })*
        }

        impl $crate::program::Field for $name {
            const WORDS: usize = $end;
            const KIND: $crate::base::types::FieldKind = $crate::base::types::FieldKind::Struct;
            const SUB: Option<&'static $crate::base::types::TypeDesc> = {
                static SUB: $crate::base::types::TypeDesc = $crate::base::types::TypeDesc {
                    name: $tag,
                    words: $end,
                    fields: $name::FIELDS,
                    allocator: $crate::base::types::Allocator::Static,
                    free_checks: &[],
                    prep_checks: &[],
                };
                Some(&SUB)
            };
            fn at(ptr: $crate::base::ptr::Ptr) -> $name {
                $name(ptr)
            }
            fn ptr(self) -> $crate::base::ptr::Ptr {
                self.0
            }
        }
    };
}

/// Gives an async function an address, so that it can be a callback, a work item, a timer or a
/// kthread: `kernel_fn!(pub static FREE_RCU = free_rcu);` for
/// `async fn free_rcu(k: &Kernel, head: RcuHead)`.
#[macro_export]
macro_rules! kernel_fn {
    ($($(#[$doc:meta])* $vis:vis static $NAME:ident = $func:ident);+ $(;)?) => {
        $($(#[$doc])*
        $vis static $NAME: $crate::program::Func = $crate::program::Func {
            name: stringify!($func),
            call: |k, arg| Box::pin(async move {
                $func(&k, $crate::program::Word::from_word(arg)).await
            }),
        };)+
    };
}
