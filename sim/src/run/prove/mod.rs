//! Exhaustive search: every schedule of a scenario, or every one within bounds.

pub mod effects;
pub mod expand;
pub mod node;
pub mod search;
pub mod settings;
pub mod walker;

pub use search::{Found, Outcome, Search};
pub use settings::{Flaw, Settings};
pub use walker::{Choice, Walker};
