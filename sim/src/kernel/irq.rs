//! Hard interrupts: lines of devices, the timer tick, function calls from other CPUs.

use super::settings::Broken;
use super::system::{Applied, Code, Start, System};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Eqs;
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Op};
use crate::base::preempt::{HARDIRQ_OFFSET, PREEMPT_OFFSET};
use crate::base::ptr::Ptr;
use crate::machine::agent::State;
use crate::machine::cpu::{QueuedCall, RCU_SOFTIRQ, TIMER_SOFTIRQ};

impl System {
    /// Adds an interrupt line that may fire `times` times.
    pub fn add_line(&mut self, cpu: u16, role: &'static str, times: u32) -> AgentId {
        let id = self.m.add(AgentKind::Irq, cpu, role, Call::internal(Op::IrqEntry, "irq_enter"));
        self.m.agent_mut(id).budget = times;
        self.m.cpus[usize::from(cpu)].agents.push(id);
        self.irq_users = true;
        self.m.touch(cpu);
        id
    }

    pub(super) fn irq_entry(&mut self, id: AgentId) -> u64 {
        let cpu_id = self.m.agent(id).cpu;
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        cpu.stack.push(id);
        cpu.preempt += HARDIRQ_OFFSET;
        cpu.irqs_off = true;
        let is_ipi = cpu.ipi == Some(id);
        self.access(Object::RCU, Mode::Read);
        self.m.touch(cpu_id);
        let agent = self.m.agent_mut(id);
        agent.state = State::Ready;
        if is_ipi {
            self.access(Object::calls(cpu_id), Mode::Write);
            self.set_pending(id, Call::internal(Op::CallInvoke, "generic_smp_call_function"));
        } else {
            agent.budget -= 1;
            self.starts.push(Start { agent: id, what: Code::Line });
        }
        0
    }

    /// The handler has returned: leave the interrupt, then run softirqs if nothing forbids it.
    pub(super) fn irq_exit(&mut self, id: AgentId) {
        let cpu_id = self.m.agent(id).cpu;
        let agent = self.m.agent_mut(id);
        agent.state = State::Idle;
        agent.pending = Call::internal(Op::IrqEntry, "irq_enter");
        if self.m.cpus[usize::from(cpu_id)].ipi == Some(id) {
            self.call_done(id);
        }
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        cpu.stack.pop();
        cpu.preempt -= HARDIRQ_OFFSET;
        cpu.irqs_off = false;
        self.access(Object::RCU, Mode::Read);
        self.m.touch(cpu_id);
        self.run_pending_softirqs(cpu_id);
    }

    /// The tick exists on a CPU as soon as it can have something to do there.
    pub(super) fn ensure_tick(&mut self, cpu: u16) {
        if self.m.cpus[usize::from(cpu)].tick.is_none() {
            let call = Call::internal(Op::Tick, "tick");
            let id = self.m.add(AgentKind::Tick, cpu, "tick", call);
            self.m.cpus[usize::from(cpu)].tick = Some(id);
            self.m.cpus[usize::from(cpu)].agents.push(id);
        }
    }

    /// Which softirqs a tick would raise on this CPU now.
    pub(super) fn tick_raises(&self, cpu_id: u16) -> u16 {
        if self.broken(Broken::TickLost) {
            return 0;
        }
        let cpu = &self.m.cpus[usize::from(cpu_id)];
        let idle = |vector: u8| {
            cpu.softirqs[usize::from(vector)].is_none_or(|a| self.m.agent(a).state == State::Idle)
                && (cpu.softirq_pending | cpu.softirq_serving) & 1 << vector == 0
        };
        let rcu = self.rcu.ready(cpu_id) && !self.settings.rcu_offload && idle(RCU_SOFTIRQ);
        let timer = self.has_expired(cpu_id) && idle(TIMER_SOFTIRQ);
        u16::from(rcu) << RCU_SOFTIRQ | u16::from(timer) << TIMER_SOFTIRQ
    }

    /// The whole timer interrupt: it raises what is due, and softirqs run at its exit.
    pub(super) fn tick(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        let raised = self.tick_raises(cpu);
        for vector in 0..16 {
            if raised & 1 << vector != 0 {
                self.raise_on(cpu, vector);
            }
        }
        self.access(Object::callbacks(cpu), Mode::Read);
        self.access(Object::RCU, Mode::Read);
        if self.clock.is_some() {
            self.access(Object::TIME, Mode::Read);
        }
        self.run_pending_softirqs(cpu);
        raised.into()
    }

    /// `smp_call_function()`: one hard interrupt on each other CPU.
    pub(super) fn smp_call(&mut self, id: AgentId, func: Ptr, arg: u64, wait: bool) -> Applied {
        if self.m.agent(id).begun {
            self.preempt_sub(id, PREEMPT_OFFSET);
            return Applied::Done(0);
        }
        if !self.irq_users {
            self.irq_users = true;
            (0..self.m.cpus.len() as u16).for_each(|cpu| self.m.touch(cpu));
        }
        let mine = self.m.agent(id).cpu;
        let caller = wait.then_some(id);
        let mut count = 0;
        let online = |s: &System, c: u16| s.m.cpus[usize::from(c)].eqs != Eqs::Offline;
        for cpu in 0..self.m.cpus.len() as u16 {
            if cpu == mine || !online(self, cpu) {
                continue;
            }
            self.access(Object::calls(cpu), Mode::Write);
            self.m.cpus[usize::from(cpu)].calls.push_back(QueuedCall { func, arg, caller });
            if self.m.cpus[usize::from(cpu)].ipi.is_none() {
                let call = Call::internal(Op::IrqEntry, "irq_enter");
                let ipi = self.m.add(AgentKind::Irq, cpu, "ipi", call);
                self.m.cpus[usize::from(cpu)].ipi = Some(ipi);
                self.m.cpus[usize::from(cpu)].agents.push(ipi);
            }
            self.m.touch(cpu);
            count += 1;
        }
        if !wait || count == 0 {
            return Applied::Done(0);
        }
        self.preempt_add(id, PREEMPT_OFFSET);
        self.m.agent_mut(id).ticket = count;
        Applied::Begun
    }

    pub(super) fn call_invoke(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        self.access(Object::calls(cpu), Mode::Write);
        if let Some(&call) = self.m.cpus[usize::from(cpu)].calls.front() {
            self.starts.push(Start { agent: id, what: Code::Func(call.func, call.arg) });
        }
        0
    }

    fn call_done(&mut self, id: AgentId) {
        let cpu = self.m.agent(id).cpu;
        self.access(Object::calls(cpu), Mode::Write);
        let done = self.m.cpus[usize::from(cpu)].calls.pop_front();
        if let Some(caller) = done.and_then(|c| c.caller) {
            let caller = self.m.agent_mut(caller);
            caller.ticket = caller.ticket.saturating_sub(1);
            self.m.touch_waiters();
        }
    }
}
