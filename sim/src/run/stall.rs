//! Stall and livelock: a run that comes back to the same state again and again while everybody
//! who could act has acted. Found by comparing states, never by counting steps.
//!
//! The visible state is compared: all of memory (by an incremental hash), where each program
//! stands, what is turned off where. Local variables of programs cannot be seen, so a state has to
//! come back `Settings::stall_repeats` times. Short runs pay nothing: watching begins late, and
//! the state to come back to is renewed at each doubling of the run's length (Brent).

use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::op::Call;
use crate::kernel::System;
use crate::machine::agent::{Agent, State};

/// Steps before watching begins.
const BEGIN: usize = 512;

/// Where an agent stands.
#[derive(Debug)]
struct Stand {
    state: State,
    begun: bool,
    cpu: u16,
    rcu_nesting: u8,
    budget: u32,
    call: Call,
}

impl Stand {
    fn of(agent: &Agent) -> Stand {
        Stand {
            state: agent.state,
            begun: agent.begun,
            cpu: agent.cpu,
            rcu_nesting: agent.rcu_nesting,
            budget: agent.budget,
            call: agent.pending,
        }
    }

    fn is_of(&self, agent: &Agent) -> bool {
        self.state == agent.state
            && self.begun == agent.begun
            && self.cpu == agent.cpu
            && self.rcu_nesting == agent.rcu_nesting
            && self.budget == agent.budget
            && std::ptr::eq(self.call.loc, agent.pending.loc)
            && self.call.op == agent.pending.op
    }
}

/// What is turned off on a CPU, and who runs.
type Context = (u32, bool, u16, Option<AgentId>, usize);

fn contexts(sys: &System) -> impl Iterator<Item = Context> + '_ {
    let of = |c: &crate::machine::cpu::Cpu| {
        (c.preempt, c.irqs_off, c.softirq_pending, c.current, c.stack.len())
    };
    sys.m.cpus.iter().map(of)
}

/// Watches for states that come back.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Length of the run at which the next state is remembered.
    next: usize,
    memory: u64,
    agents: Vec<Stand>,
    cpus: Vec<Context>,
    callbacks: usize,
    /// Who stepped when the state was remembered; only after its steps is it compared.
    agent: AgentId,
    acted: AgentSet,
    repeats: u32,
}

impl Stall {
    /// Forgets the last run; keeps the storage.
    pub(super) fn reset(&mut self) {
        self.next = BEGIN;
    }

    /// A step was taken; is this a stall? Cheap until the run is long.
    #[inline]
    pub(super) fn observe(&mut self, sys: &mut System) -> bool {
        sys.events.len() >= BEGIN && self.look(sys)
    }

    fn look(&mut self, sys: &mut System) -> bool {
        if sys.events.len() < self.next {
            return self.compare(sys);
        }
        self.remember(sys);
        false
    }

    fn remember(&mut self, sys: &mut System) {
        self.next = sys.events.len() * 2;
        self.memory = sys.mem.watch_state();
        self.agents.clear();
        self.agents.extend(sys.m.agents.iter().map(Stand::of));
        self.cpus.clear();
        self.cpus.extend(contexts(sys));
        self.callbacks = sys.rcu.pending();
        self.agent = last_agent(sys);
        self.acted.clear();
        self.repeats = 0;
    }

    fn compare(&mut self, sys: &mut System) -> bool {
        let agent = last_agent(sys);
        self.acted.set(agent, true);
        if agent != self.agent || sys.mem.watch_state() != self.memory || !self.is_back(sys) {
            return false;
        }
        self.repeats += 1;
        let limit = sys.settings.stall_repeats;
        let fair = sys.m.enabled.iter().all(|a| self.acted.contains(a));
        if limit == 0 || self.repeats < limit || !fair || !somebody_waits(sys) {
            return false;
        }
        sys.report_stall(&self.acted, self.repeats);
        true
    }

    fn is_back(&self, sys: &System) -> bool {
        self.agents.len() == sys.m.agents.len()
            && self.agents.iter().zip(&sys.m.agents).all(|(stand, agent)| stand.is_of(agent))
            && self.cpus.iter().copied().eq(contexts(sys))
            && self.callbacks == sys.rcu.pending()
    }
}

fn last_agent(sys: &System) -> AgentId {
    sys.events.last().map_or_else(AgentId::default, |e| e.agent)
}

/// Is there something that ought to come to an end?
fn somebody_waits(sys: &System) -> bool {
    let owes = |a: &Agent| a.is_live() && !a.daemon && a.kind <= AgentKind::Irq;
    sys.m.agents.iter().any(owes) || sys.rcu.pending() > 0
}
