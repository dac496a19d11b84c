//! CPUs and contexts: who may run, in which context, with what turned off. What they do is the
//! kernel layer's business.
//!
//! A CPU is a stack of contexts: at the bottom the current task (or idle), above it at most one
//! softirq and one hard interrupt. Only the top of a stack takes steps.

pub mod agent;
pub mod calendar;
pub mod cpu;

use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::event::Eqs;
use crate::base::op::{Call, Op};
use crate::base::preempt::SOFTIRQ_OFFSET;
use crate::base::reused::Reused;
use agent::{Agent, State};
use calendar::Calendar;
use cpu::Cpu;

/// All CPUs, all agents, virtual time, and the set of agents that can act now.
#[derive(Debug, Default)]
pub struct Machine {
    /// The CPUs, by number.
    pub cpus: Reused<Cpu>,
    /// Every agent of the run, by number, dead ones included.
    pub agents: Vec<Agent>,
    /// Who can take a step now.
    pub enabled: AgentSet,
    /// Timers and sleepers.
    pub calendar: Calendar,
    /// Virtual time in nanoseconds.
    pub now: u64,
    /// May a task be preempted in kernel mode (`CONFIG_PREEMPT`)?
    pub preemptible: bool,
    /// What has to be looked at again before the next step.
    pub again: Vec<Again>,
}

/// Who may have become able or unable to act.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Again {
    /// The agents of a CPU.
    Cpu(u16),
    /// Those who wait for a word of this slot of memory, which was written.
    Slot(u32),
    /// All who wait for something else.
    Waiters,
}

impl Machine {
    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        self.agents.clear();
        self.enabled.clear();
        self.calendar.clear();
        self.again.clear();
        self.now = 0;
        self.preemptible = true;
        self.set_cpus(1);
    }

    /// Sets the number of CPUs, on which nothing is yet.
    pub fn set_cpus(&mut self, n: u16) {
        self.cpus.set_len(n.into());
        self.cpus.iter_mut().for_each(Cpu::reset);
    }

    /// Adds an agent with its first pending operation.
    pub fn add(&mut self, kind: AgentKind, cpu: u16, role: &'static str, pending: Call) -> AgentId {
        let id = self.next_agent();
        self.agents.push(Agent::new(kind, cpu, role, pending));
        id
    }

    /// The number that the next agent will have.
    ///
    /// # Panics
    /// When there are too many to have one.
    pub fn next_agent(&self) -> AgentId {
        AgentId(u16::try_from(self.agents.len()).expect("at most 65,536 agents a run"))
    }

    /// The agent with this number.
    pub fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[id.index()]
    }

    /// The agent with this number, to change.
    pub fn agent_mut(&mut self, id: AgentId) -> &mut Agent {
        &mut self.agents[id.index()]
    }

    /// The CPU on which this agent is at home.
    pub fn cpu_of(&self, id: AgentId) -> &Cpu {
        &self.cpus[usize::from(self.agents[id.index()].cpu)]
    }

    /// The CPU of this agent, to change.
    pub fn cpu_of_mut(&mut self, id: AgentId) -> &mut Cpu {
        &mut self.cpus[usize::from(self.agents[id.index()].cpu)]
    }

    /// Notes that agents of this CPU have to be looked at again.
    pub fn touch(&mut self, cpu: u16) {
        let touched = &mut self.cpus[usize::from(cpu)].touched;
        if !std::mem::replace(touched, true) {
            self.again.push(Again::Cpu(cpu));
        }
    }

    /// Notes that something that is not memory, and that somebody may wait for, has changed.
    pub fn touch_waiters(&mut self) {
        if self.again.last() != Some(&Again::Waiters) {
            self.again.push(Again::Waiters);
        }
    }

    /// As [`Machine::touch`], for the CPU of an agent.
    pub fn touch_cpu_of(&mut self, id: AgentId) {
        self.touch(self.agent(id).cpu);
    }

    /// May another task take this CPU now?
    pub fn can_switch(&self, cpu: &Cpu) -> bool {
        let Some(current) = cpu.current else { return true };
        let current = self.agent(current);
        let voluntary = matches!(current.pending.op, Op::Schedule) && current.state == State::Ready;
        let idle = cpu.eqs != Eqs::Watching;
        let preempted = self.preemptible && cpu.preempt == 0 && !cpu.irqs_off && !idle;
        cpu.stack.is_empty() && (voluntary || preempted || current.state != State::Ready)
    }

    /// Makes this task the current one of its CPU, saving the other's context.
    pub fn switch_to(&mut self, id: AgentId) {
        let cpu_id = self.agent(id).cpu;
        let cpu = &mut self.cpus[usize::from(cpu_id)];
        if cpu.current == Some(id) {
            return;
        }
        self.switch_out(cpu_id);
        let cpu = &mut self.cpus[usize::from(cpu_id)];
        let task = &self.agents[id.index()];
        cpu.current = Some(id);
        cpu.preempt = task.preempt;
        cpu.irqs_off = task.irqs_off;
        self.touch(cpu_id);
    }

    /// Takes the current task off its CPU. A task may end under the softirq that its last step
    /// has let in; what that has added to the count stays.
    pub fn switch_out(&mut self, cpu_id: u16) {
        let cpu = &mut self.cpus[usize::from(cpu_id)];
        let serving = if cpu.stack.is_empty() { 0 } else { cpu.preempt & SOFTIRQ_OFFSET };
        if let Some(old) = cpu.current.take() {
            let task = &mut self.agents[old.index()];
            task.preempt = cpu.preempt - serving;
            task.irqs_off = cpu.irqs_off;
        }
        cpu.preempt = serving;
        cpu.irqs_off = false;
        // Whoever comes next is not the idle task.
        if cpu.eqs == Eqs::Idle {
            cpu.eqs = Eqs::Watching;
        }
        self.touch(cpu_id);
    }

    /// The context that takes steps on this CPU.
    pub fn top(&self, cpu: &Cpu) -> Option<AgentId> {
        cpu.stack.last().copied().or(cpu.current)
    }

    /// An agent's name: `cpu1/exit`, with `#2` behind it if it is not the first of that role on
    /// its CPU; `rcu/gp` for the grace-period machinery.
    pub fn name(&self, id: AgentId) -> String {
        let agent = self.agent(id);
        let same =
            |a: &&Agent| a.role == agent.role && a.home == agent.home && a.kind == agent.kind;
        let nth = self.agents[..id.index()].iter().filter(same).count();
        let cpu = match agent.kind {
            AgentKind::Rcu => "rcu".to_owned(),
            AgentKind::Clock => "clock".to_owned(),
            _ => format!("cpu{}", agent.home),
        };
        match nth {
            0 => format!("{cpu}/{}", agent.role),
            n => format!("{cpu}/{}#{n}", agent.role),
        }
    }
}
