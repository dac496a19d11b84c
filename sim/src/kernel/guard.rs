//! Who can act: an agent is offered to the scheduler only if its next step makes progress.

use super::lock;
use super::settings::Broken;
use super::system::System;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::op::{LockKind, Op};
use crate::base::preempt;
use crate::machine::Again;
use crate::machine::agent::{Agent, State};
use crate::machine::cpu::Cpu;

impl System {
    /// The next operation of this agent may have to wait: looks at it again when the word that it
    /// waits for changes, and now.
    pub(super) fn queue_up(&mut self, id: AgentId) {
        let free = match self.m.agent(id).pending.op {
            Op::Lock { attempt: true, .. } => true,
            Op::Lock { at, kind, .. } => match self.mem.index(at) {
                Ok(index) => {
                    self.watch(id, index, (kind == LockKind::Mutex).then_some(at));
                    lock::is_free(self.mem.load(index), kind)
                }
                Err(_) => true,
            },
            Op::Await { at, .. } => {
                if let Ok(index) = self.mem.index(at) {
                    self.watch(id, index, None);
                }
                false
            }
            Op::Join(target) => {
                let target = self.m.agent_mut(target);
                target.joined = true;
                target.state == State::Dead
            }
            _ => false,
        };
        if !free {
            self.queue_up_behind(id);
        }
    }

    #[inline(never)]
    fn queue_up_behind(&mut self, id: AgentId) {
        if !self.can_proceed(id, self.m.agent(id)) {
            self.m.enabled.set(id, false);
        }
        self.check_deadlock(id);
    }

    /// Could the pending operation of this context be carried out now? An operation that may have
    /// to wait before it begins is also named in [`System::set_pending`].
    #[inline]
    pub(super) fn can_proceed(&self, id: AgentId, agent: &Agent) -> bool {
        match agent.pending.op {
            Op::Lock { at, kind, attempt: false, .. } => {
                // What cannot be a lock holds nobody up.
                let free = |index| lock::is_free(self.mem.load(index), kind);
                self.mem.index(at).map_or(true, free) || self.can_begin_lock(id, kind)
            }
            _ => self.can_proceed_with_other(id, agent),
        }
    }

    #[inline(never)]
    fn can_proceed_with_other(&self, id: AgentId, agent: &Agent) -> bool {
        match agent.pending.op {
            Op::Await { at, cond, value, sleeps } => match self.mem.index(at) {
                Ok(index) => {
                    cond.holds(self.mem.load(index), value) || self.can_begin_await(id, sleeps)
                }
                Err(_) => true,
            },
            Op::Join(_) | Op::FlushWork { .. } | Op::WorkInvoke => self.is_served(id),
            _ => !agent.begun || self.is_served(id),
        }
    }

    /// Is asking for a lock that is held an act of its own?
    #[inline(never)]
    fn can_begin_lock(&self, id: AgentId, kind: LockKind) -> bool {
        (self.broken(Broken::LockAdmitsTwo) && !kind.sleeps())
            || (!self.m.agent(id).begun && self.beginning_matters(id, kind))
    }

    /// Is beginning to wait for a word an act of its own?
    fn can_begin_await(&self, id: AgentId, sleeps: bool) -> bool {
        !self.m.agent(id).begun
            && if sleeps {
                self.in_atomic(id)
            } else {
                // Spinning, it keeps its CPU where nobody is preempted.
                !self.m.preemptible && self.has_other_tasks(id)
            }
    }

    /// Has what the operation waits for come, if that is not a word?
    #[inline(never)]
    fn is_served(&self, id: AgentId) -> bool {
        let agent = self.m.agent(id);
        match agent.pending.op {
            Op::Join(target) => {
                self.m.agent(target).state == State::Dead || (!agent.begun && self.in_atomic(id))
            }
            Op::FlushWork { work } => {
                self.worker_of(work).is_none() || (!agent.begun && self.in_atomic(id))
            }
            // A work item never runs beside itself.
            Op::WorkInvoke => !self.is_running_elsewhere(id),
            Op::CancelWork { work } => self.worker_of(work).is_none(),
            Op::SynchronizeRcu => agent.ticket <= self.rcu.completed(),
            Op::RcuBarrier | Op::SmpCall { .. } => agent.ticket == 0,
            Op::Sleep(_) => agent.ticket == 1,
            Op::DelTimer { timer, .. } => self.running_timer(timer).is_none(),
            _ => true,
        }
    }

    /// Is beginning to wait for a held lock an act of its own? Only where others can tell: sleeping
    /// in atomic context is a bug whether or not the lock is free, and waiting with interrupts,
    /// softirqs or preemption newly off keeps those of this CPU from what the owner may wait for.
    fn beginning_matters(&self, id: AgentId, kind: LockKind) -> bool {
        if kind.sleeps() {
            return self.in_atomic(id);
        }
        let (preempt, irqs_off) = self.context(id);
        let cpu = self.cpu(id);
        let interrupts = self.irq_users || cpu.tick.is_some();
        let irqs = kind.irqs_off() && !irqs_off && interrupts;
        let softirqs = kind.bh_off()
            && !preempt::bh_disabled(preempt)
            && (interrupts || cpu.ksoftirqd.is_some());
        irqs || softirqs || (preempt == 0 && self.has_other_tasks(id))
    }

    /// Are there other tasks on the CPU of this one, which it can keep from running?
    fn has_other_tasks(&self, id: AgentId) -> bool {
        let other = |&other: &AgentId| {
            let agent = self.m.agent(other);
            other != id && agent.kind == AgentKind::Task && agent.is_live()
        };
        self.m.agent(id).kind == AgentKind::Task && self.cpu(id).agents.iter().any(other)
    }

    /// `preempt_count` and whether interrupts are off, for a context running or switched out.
    fn context(&self, id: AgentId) -> (u32, bool) {
        let (cpu, agent) = (self.cpu(id), self.m.agent(id));
        if agent.kind != AgentKind::Task || cpu.current == Some(id) {
            (cpu.preempt, cpu.irqs_off)
        } else {
            (agent.preempt, agent.irqs_off)
        }
    }

    /// Is this context one that must not sleep? (A preemptible reader may be preempted, not block.)
    pub(super) fn in_atomic(&self, id: AgentId) -> bool {
        let (preempt, irqs_off) = self.context(id);
        preempt != 0 || irqs_off || self.m.agent(id).rcu_nesting != 0
    }

    #[inline(always)]
    fn can_act(&self, id: AgentId, agent: &Agent) -> bool {
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        match agent.kind {
            AgentKind::Task => {
                agent.is_live()
                    && cpu.stack.is_empty()
                    && (cpu.current == Some(id)
                        || self.m.can_switch(cpu)
                        || self.broken(Broken::PreemptedInsideRegion))
                    && self.can_proceed(id, agent)
            }
            _ => self.can_act_above_tasks(id, agent, cpu),
        }
    }

    /// As [`System::can_act`], for contexts above tasks and for the environment.
    #[inline(never)]
    fn can_act_above_tasks(&self, id: AgentId, agent: &Agent, cpu: &Cpu) -> bool {
        match agent.kind {
            AgentKind::Task => unreachable!("tasks are looked at before"),
            AgentKind::Softirq => {
                agent.state == State::Ready
                    && cpu.stack.last() == Some(&id)
                    && self.can_proceed(id, agent)
            }
            AgentKind::Irq if agent.state == State::Ready => {
                cpu.stack.last() == Some(&id) && self.can_proceed(id, agent)
            }
            AgentKind::Irq => {
                let armed =
                    if cpu.ipi == Some(id) { !cpu.calls.is_empty() } else { agent.budget > 0 };
                let off = self.broken(Broken::InterruptInsideIrqsOff);
                armed && (cpu.accepts_irq() || (off && !preempt::in_hardirq(cpu.preempt)))
            }
            AgentKind::Tick => cpu.accepts_irq() && self.tick_raises(agent.cpu) != 0,
            AgentKind::Ksoftirqd => {
                cpu.ksoftirqd_woken
                    && cpu.softirq_pending != 0
                    && cpu.stack.is_empty()
                    && !preempt::bh_disabled(cpu.preempt)
                    && self.m.can_switch(cpu)
            }
            AgentKind::Balance => {
                let task = AgentId(agent.ticket as u16);
                let waiting = self.m.agent(task);
                self.m.cpus.len() > 1
                    && waiting.state == State::Ready
                    && cpu.current.is_some()
                    && cpu.current != Some(task)
            }
            AgentKind::Rcu | AgentKind::Clock => self.m.enabled.contains(id),
        }
    }

    /// Who can take a step now.
    pub fn enabled_set(&self) -> &crate::base::agent::AgentSet {
        &self.m.enabled
    }

    /// Looks again at whether this agent can act.
    pub fn refresh(&mut self, id: AgentId) {
        self.keep_watching(id);
        let can = self.can_act(id, self.m.agent(id));
        self.m.enabled.set(id, can);
    }

    /// Looks again at everyone whose ability to act may have changed since the last call. The run
    /// loop calls it between steps.
    #[inline]
    pub fn settle(&mut self) {
        while let Some(again) = self.m.again.pop() {
            match again {
                Again::Slot(slot) => self.settle_watchers(slot),
                Again::Cpu(cpu) => self.settle_cpu(cpu),
                Again::Waiters => self.settle_waiters(),
            }
        }
        debug_assert!(self.is_settled(), "somebody was not looked at again");
    }

    /// Is it so that to look at everybody would change nothing? Unless wake-ups are to be lost.
    fn is_settled(&self) -> bool {
        let same = |(n, agent): (usize, &Agent)| {
            let id = AgentId(n as u16);
            self.m.enabled.contains(id) == self.can_act(id, agent)
        };
        self.broken(Broken::WakeupLost) || self.m.agents.iter().enumerate().all(same)
    }

    #[inline(never)]
    fn settle_cpu(&mut self, cpu: u16) {
        self.m.cpus[usize::from(cpu)].touched = false;
        if self.rcu.in_progress() {
            self.note_quiescent_state(cpu);
        }
        if self.settings.rcu_offload {
            self.wake_offload(cpu);
        }
        for i in 0..self.m.cpus[usize::from(cpu)].agents.len() {
            let id = self.m.cpus[usize::from(cpu)].agents[i];
            self.refresh(id);
        }
    }

    /// Looks at all who cannot act, for whatever they wait.
    #[inline(never)]
    fn settle_waiters(&mut self) {
        for i in 0..self.m.agents.len() {
            let id = AgentId(i as u16);
            if self.m.agents[i].is_live() && !self.m.enabled.contains(id) {
                self.refresh(id);
            }
        }
    }
}
