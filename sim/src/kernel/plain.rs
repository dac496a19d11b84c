//! Steps that touch one word and nothing else. Most steps of most runs are such, so they go a short
//! way.

use super::lock;
use super::system::System;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::{Eqs, Event, Phase};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::{LockKind, Marking, Op};
use crate::machine::agent::{Agent, State};
use crate::machine::cpu::Cpu;

/// What a step that went the short way has left.
#[derive(Copy, Clone, Debug)]
pub struct Plain {
    /// What the program goes on with.
    pub reply: u64,
    /// It is of interest to no detector but that of data races, and has started nobody.
    pub quiet: bool,
}

/// Does this task begin on an idle CPU that is nobody else's business? Then its switch changes
/// nothing for anybody.
#[inline]
fn begins_alone(task: &Agent, cpu: &Cpu) -> bool {
    task.kind == AgentKind::Task
        && task.steps == 0
        && cpu.current.is_none()
        && cpu.agents.len() == 1
        && cpu.stack.is_empty()
        && cpu.eqs == Eqs::Watching
}

impl System {
    /// Takes the pending step of this agent, and lets time pass, if it is a running task that reads
    /// or writes a word in no special use, takes or releases a mutex that it need not wait for,
    /// starts another task, or finds that one has ended. `None`: nothing has happened, and the step
    /// goes the long way ([`System::step`]), on which the same would happen.
    #[inline]
    pub fn plain_step(&mut self, id: AgentId) -> Option<Plain> {
        let agents = self.m.agents.len();
        let agent = &mut self.m.agents[id.index()];
        let cpu = &mut self.m.cpus[usize::from(agent.cpu)];
        let switches = cpu.current != Some(id);
        if agent.begun || switches && (self.rcu.in_progress() || !begins_alone(agent, cpu)) {
            return None;
        }
        // First: room may have to be made, and what is known by then would have to be put away.
        let (event, touched) = (self.events.vacant(), self.accesses.vacant());
        let (mut class, mut quiet) = (0, true);
        let (mut index, mut reply, mut access, mut write) = (0, 0, None, None);
        let mut object = None;
        match agent.pending.op {
            Op::Nop => {}
            Op::Read { at, how } => {
                quiet = how != Marking::RcuDereference;
                index = self.mem.index(at).ok()?;
                reply = self.mem.load(index);
                access = Some(Mode::Read);
            }
            Op::Write { at, value, .. } => {
                index = self.mem.index(at).ok()?;
                (access, write) = (Some(Mode::Write), Some(value));
            }
            Op::Rmw { at, f, a, b } => {
                index = self.mem.index(at).ok()?;
                reply = self.mem.load(index);
                write = f.apply(reply, a, b);
                access = Some(if write.is_some() { Mode::Write } else { Mode::Read });
            }
            Op::Lock { at, kind: LockKind::Mutex, .. } => {
                index = self.mem.index(at).ok()?;
                if !lock::is_free(self.mem.load(index), LockKind::Mutex) {
                    return None;
                }
                quiet = false;
                reply = 1;
                class = self.mem.class(at);
                (access, write) = (Some(Mode::Acquire), Some(lock::owned_by(id)));
            }
            Op::Unlock { at, kind: LockKind::Mutex, .. } => {
                index = self.mem.index(at).ok()?;
                if self.mem.load(index) != lock::owned_by(id) {
                    return None;
                }
                quiet = false;
                class = self.mem.class(at);
                (access, write) = (Some(Mode::Release), Some(0));
            }
            // It could not act before that one has ended, except where it must not sleep.
            Op::Join(target) if cpu.preempt == 0 && !cpu.irqs_off && agent.rcu_nesting == 0 => {
                (access, object) = (Some(Mode::Read), Some(Object::life(target)));
            }
            Op::Spawn { .. } => {
                quiet = false;
                let child = AgentId(agents as u16);
                reply = child.0.into();
                (access, object) = (Some(Mode::Write), Some(Object::life(child)));
            }
            _ => return None,
        }
        if write.is_some() && self.mem.role(index) != 0 {
            return None;
        }
        if switches {
            cpu.current = Some(id);
        }
        if let Some(mode) = access {
            *touched = Access { object: object.unwrap_or(Object::word(index)), mode };
            self.accesses.keep();
        }
        // Each in its place: made as a whole, an event would be copied there.
        #[rustfmt::skip]
        let Event {
            call, reply: replied, agent: who, cpu: on, phase, irqs_off, rcu_nesting, eqs, class: of,
            ends, preempt, accesses_end,
        } = event;
        (*call, *replied, *who, *on, *phase) = (agent.pending, reply, id, agent.cpu, Phase::Done);
        (*irqs_off, *preempt, *eqs) = (cpu.irqs_off, cpu.preempt, cpu.eqs_now());
        (*rcu_nesting, *of, *ends) = (agent.rcu_nesting, class, false);
        *accesses_end = self.accesses.len() as u32;
        self.events.keep();
        agent.steps += 1;
        if agent.watching != 0 {
            self.unwatch(id);
        }
        self.stepping = id;
        if let Some(value) = write {
            self.store_plain(index, value);
        }
        if !quiet && let Op::Spawn { func, arg, cpu } = self.m.agent(id).pending.op {
            self.spawn(id, func, arg, cpu);
        }
        self.pass_time();
        Some(Plain { reply, quiet })
    }

    /// Ends this context if it is a task that nobody waits for, on a CPU that is nobody else's
    /// business, with nothing turned off. `false`: it has to end the long way, on which the same
    /// would happen.
    #[inline]
    pub(super) fn plain_exit(&mut self, id: AgentId) -> bool {
        let agent = &mut self.m.agents[id.index()];
        let cpu = &mut self.m.cpus[usize::from(agent.cpu)];
        let runs_alone = cpu.current == Some(id)
            && cpu.agents.len() == 1
            && cpu.stack.is_empty()
            && cpu.eqs == Eqs::Watching;
        let at_ease = cpu.preempt == 0 && !cpu.irqs_off && agent.rcu_nesting == 0;
        if !runs_alone || !at_ease || agent.joined || self.rcu.in_progress() {
            return false;
        }
        if !self.works.is_empty() || self.settings.rcu_offload {
            return false;
        }
        (cpu.current, agent.state) = (None, State::Dead);
        cpu.agents.clear();
        self.m.enabled.set(id, false);
        self.access(Object::life(id), Mode::Write);
        true
    }
}
