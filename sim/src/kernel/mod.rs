//! What operations do: simulated memory, lists, locks, RCU, allocation, interrupts.
//!
//! [`System::step`] lets one agent take one step. No randomness, no detectors, no futures: an
//! operation goes in, a reply and an event come out.

pub mod alloc;
pub mod bits;
pub mod callbacks;
pub mod deadlock;
pub mod digest;
pub mod footprint;
pub mod guard;
pub mod invariant;
pub mod irq;
pub mod leak;
pub mod list;
pub mod lock;
pub mod memory;
pub mod naming;
pub mod plain;
pub mod rcu;
pub mod role;
pub mod sched;
pub mod settings;
pub mod softirq;
mod stall;
pub mod system;
pub mod time;
pub mod toggle;
mod watch;
mod watchers;
pub mod word;
mod words;
pub mod work;
pub mod workqueue;

pub use system::System;
