//! What one step really depends on and changes, machine state included: the footprint that the
//! reduction rests on. Two steps of different agents commute, and neither makes the other possible
//! or impossible, unless their effects conflict.
//!
//! Words, locks and callback lists are in the accesses of the event. Added here, by comparing the
//! machine before and after the step:
//! - who has a CPU ([`Object::context`]): entering and leaving an interrupt or a softirq, and every
//!   step with preemption or interrupts off, writes it; a step of a task that may be preempted
//!   before and after reads it, so that such steps of two tasks of one CPU commute;
//! - the numbers given to new agents and new objects;
//! - work items, cross-calls, barriers, and time.

use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::{Op, Toggle};
use crate::base::types::Allocator;
use crate::kernel::System;
use crate::machine::agent::State;
use crate::machine::cpu::TIMER_SOFTIRQ;

fn read(object: Object) -> Access {
    Access { object, mode: Mode::Read }
}

fn write(object: Object) -> Access {
    Access { object, mode: Mode::Write }
}

/// What is remembered of the machine before a step.
#[derive(Debug)]
pub struct Before {
    agent: AgentId,
    cpu: u16,
    op: Op,
    kind: AgentKind,
    open: bool,
    holds_off: bool,
    reads: bool,
    stack: usize,
    agents: usize,
    objects: usize,
    works: usize,
    accesses: usize,
}

impl Before {
    /// The machine before this agent's step.
    pub fn new(sys: &System, agent: AgentId) -> Before {
        let who = sys.m.agent(agent);
        let cpu = &sys.m.cpus[usize::from(who.cpu)];
        Before {
            agent,
            cpu: who.cpu,
            op: who.pending.op,
            kind: who.kind,
            open: sys.is_open(cpu),
            holds_off: cpu.holds_off_rcu(),
            reads: who.rcu_nesting > 0,
            stack: cpu.stack.len(),
            agents: sys.m.agents.len(),
            objects: sys.mem.allocations(),
            works: sys.works.len(),
            accesses: sys.accesses.len(),
        }
    }

    /// Replaces `out` by the effects of the step that was taken since.
    pub fn effects(&self, sys: &System, out: &mut Vec<Access>) {
        out.clear();
        out.extend_from_slice(&sys.accesses[self.accesses..]);
        if self.keeps_readers(sys) {
            out.retain(|a| *a != read(Object::RCU));
        }
        self.context(sys, out);
        self.services(sys, out);
        self.time(sys, out);
    }

    /// Does the step leave as it was whether its CPU and its task hold off a grace period, and
    /// looks at grace periods in no other way?
    fn keeps_readers(&self, sys: &System) -> bool {
        let cpu = &sys.m.cpus[usize::from(self.cpu)];
        let only_context = matches!(
            self.op,
            Op::Lock { .. }
                | Op::Unlock { .. }
                | Op::Toggle(_)
                | Op::IrqRestore(_)
                | Op::RcuReadLock
                | Op::RcuReadUnlock
                | Op::Schedule
        );
        only_context
            && cpu.stack.len() == self.stack
            && cpu.holds_off_rcu() == self.holds_off
            && (sys.m.agent(self.agent).rcu_nesting > 0) == self.reads
            && sys.m.agent(self.agent).is_live()
            && !self.ends(sys)
    }

    /// Has the step ended the program of a context?
    fn ends(&self, sys: &System) -> bool {
        let agent = sys.m.agent(self.agent);
        agent.state == State::Idle
            || agent.state == State::Dead
            || matches!(
                agent.pending.op,
                Op::RcuInvoke | Op::TimerInvoke | Op::IrqEntry | Op::CallInvoke
            )
    }

    fn context(&self, sys: &System, out: &mut Vec<Access>) {
        if matches!(self.kind, AgentKind::Rcu | AgentKind::Clock) {
            return;
        }
        let balanced = sys.m.agents.iter().any(|a| a.kind == AgentKind::Balance);
        if balanced {
            out.extend((0..sys.m.cpus.len() as u16).map(|c| write(Object::context(c))));
            return;
        }
        let cpu = &sys.m.cpus[usize::from(self.cpu)];
        let light = self.kind == AgentKind::Task && self.open && sys.is_open(cpu);
        let object = Object::context(self.cpu);
        out.push(if light { read(object) } else { write(object) });
        let reads = sys.m.agent(self.agent).rcu_nesting > 0;
        let holds_off = cpu.holds_off_rcu();
        if holds_off != self.holds_off || reads != self.reads || cpu.stack.len() != self.stack {
            out.push(read(Object::RCU));
        }
        let dead = sys.m.agent(self.agent).state == State::Dead;
        if self.ends(sys) && self.kind != AgentKind::Irq && !dead {
            // The end of a callback looks whether there is another one.
            out.extend([read(Object::RCU), write(Object::callbacks(self.cpu))]);
        }
    }

    fn services(&self, sys: &System, out: &mut Vec<Access>) {
        if sys.m.agents.len() != self.agents {
            out.push(write(Object::AGENTS));
        }
        if sys.mem.allocations() != self.objects {
            out.push(write(Object::ALLOCATOR));
        }
        let cpus = 0..sys.m.cpus.len() as u16;
        match self.op {
            Op::SmpCall { .. } => {
                out.extend(cpus.map(|c| write(Object::calls(c))));
                // The first one also decides how everybody waits with interrupts off.
                out.push(write(Object::RUN));
            }
            Op::RcuBarrier => out.extend(cpus.map(|c| read(Object::callbacks(c)))),
            Op::IrqEntry => out.push(read(Object::calls(self.cpu))),
            Op::Tick => out.extend([read(Object::RCU), read(Object::callbacks(self.cpu))]),
            Op::QueueWork { .. }
            | Op::CancelWork { .. }
            | Op::FlushWork { .. }
            | Op::WorkInvoke => {
                out.push(write(Object::WORKS));
            }
            Op::GpEnd if sys.mem.has_typesafe() => out.push(write(Object::RUN)),
            Op::Free { at } => {
                if sys.mem.has_typesafe() {
                    out.push(read(Object::RCU));
                }
                // The first page that is freed makes the free list, whichever of several that is.
                if sys.mem.desc(at).is_some_and(|d| d.allocator == Allocator::Page) {
                    out.push(read(Object::ALLOCATOR));
                }
            }
            Op::Toggle(Toggle::CpuDead) => {
                out.extend(cpus.map(|c| write(Object::callbacks(c))));
                out.extend([write(Object::RUN), read(Object::RCU)]);
            }
            Op::Toggle(Toggle::BhEnable) => out.push(write(Object::softirqs(self.cpu))),
            _ => {}
        }
        if sys.works.len() != self.works {
            out.push(write(Object::WORKS));
        }
    }

    /// Every step takes time; what looks at the clock therefore commutes with nothing.
    fn time(&self, sys: &System, out: &mut Vec<Access>) {
        let looks = match self.op {
            Op::Sleep(_) | Op::Advance | Op::ModTimer { .. } | Op::DelTimer { .. } => true,
            Op::Tick => sys.has_clock(),
            _ => {
                let vector = sys.m.cpus[usize::from(self.cpu)].softirqs[usize::from(TIMER_SOFTIRQ)];
                vector == Some(self.agent)
            }
        };
        out.push(if looks { write(Object::RUN) } else { read(Object::RUN) });
    }
}
