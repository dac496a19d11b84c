//! One execution, and many: the loop, scenarios, hunting, replay.

pub mod bench;
pub mod builder;
mod capture;
pub mod debug;
mod deviate;
pub mod end;
pub mod example;
pub mod execute;
pub mod explain;
pub mod final_state;
pub mod hunt;
pub mod lift;
pub mod matrix;
pub mod params;
pub mod prove;
pub mod reduce;
pub mod repeat;
pub mod replay;
pub mod scenario;
pub mod search;
pub mod sim;
mod stall;
mod view;

pub use bench::{Bench, Trials};
pub use end::Ended;
pub use example::Example;
pub use execute::Execution;
pub use explain::Explanation;
pub use final_state::End;
pub use hunt::{Found, Hunt, Hunted, Shard, Watch};
pub use params::{Param, Params};
pub use reduce::Reduced;
pub use repeat::Difference;
pub use replay::{Replayed, Verdict};
pub use scenario::{Cost, Expect, Scenario};
pub use sim::Sim;
