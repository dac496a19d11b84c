//! Softirqs: raised, and run where the kernel runs them (kernel/softirq.c, v6.3): at the exit of
//! an interrupt, at the outermost `local_bh_enable()`, or in `ksoftirqd`.

use super::settings::Broken;
use super::system::{Code, Start, System};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::finding::Kind;
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Op};
use crate::base::preempt::{self, SOFTIRQ_OFFSET};
use crate::machine::agent::State;
use crate::machine::cpu::{HI_SOFTIRQ, RCU_SOFTIRQ, SOFTIRQ_NAMES, TASKLET_SOFTIRQ, TIMER_SOFTIRQ};

/// Rounds served in one go before the rest is left to `ksoftirqd` (`MAX_SOFTIRQ_RESTART`).
const MAX_RESTART: u64 = 10;
/// The vectors that do not wait for `ksoftirqd` (`SOFTIRQ_NOW_MASK`).
const SOFTIRQ_NOW_MASK: u16 = 1 << HI_SOFTIRQ | 1 << TASKLET_SOFTIRQ;

impl System {
    pub(super) fn raise_softirq(&mut self, id: AgentId, vector: u8) -> u64 {
        assert!(
            usize::from(vector) < SOFTIRQ_NAMES.len(),
            "there are softirqs 0 to 9, not {vector}"
        );
        let cpu = self.m.agent(id).cpu;
        self.raise_on(cpu, vector);
        if !preempt::in_interrupt(self.cpu(id).preempt) {
            self.wake_ksoftirqd(cpu);
        }
        0
    }

    /// Sets the pending bit of a CPU.
    pub(super) fn raise_on(&mut self, cpu: u16, vector: u8) {
        self.access(Object::softirqs(cpu), Mode::Write);
        self.m.cpus[usize::from(cpu)].softirq_pending |= 1 << vector;
        self.m.touch(cpu);
    }

    fn wake_ksoftirqd(&mut self, cpu: u16) {
        let known = &mut self.m.cpus[usize::from(cpu)];
        known.ksoftirqd_woken = true;
        if known.ksoftirqd.is_none() {
            let call = Call::internal(Op::RunKsoftirqd, "run_ksoftirqd");
            let id = self.m.add(AgentKind::Ksoftirqd, cpu, "ksoftirqd", call);
            self.m.cpus[usize::from(cpu)].ksoftirqd = Some(id);
            self.m.cpus[usize::from(cpu)].agents.push(id);
        }
        self.m.touch(cpu);
    }

    pub(super) fn run_ksoftirqd(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        self.m.switch_out(cpu);
        let known = &mut self.m.cpus[usize::from(cpu)];
        known.ksoftirqd_woken = false;
        self.run_pending_softirqs(cpu);
        0
    }

    /// Runs what is pending on this CPU, if its context allows. Where `ksoftirqd` is about to run,
    /// all but the urgent is left to it (`ksoftirqd_running()`).
    pub(super) fn run_pending_softirqs(&mut self, cpu_id: u16) {
        let cpu = &self.m.cpus[usize::from(cpu_id)];
        let left = cpu.ksoftirqd_woken && cpu.softirq_pending & SOFTIRQ_NOW_MASK == 0;
        if cpu.softirq_pending == 0 || cpu.irqs_off || left {
            return;
        }
        let held_off = preempt::in_interrupt(cpu.preempt);
        let broken = self.broken(Broken::SoftirqInsideBhDisabled)
            && !preempt::in_hardirq(cpu.preempt)
            && !preempt::in_serving_softirq(cpu.preempt);
        if held_off && !broken {
            return;
        }
        if self.broken(Broken::SoftirqLost) {
            self.m.cpus[usize::from(cpu_id)].softirq_pending = 0;
            return;
        }
        self.m.cpus[usize::from(cpu_id)].preempt += SOFTIRQ_OFFSET;
        self.access(Object::RCU, Mode::Read);
        self.serve_next(cpu_id, 0);
    }

    /// Serves the next vector of a round, lowest first; of the round that what is pending makes up
    /// if none is left of the last one. `rounds` have begun before.
    fn serve_next(&mut self, cpu_id: u16, mut rounds: u64) {
        self.access(Object::softirqs(cpu_id), Mode::Write);
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        if cpu.softirq_serving == 0 {
            cpu.softirq_serving = std::mem::take(&mut cpu.softirq_pending);
            rounds += 1;
        }
        let vector = cpu.softirq_serving.trailing_zeros() as u8;
        cpu.softirq_serving &= !(1 << vector);
        let preempt = cpu.preempt;
        let id = self.softirq_agent(cpu_id, vector);
        self.m.cpus[usize::from(cpu_id)].stack.push(id);
        let agent = self.m.agent_mut(id);
        agent.state = State::Ready;
        agent.ticket = rounds;
        agent.preempt = preempt;
        match vector {
            RCU_SOFTIRQ => self.set_pending(id, Call::internal(Op::RcuInvoke, "rcu_do_batch")),
            TIMER_SOFTIRQ => self.set_pending(id, Call::internal(Op::TimerInvoke, "run_timers")),
            _ => self.starts.push(Start { agent: id, what: Code::Vector(vector) }),
        }
        self.m.touch(cpu_id);
    }

    fn softirq_agent(&mut self, cpu_id: u16, vector: u8) -> AgentId {
        if let Some(id) = self.m.cpus[usize::from(cpu_id)].softirqs[usize::from(vector)] {
            return id;
        }
        let name = SOFTIRQ_NAMES[usize::from(vector)];
        let id = self.m.add(AgentKind::Softirq, cpu_id, name, Call::internal(Op::Nop, name));
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        cpu.softirqs[usize::from(vector)] = Some(id);
        cpu.agents.push(id);
        id
    }

    /// A handler has returned with something left off; the kernel repairs the count.
    fn preempt_leak(&mut self, id: AgentId, vector: usize) {
        let entered = self.m.agent(id).preempt;
        let exited = std::mem::replace(&mut self.m.cpu_of_mut(id).preempt, entered);
        let name = SOFTIRQ_NAMES[vector].trim_start_matches("softirq:").to_uppercase();
        let headline = format!(
            "huh, entered softirq {vector} {name} with preempt_count {entered:08x}, exited with \
             {exited:08x}?"
        );
        let object = self.m.agent(id).role.to_owned();
        self.report_named(id, Kind::SleepInAtomic, headline, object, Vec::new(), Vec::new());
    }

    /// A softirq's program has returned: more of the same vector, another one, or back to what was
    /// interrupted.
    pub(super) fn softirq_handler_done(&mut self, id: AgentId) {
        let cpu_id = self.m.agent(id).cpu;
        self.access(Object::RCU, Mode::Read);
        let vector = self.m.cpus[usize::from(cpu_id)].softirqs.iter().position(|&a| a == Some(id));
        if self.m.cpus[usize::from(cpu_id)].preempt != self.m.agent(id).preempt && !self.fatal {
            self.preempt_leak(id, vector.unwrap_or_default());
        }
        if vector == Some(TIMER_SOFTIRQ.into()) {
            // No timer's handler is running here: timer_delete_sync() may go on.
            self.m.agent_mut(id).ticket &= 0xff;
            self.m.touch_waiters();
        }
        let more = match vector.map(|v| v as u8) {
            Some(RCU_SOFTIRQ) if self.next_callback(cpu_id) => {
                Some((Op::RcuInvoke, "rcu_do_batch"))
            }
            // Enough for one go: the others have their turn first.
            Some(RCU_SOFTIRQ) if self.rcu.ready(cpu_id) => {
                self.raise_on(cpu_id, RCU_SOFTIRQ);
                None
            }
            Some(TIMER_SOFTIRQ) if self.has_expired(cpu_id) => {
                Some((Op::TimerInvoke, "run_timers"))
            }
            _ => None,
        };
        if let Some((op, name)) = more {
            self.set_pending(id, Call::internal(op, name));
            return;
        }
        self.m.agent_mut(id).state = State::Idle;
        let rounds = self.m.agent(id).ticket & 0xff;
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        cpu.stack.pop();
        if cpu.softirq_serving != 0 || cpu.softirq_pending != 0 && rounds < MAX_RESTART {
            return self.serve_next(cpu_id, rounds);
        }
        cpu.preempt -= SOFTIRQ_OFFSET;
        if cpu.softirq_pending != 0 {
            self.wake_ksoftirqd(cpu_id);
        } else {
            // It would find nothing to do, and sleep again.
            cpu.ksoftirqd_woken = false;
        }
        self.access(Object::RCU, Mode::Read);
        self.m.touch(cpu_id);
    }
}
