//! The work items of a run.

use crate::base::agent::AgentId;
use crate::base::ptr::Ptr;

/// A work item on its way.
#[derive(Copy, Clone, Debug)]
pub struct Work {
    /// Its `work_struct`.
    pub item: Ptr,
    /// The kworker that will run it, or is running it.
    pub worker: AgentId,
    /// It has begun.
    pub running: bool,
}

/// Work items queued or running, in order.
pub type Works = Vec<Work>;
