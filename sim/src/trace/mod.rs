//! Traces: events in order, their hash, their normal form, the difference of two.
//!
//! A [`Trace`] is plain data with names in place of numbers: it outlives the run, and can be stored,
//! compared and rendered without the simulator.

pub mod diff;
pub mod order;
pub mod record;

pub use diff::diff;
pub use record::{Agent, Step, Touch, Trace};
