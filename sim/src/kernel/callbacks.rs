//! Grace periods and callbacks: the numbers and the lists.

use crate::base::agent::{AgentId, AgentSet};
use crate::base::ptr::Ptr;
use crate::base::reused::Reused;
use std::collections::VecDeque;

/// Callbacks invoked in one round before RCU lets others run (`blimit`, kernel/rcu/tree.c).
pub const BLIMIT: u32 = 10;

/// A queued callback.
#[derive(Copy, Clone, Debug)]
pub struct Callback {
    /// Its `rcu_head`; NULL for the marker of an `rcu_barrier()`.
    pub head: Ptr,
    /// The grace period after whose end it may run.
    pub ticket: u64,
    /// Who waits in `rcu_barrier()`.
    pub barrier: Option<AgentId>,
}

/// The callbacks of one CPU.
#[derive(Debug, Default)]
pub struct CallbackList {
    pub(super) queue: VecDeque<Callback>,
    /// Invoked in the current round.
    pub(super) round: u32,
    /// The kthread that runs them, where they are offloaded.
    pub(super) offload: Option<AgentId>,
}

/// Grace periods and callbacks.
#[derive(Debug, Default)]
pub struct Rcu {
    pub(super) started: u64,
    pub(super) completed: u64,
    pub(super) needed: u64,
    pub(super) agent: Option<AgentId>,
    /// CPUs (as numbers) that the current grace period waits for.
    pub(super) wait_cpus: AgentSet,
    /// Tasks that it waits for.
    pub(super) wait_tasks: AgentSet,
    pub(super) lists: Reused<CallbackList>,
    /// Heads handed to `call_rcu()` and not yet taken off again.
    pub(super) outstanding: u32,
    /// Grace periods finished for somebody who asked, for reports.
    pub callbacks_run: u32,
}

impl Rcu {
    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        self.started = 0;
        self.completed = 0;
        self.needed = 0;
        self.agent = None;
        self.callbacks_run = 0;
        self.outstanding = 0;
        self.wait_cpus.clear();
        self.wait_tasks.clear();
        self.set_cpus(1);
    }

    /// Makes an empty list for each CPU.
    pub fn set_cpus(&mut self, n: u16) {
        self.lists.set_len(n.into());
        for list in self.lists.iter_mut() {
            list.queue.clear();
            list.round = 0;
            list.offload = None;
        }
    }

    /// The grace period whose end means that a full one has passed since now.
    pub fn ticket(&self) -> u64 {
        self.started + 1
    }

    /// How many grace periods have begun.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// How many grace periods have ended.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    pub(super) fn in_progress(&self) -> bool {
        self.started > self.completed
    }

    /// Can a callback of this CPU run?
    pub fn ready(&self, cpu: u16) -> bool {
        let front = self.lists[usize::from(cpu)].queue.front();
        front.is_some_and(|cb| cb.ticket <= self.completed)
    }

    /// Callbacks queued and not yet run, over all CPUs.
    pub fn pending(&self) -> usize {
        self.lists.iter().map(|l| l.queue.len()).sum()
    }

    /// The heads queued on one CPU, in order.
    pub fn queued(&self, cpu: u16) -> impl Iterator<Item = &Callback> {
        self.lists[usize::from(cpu)].queue.iter()
    }

    pub(super) fn is_offload_agent(&self, id: AgentId) -> bool {
        self.lists.iter().any(|l| l.offload == Some(id))
    }
}
