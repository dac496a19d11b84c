//! One agent: a context that runs a program, or a part of the environment.

use crate::base::agent::AgentKind;
use crate::base::op::Call;

/// Where an agent is in its life.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Not active: an interrupt line that is quiet, a softirq that is not being served.
    Idle,
    /// Has a pending operation.
    Ready,
    /// Waits off its CPU, its pending operation begun.
    Asleep,
    /// Finished.
    Dead,
}

/// An agent and its pending operation: two of the processor's cache lines.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Agent {
    /// What it is.
    pub kind: AgentKind,
    /// The CPU on whose stack or runqueue it is.
    pub cpu: u16,
    /// The CPU on which it was created; part of its name.
    pub home: u16,
    /// What people call it.
    pub role: &'static str,
    /// Where it is in its life.
    pub state: State,
    /// Its next operation.
    pub pending: Call,
    /// Has the pending operation begun (and waits)?
    pub begun: bool,
    /// What the pending operation waits for once it has begun: a sequence number of its service.
    pub ticket: u64,
    /// `preempt_count`, while switched out.
    pub preempt: u32,
    /// Interrupts off, while switched out.
    pub irqs_off: bool,
    /// Nesting of `rcu_read_lock()`.
    pub rcu_nesting: u8,
    /// May it move to another CPU?
    pub migratable: bool,
    /// Need not finish for the run to be complete.
    pub daemon: bool,
    /// Somebody waits for its end.
    pub joined: bool,
    /// How often an interrupt line may still fire.
    pub budget: u32,
    /// Operations finished so far.
    pub steps: u32,
    /// Next agent that watches the same slot of memory, plus one; 0 ends the chain.
    pub watch_next: u16,
    /// The slot it watches, plus one; 0 for none.
    pub watching: u32,
}

impl Agent {
    /// A new agent; the environment and handlers start idle, tasks ready.
    pub fn new(kind: AgentKind, cpu: u16, role: &'static str, pending: Call) -> Agent {
        let state = if kind == AgentKind::Task { State::Ready } else { State::Idle };
        Agent {
            kind,
            cpu,
            home: cpu,
            role,
            state,
            pending,
            begun: false,
            ticket: 0,
            preempt: 0,
            irqs_off: false,
            rcu_nesting: 0,
            migratable: false,
            daemon: false,
            joined: false,
            budget: 0,
            steps: 0,
            watch_next: 0,
            watching: 0,
        }
    }

    /// Is it a context that has begun and not finished?
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Ready | State::Asleep)
    }
}
