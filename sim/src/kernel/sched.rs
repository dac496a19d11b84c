//! Tasks: started, asleep, joined, moved.

use super::system::{Applied, Code, Start, System};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Cond, Op};
use crate::base::ptr::Ptr;
use crate::machine::agent::{Agent, State};

impl System {
    /// Adds a task whose program the caller starts.
    pub fn add_task(&mut self, cpu: u16, role: &'static str) -> AgentId {
        assert!(
            usize::from(cpu) < self.m.cpus.len(),
            "task {role} is meant for cpu{cpu}, but the machine has {} CPUs",
            self.m.cpus.len()
        );
        let id = self.m.add(AgentKind::Task, cpu, role, Call::internal(Op::Nop, "start"));
        let here = &mut self.m.cpus[usize::from(cpu)];
        here.agents.push(id);
        if here.agents.len() == 1 {
            // It is nobody else's business.
            self.m.enabled.set(id, true);
        } else {
            self.m.touch(cpu);
        }
        id
    }

    /// Lets a task that waits for a CPU move to others, as the load balancer decides.
    pub fn make_migratable(&mut self, id: AgentId) {
        self.m.agent_mut(id).migratable = true;
        let (cpu, role) = (self.m.agent(id).cpu, self.m.agent(id).role);
        let balancer =
            self.m.add(AgentKind::Balance, cpu, role, Call::internal(Op::Migrate, "migrate"));
        self.m.agent_mut(balancer).ticket = id.0.into();
        self.m.cpus[usize::from(cpu)].agents.push(balancer);
        self.m.touch(cpu);
    }

    pub(super) fn migrate(&mut self, balancer: AgentId) -> u64 {
        let id = AgentId(self.m.agent(balancer).ticket as u16);
        let from = self.m.agent(id).cpu;
        let to = (from + 1) % self.m.cpus.len() as u16;
        self.m.agent_mut(id).cpu = to;
        self.m.agent_mut(balancer).cpu = to;
        for moved in [id, balancer] {
            self.m.cpus[usize::from(from)].agents.retain(|&a| a != moved);
            self.m.cpus[usize::from(to)].agents.push(moved);
        }
        self.m.touch(from);
        self.m.touch(to);
        to.into()
    }

    /// Starts a kthread on that CPU; if there is none, where its parent runs.
    #[inline]
    pub(super) fn spawn(&mut self, id: AgentId, func: Ptr, arg: u64, cpu: u16) {
        let cpu = if usize::from(cpu) < self.m.cpus.len() { cpu } else { self.m.agent(id).cpu };
        let role = self.text_name(func);
        let child = self.add_task(cpu, role);
        self.starts.push(Start { agent: child, what: Code::Func(func, arg) });
    }

    pub(super) fn join(&mut self, id: AgentId, target: AgentId) -> Applied {
        self.access(Object::life(target), Mode::Read);
        if self.m.agent(target).state == State::Dead {
            return Applied::Done(0);
        }
        self.wait_off_cpu(id);
        Applied::Begun
    }

    pub(super) fn task_exit(&mut self, id: AgentId) {
        self.access(Object::life(id), Mode::Write);
        let agent = self.m.agent_mut(id);
        let (cpu_id, joined) = (agent.cpu, agent.joined);
        agent.state = State::Dead;
        self.m.enabled.set(id, false);
        let cpu = &mut self.m.cpus[usize::from(cpu_id)];
        cpu.agents.retain(|&a| a != id);
        if cpu.current == Some(id) {
            self.m.switch_out(cpu_id);
        }
        if joined {
            self.wake_joiners(id);
        }
        self.work_done(id);
        self.reader_gone(id);
        let Agent { preempt, rcu_nesting, .. } = *self.m.agent(id);
        if preempt != 0 || rcu_nesting != 0 {
            self.left_atomic(id, preempt);
        }
    }

    /// This one has ended: looks at those who wait for that.
    fn wake_joiners(&mut self, ended: AgentId) {
        for id in (0..self.m.agents.len()).map(|n| AgentId(n as u16)) {
            if matches!(self.m.agent(id).pending.op, Op::Join(target) if target == ended) {
                self.refresh(id);
            }
        }
    }

    /// The agent leaves its CPU until its ticket is called.
    pub(super) fn wait_off_cpu(&mut self, id: AgentId) {
        self.go_to_sleep(id);
    }

    pub(super) fn schedule(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        self.access(Object::RCU, Mode::Read);
        self.m.touch(cpu);
        0
    }

    pub(super) fn wait_for(
        &mut self,
        id: AgentId,
        at: Ptr,
        cond: Cond,
        value: u64,
        sleeps: bool,
    ) -> Applied {
        let Some(index) = self.at(id, at, Mode::Read) else { return Applied::Done(0) };
        let word = self.mem.load(index);
        if cond.holds(word, value) {
            return Applied::Done(word);
        }
        if sleeps {
            self.go_to_sleep(id);
        }
        Applied::Begun
    }
}
