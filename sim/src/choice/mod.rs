//! Seeds become decisions: strategies that pick who acts next, streams of random numbers, and
//! schedules that record, replay and shrink. Knows nothing of CPUs or locks.

pub mod canonical;
pub mod conflicts;
pub mod delay;
pub mod exact;
pub mod file;
pub mod flip;
pub mod follow;
pub mod frontier;
pub mod guided;
pub mod order;
pub mod pct;
pub mod portfolio;
pub mod pos;
pub mod profile;
pub mod random;
pub mod record;
pub mod rng;
pub mod schedule;
pub mod sections;
pub mod shrink;
pub mod strategies;
pub mod strategy;
pub mod surw;
pub mod traces;
pub mod urw;
pub mod view;

pub use file::{Origin, ParseError, ScheduleFile};
pub use random::RandomWalk;
pub use schedule::{Decision, Hold, Point, Schedule};
pub use strategy::{Strategy, View};
