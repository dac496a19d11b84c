//! One CPU: what runs on it and what it holds off.

use crate::base::agent::AgentId;
use crate::base::event::Eqs;
use crate::base::preempt;
use crate::base::ptr::Ptr;
use std::collections::VecDeque;

/// The softirq vectors (include/linux/interrupt.h, v6.3), lowest number first.
pub const SOFTIRQ_NAMES: [&str; 10] = [
    "softirq:hi",
    "softirq:timer",
    "softirq:net_tx",
    "softirq:net_rx",
    "softirq:block",
    "softirq:irq_poll",
    "softirq:tasklet",
    "softirq:sched",
    "softirq:hrtimer",
    "softirq:rcu",
];
/// `HI_SOFTIRQ`.
pub const HI_SOFTIRQ: u8 = 0;
/// `TIMER_SOFTIRQ`.
pub const TIMER_SOFTIRQ: u8 = 1;
/// `NET_RX_SOFTIRQ`.
pub const NET_RX_SOFTIRQ: u8 = 3;
/// `BLOCK_SOFTIRQ`.
pub const BLOCK_SOFTIRQ: u8 = 4;
/// `TASKLET_SOFTIRQ`.
pub const TASKLET_SOFTIRQ: u8 = 6;
/// `RCU_SOFTIRQ`.
pub const RCU_SOFTIRQ: u8 = 9;

/// A function to be called on a CPU, with its argument.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct QueuedCall {
    /// Code address.
    pub func: Ptr,
    /// Argument.
    pub arg: u64,
    /// Who waits for it, if anybody.
    pub caller: Option<AgentId>,
}

/// The state of one CPU. What every step looks at comes first and fills one cache line of the
/// processor, so that a large machine costs little more than a small one.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Cpu {
    /// Interrupt contexts above the current task, lowest first.
    pub stack: Vec<AgentId>,
    /// All agents whose ability to act depends on this CPU.
    pub agents: Vec<AgentId>,
    /// `preempt_count` of the top context.
    pub preempt: u32,
    /// The task that runs here; none: idle.
    pub current: Option<AgentId>,
    /// Are interrupts off?
    pub irqs_off: bool,
    /// Is it idle or offline, for RCU? See [`Cpu::eqs_now`].
    pub eqs: Eqs,
    /// Is it among those whose agents have to be looked at again?
    pub touched: bool,
    /// Softirqs were raised where nothing will run them soon.
    pub ksoftirqd_woken: bool,
    /// The softirq being served came through `ksoftirqd`.
    pub in_ksoftirqd: bool,
    /// Pending softirqs, one bit a vector.
    pub softirq_pending: u16,
    /// Those that are left of the round being served.
    pub softirq_serving: u16,
    /// The agent of each softirq vector, made when first needed.
    pub softirqs: [Option<AgentId>; 10],
    /// Timers that have expired here.
    pub expired: VecDeque<QueuedCall>,
    /// Function calls from other CPUs.
    pub calls: VecDeque<QueuedCall>,
    /// The agent that runs them, made when first needed.
    pub ipi: Option<AgentId>,
    /// The agents `tick` and `ksoftirqd`, made when first needed.
    pub tick: Option<AgentId>,
    /// See [`Cpu::tick`].
    pub ksoftirqd: Option<AgentId>,
}

impl Cpu {
    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        // Field by field: machines are large, and most runs are short.
        let Cpu { stack, agents, expired, calls, softirqs, .. } = self;
        stack.clear();
        agents.clear();
        expired.clear();
        calls.clear();
        *softirqs = [None; 10];
        self.current = None;
        self.preempt = 0;
        self.irqs_off = false;
        self.eqs = Eqs::Watching;
        self.softirq_pending = 0;
        self.softirq_serving = 0;
        self.ksoftirqd_woken = false;
        self.in_ksoftirqd = false;
        self.ipi = None;
        self.tick = None;
        self.ksoftirqd = None;
        self.touched = false;
    }

    /// May a hard interrupt be taken now? (This version nests none.)
    pub fn accepts_irq(&self) -> bool {
        !self.irqs_off && !preempt::in_hardirq(self.preempt) && self.eqs != Eqs::Offline
    }

    /// Is this CPU inside an RCU read-side critical section by virtue of its context: preemption,
    /// softirqs or interrupts off? (Counted since v5.0.)
    pub fn holds_off_rcu(&self) -> bool {
        (self.preempt != 0 || self.irqs_off) && self.eqs_now() == Eqs::Watching
    }

    /// Does RCU watch this CPU now? In interrupts of an idle one it does.
    pub fn eqs_now(&self) -> Eqs {
        match self.eqs {
            Eqs::Idle if !self.stack.is_empty() => Eqs::Watching,
            eqs => eqs,
        }
    }
}
