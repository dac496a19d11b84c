//! The whole simulated kernel of one run, and what one step does to it.

use super::callbacks::Rcu;
use super::memory::{Fault, Memory, Origin};
use super::settings::{Broken, Settings};
use super::watchers::Watchers;
use super::workqueue::Works;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::{Event, Phase};
use crate::base::finding::{Finding, Symbols};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::{Call, Gfp, Op};
use crate::base::ptr::Ptr;
use crate::base::reused::Reused;
use crate::machine::Machine;
use crate::machine::agent::State;
use std::cell::RefCell;
use std::rc::Rc;

/// A context that needs a program: the run loop makes it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Who will run it.
    pub agent: AgentId,
    /// What to run.
    pub what: Code,
}

/// What a context runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Code {
    /// The function at a code address, with its argument.
    Func(Ptr, u64),
    /// The handler that the scenario gave to this interrupt line.
    Line,
    /// The handler that the scenario gave to this softirq vector.
    Vector(u8),
}

/// How far an operation got.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It is done, with this reply.
    Done(u64),
    /// It began; the agent waits.
    Begun,
}

/// What a step left its agent with.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Its program goes on with this reply.
    Reply(u64),
    /// It waits, or its program has yet to start.
    Waits,
    /// The environment's own step; no program.
    Environment,
}

/// The simulated kernel of one run.
#[derive(Debug, Default)]
pub struct System {
    /// CPUs, contexts, time.
    pub m: Machine,
    /// Memory.
    pub mem: Memory,
    /// Grace periods and callbacks.
    pub rcu: Rcu,
    /// Work items.
    pub works: Works,
    /// What the scenario set.
    pub settings: Settings,
    /// What happened.
    pub events: Reused<Event>,
    /// What the events touched; each event ends where its `accesses_end` says.
    pub accesses: Reused<Access>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The run is over.
    pub fatal: bool,
    /// Contexts that need a program.
    pub starts: Vec<Start>,
    /// Names for reports.
    pub symbols: Rc<RefCell<Symbols>>,
    /// Who waits for words, by slot of memory.
    pub(super) watchers: Vec<Watchers>,
    /// How many words of memory there were before the first step.
    pub static_words: usize,
    /// Who takes the current step.
    pub(super) stepping: AgentId,
    /// Outcome of the choice that belongs to the current step.
    pub(super) outcome: u32,
    /// Interrupts or cross-calls exist, so that spinning with interrupts off can matter.
    pub(super) irq_users: bool,
    /// The agent for virtual time, made when first needed.
    pub(super) clock: Option<AgentId>,
    /// Conditions declared by the scenario.
    pub(super) invariants: Vec<super::invariant::Invariant>,
    /// Bits to which the scenario gave names.
    pub(super) bits: Vec<super::bits::Bits>,
    /// The list head on which freed pages lie, made with the first page freed.
    pub(super) free_area: Option<Ptr>,
}

impl System {
    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        self.m.reset();
        self.mem.reset();
        self.rcu.reset();
        self.works.clear();
        self.settings = Settings::default();
        self.events.clear();
        self.accesses.clear();
        self.findings.clear();
        self.fatal = false;
        self.starts.clear();
        self.watchers.clear();
        self.irq_users = false;
        self.clock = None;
        self.free_area = None;
        self.invariants.clear();
        self.bits.clear();
    }

    /// Sets the number of CPUs, on which nothing is yet.
    pub fn set_cpus(&mut self, n: u16) {
        self.m.set_cpus(n);
        self.rcu.set_cpus(n);
    }

    /// Is this fault of our own switched on?
    pub(super) fn broken(&self, which: Broken) -> bool {
        self.settings.broken == Some(which)
    }

    /// Over how many outcomes the schedule decides before this agent's next step; 1: none.
    pub fn outcomes(&self, agent: AgentId) -> u32 {
        self.outcomes_of(&self.m.agent(agent).pending.op)
    }

    /// The same for any operation.
    pub fn outcomes_of(&self, op: &Op) -> u32 {
        match *op {
            Op::Choose(n) => n.max(1),
            Op::Alloc { gfp: Gfp::Atomic, .. } if self.settings.alloc_may_fail => 2,
            _ => 1,
        }
    }

    /// Lets the agent take its pending step, and time pass. It must be enabled; `outcome` is the schedule's
    /// decision where [`System::outcomes`] asks for one.
    pub fn step(&mut self, id: AgentId, outcome: u32) -> Stepped {
        let stepped = self.take_step(id, outcome);
        self.pass_time();
        stepped
    }

    #[inline]
    fn take_step(&mut self, id: AgentId, outcome: u32) -> Stepped {
        debug_assert!(self.m.enabled.contains(id), "{} cannot act", self.m.name(id));
        self.outcome = outcome;
        self.stepping = id;
        if self.m.agent(id).kind == AgentKind::Task {
            self.m.switch_to(id);
        }
        let agent = self.m.agent_mut(id);
        if agent.state == State::Asleep {
            agent.state = State::Ready;
        }
        let phase = if agent.begun { Phase::Finished } else { Phase::Done };
        let mut event = self.event_now(id, phase);
        let stepped = match self.apply(id, &event.call.op) {
            Applied::Done(reply) => {
                event.reply = reply;
                self.done(id, &event.call.op, reply)
            }
            Applied::Begun => {
                event.phase = Phase::Begun;
                self.m.agent_mut(id).begun = true;
                self.m.touch(event.cpu);
                Stepped::Waits
            }
        };
        event.accesses_end = self.accesses.len() as u32;
        self.events.push(event);
        stepped
    }

    /// An operation is done: what its agent does now.
    #[inline]
    fn done(&mut self, id: AgentId, op: &Op, reply: u64) -> Stepped {
        let agent = self.m.agent_mut(id);
        agent.begun = false;
        agent.steps += 1;
        let idle = agent.kind.is_environment() && agent.state == State::Idle;
        if agent.watching != 0 {
            self.unwatch(id);
        }
        match op {
            Op::RcuInvoke | Op::TimerInvoke | Op::WorkInvoke | Op::CallInvoke => Stepped::Waits,
            Op::IrqEntry | Op::Tick | Op::RunKsoftirqd | Op::Migrate => Stepped::Environment,
            _ if idle => Stepped::Environment,
            _ => Stepped::Reply(reply),
        }
    }

    /// An event for the pending operation of this agent, as things stand.
    #[inline]
    pub(super) fn event_now(&self, id: AgentId, phase: Phase) -> Event {
        let agent = self.m.agent(id);
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        let class = match agent.pending.op {
            Op::Lock { at, .. } | Op::Unlock { at, .. } => self.mem.class(at),
            _ => 0,
        };
        Event {
            call: agent.pending,
            reply: 0,
            agent: id,
            cpu: agent.cpu,
            phase,
            irqs_off: cpu.irqs_off,
            rcu_nesting: agent.rcu_nesting,
            eqs: cpu.eqs_now(),
            class,
            ends: false,
            preempt: cpu.preempt,
            accesses_end: 0,
        }
    }

    /// Appends an event that ends with the accesses made so far.
    #[inline]
    pub(super) fn push_event(&mut self, mut event: Event) {
        event.accesses_end = self.accesses.len() as u32;
        self.events.push(event);
    }

    /// Gives an agent its next operation.
    #[inline]
    pub fn set_pending(&mut self, id: AgentId, call: Call) {
        let agent = self.m.agent_mut(id);
        agent.pending = call;
        agent.begun = false;
        match agent.pending.op {
            Op::Schedule => self.m.touch_cpu_of(id),
            // The operations that may have to wait before they begin, see `can_proceed`.
            Op::Lock { .. }
            | Op::Await { .. }
            | Op::Join(_)
            | Op::FlushWork { .. }
            | Op::WorkInvoke => self.queue_up(id),
            // Whoever has just acted goes on, unless its CPU is touched: then `settle` looks at it.
            _ => {}
        }
    }

    /// Touches an object of the machine's own.
    #[inline]
    pub(super) fn access(&mut self, object: Object, mode: Mode) {
        self.accesses.push(Access { object, mode });
    }

    /// The word behind a pointer, or a finding.
    #[inline]
    pub(super) fn at(&mut self, id: AgentId, at: Ptr, mode: Mode) -> Option<usize> {
        match self.mem.index(at) {
            Ok(index) => {
                self.accesses.push(Access { object: Object::word(index), mode });
                Some(index)
            }
            Err(fault) => {
                self.refused(id, at, mode, fault);
                None
            }
        }
    }

    #[cold]
    fn refused(&mut self, id: AgentId, at: Ptr, mode: Mode, fault: Fault) {
        // What was freed is touched all the same: its order to the free is what matters.
        if self.mem.record(at).is_some() && at.is_kernel() {
            self.access(Object::word(at.index()), mode);
        }
        self.bad_access(id, at, mode, fault);
    }

    /// Writes a word and remembers to look at those who watch it.
    #[inline]
    pub(super) fn store(&mut self, index: usize, value: u64) {
        self.store_plain(index, value);
        if self.mem.role(index) & super::memory::role::INVARIANT != 0 {
            self.check_invariants(self.stepping, index);
        }
    }

    /// Where the agent stands, for an object's record.
    pub(super) fn origin(&self, id: AgentId) -> Origin {
        let call = &self.m.agent(id).pending;
        let (event, frame) = (self.events.len() as u32, call.frame);
        Origin { agent: Some(id), event, frame, op: call.name }
    }

    /// Carries out an operation.
    #[inline]
    fn apply(&mut self, id: AgentId, op: &Op) -> Applied {
        use Applied::Done;
        match *op {
            Op::Nop => Done(0),
            Op::Read { at, .. } => Done(self.read(id, at)),
            Op::Write { at, value, .. } => Done(self.write(id, at, value)),
            Op::Rmw { at, f, a, b } => Done(self.rmw(id, at, f, a, b)),
            Op::Lock { at, kind, attempt, .. } => self.lock(id, at, kind, attempt),
            Op::Unlock { at, kind, flags } => Done(self.unlock(id, at, kind, flags)),
            Op::Refcount { at, f } => Done(self.refcount(id, at, f)),
            Op::List { f, node, head } => Done(self.list(id, f, node, head)),
            Op::Toggle(toggle) => Done(self.toggle(id, toggle)),
            Op::IrqRestore(flags) => Done(self.irq_restore(id, flags)),
            Op::RcuReadLock => Done(self.rcu_read_lock(id)),
            Op::RcuReadUnlock => Done(self.rcu_read_unlock(id)),
            Op::CallRcu { head, func } => Done(self.call_rcu(id, head, func)),
            Op::SynchronizeRcu => self.synchronize_rcu(id),
            Op::RcuBarrier => self.rcu_barrier(id),
            Op::RcuRetire { at, words } => {
                self.access(Object::RCU, Mode::Read);
                for word in 0..usize::from(words) {
                    self.at(id, at.word(word), Mode::Read);
                }
                Done(0)
            }
            Op::Alloc { ty, zero, .. } => Done(self.alloc(id, ty, zero)),
            Op::Free { at } => Done(self.free(id, at)),
            Op::Await { at, cond, value, sleeps } => self.wait_for(id, at, cond, value, sleeps),
            Op::Sleep(delay) => self.sleep(id, delay),
            Op::Schedule => Done(self.schedule(id)),
            Op::Spawn { func, arg, cpu } => {
                let child = self.m.next_agent();
                self.access(Object::life(child), Mode::Write);
                self.spawn(id, func, arg, cpu);
                Done(child.0.into())
            }
            Op::Join(target) => self.join(id, target),
            Op::QueueWork { work, func } => Done(self.queue_work(id, work, func)),
            Op::FlushWork { work } => self.flush_work(id, work),
            Op::CancelWork { work } => self.cancel_work(id, work),
            Op::RaiseSoftirq(vector) => Done(self.raise_softirq(id, vector)),
            Op::SmpCall { func, arg, wait } => self.smp_call(id, func, arg, wait),
            Op::ModTimer { timer, func, delay } => Done(self.mod_timer(id, timer, func, delay)),
            Op::DelTimer { timer, sync } => self.del_timer(id, timer, sync),
            Op::Check { ok, what } => Done(self.check(id, ok, what)),
            Op::Choose(_) => Done(self.outcome.into()),
            Op::IrqEntry => Done(self.irq_entry(id)),
            Op::Tick => Done(self.tick(id)),
            Op::RunKsoftirqd => Done(self.run_ksoftirqd(id)),
            Op::RcuInvoke => Done(self.rcu_invoke(id)),
            Op::TimerInvoke => Done(self.timer_invoke(id)),
            Op::WorkInvoke => Done(self.work_invoke(id)),
            Op::CallInvoke => Done(self.call_invoke(id)),
            Op::GpStart => Done(self.gp_start()),
            Op::GpEnd => Done(self.gp_end()),
            Op::Advance => Done(self.advance()),
            Op::Migrate => Done(self.migrate(id)),
        }
    }

    /// The program of this context has returned: what it does next, if anything.
    pub fn finished(&mut self, id: AgentId) {
        if !self.plain_exit(id) && !self.leave(id) {
            return;
        }
        // What leaving a context touches belongs to its last step.
        if let Some(last) = self.end_event_here() {
            last.ends |= last.agent == id;
        }
    }

    /// Leaves a context; false if it cannot be left yet.
    fn leave(&mut self, id: AgentId) -> bool {
        let agent = self.m.agent(id);
        let (kind, cpu_id) = (agent.kind, agent.cpu);
        match kind {
            AgentKind::Softirq => self.softirq_handler_done(id),
            AgentKind::Irq => self.irq_exit(id),
            _ if self.settings.rcu_offload && self.rcu.is_offload_agent(id) => {
                self.offload_done(id)
            }
            // Its last step was a bh enable: the softirqs run on top of it before it ends.
            _ if !self.m.cpu_of(id).stack.is_empty() && self.m.cpu_of(id).current == Some(id) => {
                self.set_pending(id, Call::internal(Op::Nop, "do_exit"));
                return false;
            }
            _ => self.task_exit(id),
        }
        self.m.touch(cpu_id);
        true
    }

    /// Makes the accesses made so far part of the last event, if there is one.
    pub(super) fn end_event_here(&mut self) -> Option<&mut Event> {
        let Some(last) = self.events.last_mut() else {
            self.accesses.clear();
            return None;
        };
        last.accesses_end = self.accesses.len() as u32;
        Some(last)
    }
}
