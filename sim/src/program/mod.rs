//! What a scenario is written with: handles to simulated objects, and a [`Kernel`] whose methods
//! are named as in the kernel. Each `.await` is one operation, and the only place where the
//! scheduler may intervene.
//!
//! The engine knows one thing about a program: resumed with the reply to its last operation, it
//! answers with its next one, or is done ([`Program`]). Async functions are one adapter on that
//! seam; a hand-written state machine may implement it directly.

pub mod alloc;
pub mod context;
pub mod gather;
pub mod handle;
pub mod kernel;
pub mod layout;
pub mod list;
pub mod lock;
mod macros;
pub mod mm;
pub mod rcu;
pub mod sched;
pub mod task;
pub mod word;

pub use handle::{
    Array, Atomic, Field, ListHead, Mutex, Object, RcuHead, Refcount, RwLock, RwSem, SpinLock,
    Timer, Var, Word, Work, container_of,
};
pub use kernel::{BoxFuture, Func, Kernel};
pub use task::{Body, Program};
