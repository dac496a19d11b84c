//! Events: what happened, in the order it happened.

use super::agent::AgentId;
use super::op::{Call, Op};

/// Does RCU watch a CPU, or is it in an extended quiescent state, which no grace period waits for?
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Eqs {
    /// RCU watches it.
    #[default]
    Watching,
    /// It idles. An interrupt makes RCU watch for as long as it lasts.
    Idle,
    /// It has gone offline.
    Offline,
}

/// How far an operation got in one step.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It happened, at once.
    Done,
    /// It began and now waits (spinning or asleep); nothing but the waiting has happened.
    Begun,
    /// It had begun in an earlier step and is done now.
    Finished,
}

/// One step of one agent.
#[derive(Copy, Clone, Debug)]
pub struct Event {
    /// The operation.
    pub call: Call,
    /// What it replied.
    pub reply: u64,
    /// Who.
    pub agent: AgentId,
    /// On which CPU.
    pub cpu: u16,
    /// Done, or only begun?
    pub phase: Phase,
    /// Were interrupts off before the step?
    pub irqs_off: bool,
    /// Nesting of `rcu_read_lock()` before the step.
    pub rcu_nesting: u8,
    /// Did RCU watch the CPU before the step?
    pub eqs: Eqs,
    /// Lock class, for lock operations.
    pub class: u16,
    /// Did the handler, callback or task that took it return with it?
    pub ends: bool,
    /// `preempt_count` before the step.
    pub preempt: u32,
    /// Where this event's accesses end in the run's list of accesses.
    pub accesses_end: u32,
}

impl Default for Event {
    /// No step of anybody: what storage is filled with.
    fn default() -> Event {
        Event {
            call: Call::internal(Op::Nop, ""),
            reply: 0,
            agent: AgentId::default(),
            cpu: 0,
            phase: Phase::Done,
            irqs_off: false,
            rcu_nesting: 0,
            eqs: Eqs::default(),
            class: 0,
            ends: false,
            preempt: 0,
            accesses_end: 0,
        }
    }
}
