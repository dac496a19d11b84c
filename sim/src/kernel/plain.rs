//! Steps that do nothing but touch a word. Most steps of most runs are such, so they go a short way.

use super::system::System;
use crate::base::agent::AgentId;
use crate::base::event::{Event, Phase};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::Op;
use crate::base::ptr::Ptr;

impl System {
    /// Takes the pending step of this agent, and lets time pass, if it is a running task that does no
    /// more than read or write a word that is in no special use; replies what the program goes on
    /// with. `None`: nothing has happened, and the step goes the long way ([`System::step`]), on
    /// which the same would happen.
    #[inline]
    pub fn plain_step(&mut self, id: AgentId) -> Option<u64> {
        let agent = &mut self.m.agents[id.index()];
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        if cpu.current != Some(id) || agent.begun {
            return None;
        }
        let word = |at: Ptr| self.mem.index(at).ok().map(|index| (index, self.mem.load(index)));
        let mut write = None;
        let mut access = None;
        let reply = match agent.pending.op {
            Op::Nop => 0,
            Op::Read { at, .. } => {
                let (index, old) = word(at)?;
                access = Some((index, Mode::Read));
                old
            }
            Op::Write { at, value, .. } => {
                let (index, _) = word(at)?;
                access = Some((index, Mode::Write));
                write = Some((index, value));
                0
            }
            Op::Rmw { at, f, a, b } => {
                let (index, old) = word(at)?;
                write = f.apply(old, a, b).map(|new| (index, new));
                access = Some((index, if write.is_some() { Mode::Write } else { Mode::Read }));
                old
            }
            _ => return None,
        };
        if let Some((index, _)) = write
            && self.mem.role(index) != 0
        {
            return None;
        }
        if let Some((index, mode)) = access {
            self.accesses.push(Access { object: Object::word(index), mode });
        }
        agent.steps += 1;
        self.events.push(Event {
            call: agent.pending,
            reply,
            agent: id,
            cpu: agent.cpu,
            phase: Phase::Done,
            irqs_off: cpu.irqs_off,
            rcu_nesting: agent.rcu_nesting,
            class: 0,
            ends: false,
            preempt: cpu.preempt,
            accesses_end: self.accesses.len() as u32,
        });
        self.stepping = id;
        if let Some((index, value)) = write {
            self.store(index, value);
        }
        self.pass_time();
        Some(reply)
    }
}
