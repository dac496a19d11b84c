//! The whole state of the simulated kernel as a list of numbers: two runs whose lists are equal,
//! and whose programs have seen the same, have the same futures.
//!
//! Counters that only grow are taken relative to one another, and nothing is in it that no
//! operation can see: no step numbers, no text, no agent that has gone.

use super::memory::{Life, Origin, Record};
use super::system::System;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Eqs;
use crate::base::op::Op;
use crate::base::ptr::Ptr;
use crate::machine::agent::State;
use crate::machine::calendar::Due;
use crate::machine::cpu::{Cpu, QueuedCall};
use std::hash::Hasher;

fn text(s: &str) -> u64 {
    let mut hash = rustc_hash::FxHasher::default();
    hash.write(s.as_bytes());
    hash.finish()
}

impl System {
    /// Appends the state, with what reports may still say of who allocated, queued and freed an
    /// object.
    pub fn digest(&self, out: &mut Vec<u64>) {
        self.digest_memory(out);
        for (number, cpu) in self.m.cpus.iter().enumerate() {
            self.digest_cpu(number as u64, cpu, out);
        }
        for number in 0..self.m.agents.len() {
            self.digest_agent(AgentId(number as u16), out);
        }
        self.digest_rcu(out);
        out.push((self.works.len() as u64) << 1 | u64::from(self.irq_users));
        for work in &self.works {
            out.extend([work.item.0, u64::from(work.worker.0) << 1 | u64::from(work.running)]);
        }
        for (time, due) in self.m.calendar.entries() {
            out.push(time - self.m.now.min(time));
            match due {
                Due::Wake(id) => out.push(id.0.into()),
                Due::Timer { cpu, timer, func } => {
                    out.extend([cpu.into(), timer, self.word_of(func)]);
                }
            }
        }
    }

    /// A word as the state sees it: functions by name, as their addresses are given out in the
    /// order of first use.
    fn word_of(&self, word: u64) -> u64 {
        match Ptr(word).text_index() {
            Some(_) => text(self.text_name(Ptr(word))),
            None => word,
        }
    }

    fn digest_memory(&self, out: &mut Vec<u64>) {
        let mut freed = Vec::new();
        for (at, record) in self.mem.records() {
            let live = u64::from(record.life == Life::Live);
            out.push(live | u64::from(self.mem.is_touchable(at)) << 1 | u64::from(record.ty) << 2);
            self.digest_origins(record, out);
            out.push(record.safe_until.saturating_sub(self.rcu.completed()));
            if let Some(free) = record.free {
                freed.push((free.event, at.0));
            }
            if live == 0 && !self.mem.is_touchable(at) && self.mem.kasan {
                continue;
            }
            let mut roles = 0u64;
            for word in 0..(record.bytes / 8) as usize {
                let index = at.word(word).index();
                out.push(self.word_of(self.mem.load(index)));
                roles = roles.wrapping_mul(7) + u64::from(self.mem.role(index));
            }
            out.push(roles);
        }
        if self.mem.reuse {
            // Freed last, allocated first.
            freed.sort_unstable();
            out.extend(freed.iter().map(|f| f.1));
        }
    }

    /// Reports name who did these things.
    fn digest_origins(&self, record: &Record, out: &mut Vec<u64>) {
        let mut sum = 0u64;
        for origin in [Some(record.alloc), record.queued, record.free] {
            sum = sum.rotate_left(21);
            if let Some(Origin { agent: Some(agent), frame, op, .. }) = origin {
                let func = self.symbols.borrow().func(frame);
                sum ^= text(func) ^ text(op).rotate_left(1) ^ (u64::from(agent.0) + 1);
            }
        }
        out.push(sum);
    }

    fn digest_cpu(&self, number: u64, cpu: &Cpu, out: &mut Vec<u64>) {
        let flags = [cpu.irqs_off, cpu.ksoftirqd_woken, cpu.in_ksoftirqd];
        let flags = flags.iter().fold(cpu.eqs as u64, |sum, &flag| sum << 1 | u64::from(flag));
        out.push(0xc0 << 56 | flags << 48 | number << 32 | u64::from(cpu.preempt));
        let softirqs = u64::from(cpu.softirq_pending) << 16 | u64::from(cpu.softirq_serving);
        let waiting = (cpu.expired.len() as u64) << 16 | cpu.calls.len() as u64;
        out.push(softirqs << 32 | waiting);
        out.extend(cpu.stack.iter().map(|id| 1 << 32 | u64::from(id.0)));
        // Which task runs matters only where another one could not take over at once.
        if !self.is_open(cpu) {
            out.push(cpu.current.map_or(0, |id| u64::from(id.0) + 1));
        }
        if waiting == 0 {
            return;
        }
        let mut add = |call: &QueuedCall| {
            out.extend([self.word_of(call.func.0), call.arg]);
            out.push(call.caller.map_or(0, |id| u64::from(id.0) + 1));
        };
        cpu.expired.iter().for_each(&mut add);
        cpu.calls.iter().for_each(&mut add);
    }

    /// May any task of this CPU take it at any moment, so that it does not matter which has it?
    pub fn is_open(&self, cpu: &Cpu) -> bool {
        self.m.preemptible
            && cpu.preempt == 0
            && !cpu.irqs_off
            && cpu.stack.is_empty()
            && cpu.eqs == Eqs::Watching
    }

    fn digest_agent(&self, id: AgentId, out: &mut Vec<u64>) {
        let agent = self.m.agent(id);
        if agent.state == State::Dead {
            return out.push(u64::MAX);
        }
        let running = self.m.cpus[usize::from(agent.cpu)].current == Some(id);
        let out_of_it = agent.kind == AgentKind::Task && !running;
        let saved =
            if out_of_it { u64::from(agent.preempt) << 1 | u64::from(agent.irqs_off) } else { 0 };
        out.push(
            u64::from(agent.cpu) << 48
                | u64::from(agent.rcu_nesting) << 40
                | (agent.state as u64) << 36
                | u64::from(agent.begun) << 35
                | saved,
        );
        // Those that are made when first needed have no fixed number.
        out.push(u64::from(agent.budget) | (agent.kind as u64) << 32);
        if agent.kind == AgentKind::Softirq {
            out.push(text(agent.role));
        }
        let waits = agent.begun || (agent.kind == AgentKind::Softirq && agent.is_live());
        if waits {
            out.push(match agent.pending.op {
                Op::SynchronizeRcu => agent.ticket.saturating_sub(self.rcu.completed()),
                _ => agent.ticket,
            });
        }
    }

    fn digest_rcu(&self, out: &mut Vec<u64>) {
        let rcu = &self.rcu;
        let completed = rcu.completed();
        out.push(u64::from(rcu.in_progress()) << 32 | rcu.needed.saturating_sub(completed));
        out.extend(rcu.wait_cpus.iter().map(|a| 1 << 20 | u64::from(a.0)));
        out.extend(rcu.wait_tasks.iter().map(|a| 1 << 21 | u64::from(a.0)));
        let lists = rcu.lists.iter().enumerate();
        for (cpu, list) in lists.filter(|(_, list)| !list.queue.is_empty() || list.round != 0) {
            out.push(list.queue.len() as u64 | (cpu as u64) << 32 | u64::from(list.round) << 48);
            for cb in &list.queue {
                out.extend([cb.head.0, cb.ticket.saturating_sub(completed)]);
                out.push(cb.barrier.map_or(0, |id| u64::from(id.0) + 1));
            }
        }
    }
}
