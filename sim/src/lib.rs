//! Deterministic simulation of kernel concurrency.
//!
//! > A seed makes decisions; decisions drive a machine of CPUs and contexts; contexts perform
//! > operations on simulated kernel memory; detectors watch the events; the trace is rendered for
//! > people.
//!
//! ```text
//! seed → choice → machine → kernel → events → detect → report
//!                   ↑ one operation at a time ↓
//!                        programs (scenarios)
//! ```
//!
//! # A scenario
//!
//! A [`Scenario`](run::Scenario) builds a machine and its programs. Each `.await` is one operation,
//! and the only place where the scheduler may intervene.
//!
//! ```
//! use ksim::base::finding::Kind;
//! use ksim::choice::RandomWalk;
//! use ksim::program::{Kernel, RcuHead, SpinLock, Var, container_of};
//! use ksim::run::{Execution, Scenario};
//!
//! ksim::kernel_struct! {
//!     /// A session that its owner frees after a grace period.
//!     pub struct Session("session", Slab) { lock: SpinLock, users: Var<u64>, rcu: RcuHead }
//! }
//! ksim::kernel_fn! { static SESSION_FREE_RCU = session_free_rcu }
//!
//! /// The callback runs in softirq, on top of whatever its CPU is doing, and takes the lock.
//! async fn session_free_rcu(k: &Kernel, head: RcuHead) {
//!     let k = &k.func("session_free_rcu");
//!     let session: Session = container_of(head, Session::rcu);
//!     k.spin_lock(session.lock()).await;
//!     k.write(session.users(), 0).await;
//!     k.spin_unlock(session.lock()).await;
//! }
//!
//! let scenario = Scenario::new("session/plain-lock", "a task holds the lock with softirqs on", |sim, _| {
//!     let session: Session = sim.object("session");
//!     sim.task(0, "owner", move |k| async move {
//!         k.call_rcu(session.rcu(), &SESSION_FREE_RCU).await;
//!         k.spin_lock(session.lock()).await;
//!         k.write(session.users(), 1).await;
//!         k.spin_unlock(session.lock()).await;
//!     });
//! })
//! .finds(&[Kind::InconsistentLockState, Kind::Deadlock]);
//!
//! let mut execution = Execution::new(&scenario);
//! let found = (0..1000).any(|index| {
//!     execution.run(&mut RandomWalk::default(), 1, index);
//!     execution.sim().system().findings.iter().any(|f| f.kind == Kind::Deadlock)
//! });
//! assert!(found, "the softirq spins on a lock that its own CPU holds");
//! ```
//!
//! # Model
//!
//! Memory is sequentially consistent. Every operation is one step of one context; between any two
//! steps other CPUs, and interrupts where they are enabled, may act.

pub mod base;
pub mod choice;
#[cfg(feature = "cli")]
pub mod cli;
pub mod detect;
pub mod kernel;
pub mod machine;
pub mod program;
pub mod report;
pub mod run;
pub mod testing;
pub mod trace;

/// The version of this library, as schedule files name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use testing::{check, hunt, prove};

/// What a scenario is written with.
///
/// ```
/// use ksim::prelude::*;
/// ```
pub mod prelude {
    pub use crate::base::finding::Kind;
    pub use crate::program::{
        Array, Atomic, Field, Kernel, ListHead, Mutex, Object, RcuHead, Refcount, RwSem, SpinLock,
        Timer, Var, Word, Work, container_of,
    };
    pub use crate::run::{End, Param, Params, Scenario, Sim};
    pub use crate::{kernel_fn, kernel_struct};
}

#[doc = include_str!("tutorial.md")]
pub mod tutorial {}

/// The example of README.md, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
