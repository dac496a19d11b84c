//! Plain data that every layer speaks: pointers, operations, events, findings. No behaviour, no
//! randomness.

pub mod agent;
pub mod event;
pub mod finding;
pub mod footprint;
pub mod hash;
pub mod op;
pub mod preempt;
pub mod ptr;
pub mod reused;
pub mod types;
