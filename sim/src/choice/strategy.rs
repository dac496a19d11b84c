//! The seam between a strategy and the machine that it steers.

use super::profile::Profiles;
use crate::base::agent::AgentId;
use crate::base::event::Event;
use crate::base::footprint::Access;

pub use super::view::View;

/// Decides a run, step by step. Each run must be a pure function of (campaign seed, run index).
pub trait Strategy {
    /// A run begins.
    fn begin(&mut self, seed: u64, index: u64);
    /// Picks one of the enabled agents (there is at least one).
    fn pick(&mut self, view: &dyn View) -> AgentId;
    /// Decides one of `n` outcomes of the agent's next step.
    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32;
    /// Sees what happened.
    fn observe(&mut self, _view: &dyn View, _event: &Event, _accesses: &[Access]) {}
    /// Does it want to be shown events at all? Saves the calls if not.
    fn observes(&self) -> bool {
        false
    }
    /// Does it need the profiles of the scenario before it begins?
    fn wants_profiles(&self) -> bool {
        false
    }
    /// Is given them.
    fn set_profiles(&mut self, _profiles: &Profiles) {}
    /// The index of a run that has to be taken first, if it learns from earlier runs and has not
    /// seen those that lead to this one. So a run stays a function of (seed, index).
    fn missing(&self, _seed: u64, _index: u64) -> Option<u64> {
        None
    }
    /// How many of the first runs it learns from, before it is the same for all others.
    fn learning(&self) -> u64 {
        0
    }
    /// A copy for another thread that need not learn again what this one knows. Without it, one
    /// made anew is as good.
    fn fork(&self) -> Option<Box<dyn Strategy + Send>> {
        None
    }
    /// Was this run drawn without regard to what others have found? Statistics are made of such
    /// runs alone.
    fn is_independent(&self, _index: u64) -> bool {
        true
    }
    /// The run is over; sees all of it. Each event's accesses end where its `accesses_end` says.
    fn end(&mut self, _view: &dyn View, _events: &[Event], _accesses: &[Access]) {}
}
