//! What the pending operation of an agent would touch: declared before it runs, from the state as
//! it is. It names at least what the operation then touches (a test compares the two).

use super::lock;
use super::system::System;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::{ListOp, Op, Toggle};
use crate::base::ptr::{Ptr, SLOT_WORDS, same_word};

/// Storage for one declared footprint.
pub type Footprint = Vec<Access>;

impl System {
    /// Replaces `out` by what the agent's pending operation would touch.
    pub fn footprint(&self, id: AgentId, out: &mut Footprint) {
        out.clear();
        self.declare_exit(id, out);
        let agent = self.m.agent(id);
        let cpu = agent.cpu;
        match agent.pending.op {
            Op::Nop | Op::Check { .. } | Op::Choose(_) | Op::Migrate => {}
            Op::Read { at, .. } | Op::Await { at, .. } | Op::FlushWork { work: at } => {
                self.declare(at, Mode::Read, out);
            }
            Op::Write { at, .. } | Op::Refcount { at, .. } => self.declare(at, Mode::Write, out),
            Op::Rmw { at, f, a, b } => {
                let index = self.mem.index(at);
                let writes = index.map_or(true, |i| f.apply(self.mem.load(i), a, b).is_some());
                self.declare(at, if writes { Mode::Write } else { Mode::Read }, out);
            }
            Op::List { f, node, head } => self.declare_list(f, node, head, out),
            Op::Lock { at, kind, attempt, .. } => {
                let free = self.mem.index(at).is_ok_and(|i| lock::is_free(self.mem.load(i), kind));
                let mode = if free || !attempt { Mode::Acquire } else { Mode::Read };
                self.declare(at, mode, out);
                self.declare_context(kind.preempt_offset() != 0 || kind.irqs_off(), out);
            }
            Op::Unlock { at, kind, .. } => {
                self.declare(at, Mode::Release, out);
                self.declare_context(kind.preempt_offset() != 0 || kind.irqs_off(), out);
                if kind.bh_off() {
                    out.push(write(Object::softirqs(cpu)));
                }
            }
            Op::Toggle(toggle) => {
                self.declare_context(true, out);
                if toggle == Toggle::BhEnable {
                    out.push(write(Object::softirqs(cpu)));
                }
                if toggle == Toggle::CpuDead {
                    let all = 0..self.m.cpus.len() as u16;
                    out.extend(all.map(|c| write(Object::callbacks(c))));
                }
            }
            Op::IrqRestore(_) | Op::RcuReadLock | Op::RcuReadUnlock | Op::Schedule => {
                self.declare_context(true, out);
            }
            Op::SynchronizeRcu => out.push(read(Object::RCU)),
            Op::RcuRetire { at, words } => {
                out.push(read(Object::RCU));
                (0..usize::from(words)).for_each(|w| self.declare(at.word(w), Mode::Read, out));
            }
            Op::CallRcu { head, .. } => {
                self.declare(head, Mode::Write, out);
                self.declare(head.word(1), Mode::Write, out);
                out.push(read(Object::RCU));
                out.push(write(Object::callbacks(cpu)));
                if let Some(last) = self.rcu.queued(cpu).last() {
                    self.declare(last.head, Mode::Write, out);
                }
            }
            Op::RcuBarrier => {
                let all = 0..self.m.cpus.len() as u16;
                out.extend(all.map(|c| write(Object::callbacks(c))));
            }
            Op::Alloc { ty, .. } => {
                self.declare_allocator(out);
                let first = self.mem.next_place(ty) * SLOT_WORDS;
                out.extend((first..first + ty.words).map(|w| write(Object::word(w))));
            }
            Op::Free { at } => {
                self.declare_allocator(out);
                let words = self.mem.desc(at).map_or(0, |d| d.words);
                (0..words).for_each(|w| self.declare(at.object().word(w), Mode::Write, out));
            }
            Op::Sleep(_) | Op::Advance => out.push(write(Object::TIME)),
            Op::Spawn { .. } => {
                out.push(write(Object::life(AgentId(self.m.agents.len() as u16))));
            }
            Op::Join(target) => out.push(read(Object::life(target))),
            Op::QueueWork { work: at, .. } | Op::CancelWork { work: at } => {
                self.declare(at, Mode::Write, out);
                self.declare(at.word(1), Mode::Write, out);
                let same = self.works.iter().filter(|w| same_word(w.item.0, at.0));
                out.extend(same.map(|w| write(Object::life(w.worker))));
            }
            Op::ModTimer { timer, .. } | Op::DelTimer { timer, .. } => {
                self.declare(timer, Mode::Write, out);
                self.declare(timer.word(1), Mode::Write, out);
                out.push(write(Object::TIME));
            }
            Op::RaiseSoftirq(_) => out.push(write(Object::softirqs(cpu))),
            Op::SmpCall { .. } => {
                let all = 0..self.m.cpus.len() as u16;
                out.extend(all.filter(|&c| c != cpu).map(|c| write(Object::calls(c))));
                self.declare_context(true, out);
            }
            Op::IrqEntry => {
                out.push(read(Object::RCU));
                if self.m.cpus[usize::from(cpu)].ipi == Some(id) {
                    out.push(write(Object::calls(cpu)));
                }
            }
            Op::Tick => {
                out.extend([read(Object::RCU), write(Object::softirqs(cpu))]);
                out.push(read(Object::callbacks(cpu)));
                if self.clock.is_some() {
                    out.push(read(Object::TIME));
                }
            }
            Op::RunKsoftirqd => out.extend([read(Object::RCU), write(Object::softirqs(cpu))]),
            Op::RcuInvoke => {
                out.extend([write(Object::callbacks(cpu)), read(Object::RCU)]);
                out.push(write(Object::softirqs(cpu)));
                if let Some(cb) = self.rcu.queued(cpu).next().filter(|cb| !cb.head.is_null()) {
                    self.declare(cb.head, Mode::Write, out);
                    self.declare(cb.head.word(1), Mode::Write, out);
                }
            }
            Op::TimerInvoke => {
                if let Some(call) = self.m.cpus[usize::from(cpu)].expired.front() {
                    self.declare(Ptr(call.arg), Mode::Write, out);
                }
            }
            Op::WorkInvoke => {
                if let Some(work) = self.works.iter().find(|w| w.worker == id) {
                    self.declare(work.item, Mode::Write, out);
                    self.declare(work.item.word(1), Mode::Read, out);
                }
            }
            Op::CallInvoke => out.push(write(Object::calls(cpu))),
            Op::GpStart | Op::GpEnd => out.push(write(Object::RCU)),
        }
    }

    /// Any step may be the last of its program, and then leaves its context as well; and any step
    /// takes time, in which a timer may expire.
    fn declare_exit(&self, id: AgentId, out: &mut Footprint) {
        let cpu = self.m.agent(id).cpu;
        match self.m.agent(id).kind {
            AgentKind::Task if self.rcu.is_offload_agent(id) => {
                out.extend([read(Object::RCU), write(Object::softirqs(cpu))]);
            }
            AgentKind::Task => {
                out.push(write(Object::life(id)));
                // Those who flush a work item wait for the end of its kworker.
                if let Some(work) = self.works.iter().find(|w| w.worker == id) {
                    self.declare(work.item, Mode::Write, out);
                }
            }
            AgentKind::Softirq => {
                out.extend([read(Object::RCU), write(Object::softirqs(cpu))]);
            }
            AgentKind::Irq => {
                out.extend([read(Object::RCU), write(Object::softirqs(cpu))]);
                if self.m.cpus[usize::from(cpu)].ipi == Some(id) {
                    out.push(write(Object::calls(cpu)));
                }
            }
            _ => {}
        }
        let soon = self.m.now + self.settings.step_cost;
        if self.m.calendar.next_time().is_some_and(|time| time <= soon) {
            out.push(write(Object::TIME));
        }
    }

    fn declare_allocator(&self, out: &mut Footprint) {
        if self.mem.reuse {
            out.push(write(Object::ALLOCATOR));
        }
    }

    fn declare(&self, at: Ptr, mode: Mode, out: &mut Footprint) {
        let word = match self.mem.index(at) {
            Ok(index) => Some(index),
            // Freed memory is touched all the same, if only to be refused.
            Err(_) => (self.mem.record(at).is_some() && at.is_kernel()).then(|| at.index()),
        };
        out.extend(word.map(|index| Access { object: Object::word(index), mode }));
    }

    fn declare_context(&self, changes: bool, out: &mut Footprint) {
        if changes {
            out.push(read(Object::RCU));
        }
    }

    fn declare_list(&self, f: ListOp, node: Ptr, head: Ptr, out: &mut Footprint) {
        let mut both = |at: Ptr, mode: Mode| {
            self.declare(at, mode, out);
            self.declare(at.word(1), mode, out);
        };
        let follow = |at: Ptr| match self.mem.index(at) {
            Ok(index) => Ptr(self.mem.load(index)),
            Err(_) if self.is_free_page(at) => Ptr(self.mem.load(at.index())),
            Err(_) => Ptr::NULL,
        };
        match f {
            ListOp::Empty | ListOp::First | ListOp::Singular => both(node, Mode::Read),
            ListOp::Init => both(node, Mode::Write),
            ListOp::Add | ListOp::AddRcu => {
                let next = follow(head);
                [node, head, next].into_iter().for_each(|n| both(n, Mode::Write));
            }
            ListOp::AddTail | ListOp::AddTailRcu => {
                let prev = follow(head.word(1));
                [node, head, prev].into_iter().for_each(|n| both(n, Mode::Write));
            }
            ListOp::Del | ListOp::DelInit | ListOp::DelRcu => {
                let (next, prev) = (follow(node), follow(node.word(1)));
                [node, next, prev].into_iter().for_each(|n| both(n, Mode::Write));
            }
        }
    }
}

fn read(object: Object) -> Access {
    Access { object, mode: Mode::Read }
}

fn write(object: Object) -> Access {
    Access { object, mode: Mode::Write }
}
