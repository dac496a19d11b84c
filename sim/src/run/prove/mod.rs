//! Exhaustive search: every schedule of a scenario, or every one within bounds.

pub mod dpor;
pub mod effects;
pub mod estimate;
pub mod expand;
pub mod graph;
pub mod journal;
pub mod node;
pub mod outcome;
pub mod search;
pub mod settings;
pub mod walker;

pub use estimate::Estimate;
pub use outcome::{Found, Outcome};
pub use search::Search;
pub use settings::{Flaw, Settings};
pub use walker::{Choice, Walker};
