//! RCU at the level of its specification: a grace period may end at any moment after every reader
//! that began before it has ended; callbacks run on the CPU that queued them, in order.
//!
//! Grace periods are numbered. One is in progress while `started > completed`. A callback that is
//! queued during one waits for the next (Documentation/RCU/Design/Requirements, v6.3). Readers are
//! `rcu_read_lock()` sections and, since v5.0, regions with preemption, softirqs or interrupts off.

use super::callbacks::{BLIMIT, Callback};
use super::memory::role;
use super::settings::{Broken, RcuFlavour};
use super::system::{Applied, Code, Start, System};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Eqs;
use crate::base::finding::Kind;
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Op};
use crate::base::preempt::{PREEMPT_OFFSET, SOFTIRQ_DISABLE_OFFSET};
use crate::base::ptr::Ptr;
use crate::base::types::FieldKind;
use crate::machine::agent::State;

impl System {
    pub(super) fn rcu_read_lock(&mut self, id: AgentId) -> u64 {
        self.m.agent_mut(id).rcu_nesting += 1;
        match self.settings.rcu {
            RcuFlavour::Classic => self.preempt_add(id, PREEMPT_OFFSET),
            RcuFlavour::Preemptible => self.reader_changes(id),
        }
        0
    }

    pub(super) fn rcu_read_unlock(&mut self, id: AgentId) -> u64 {
        let Some(nesting) = self.m.agent(id).rcu_nesting.checked_sub(1) else {
            let headline = "WARNING: bad unlock balance detected! (rcu_read_lock)".to_owned();
            let what = "rcu_read_lock".to_owned();
            self.report_named(id, Kind::SuspiciousRcu, headline, what, Vec::new(), Vec::new());
            return 0;
        };
        self.m.agent_mut(id).rcu_nesting = nesting;
        match self.settings.rcu {
            RcuFlavour::Classic => self.preempt_sub(id, PREEMPT_OFFSET),
            RcuFlavour::Preemptible => self.reader_changes(id),
        }
        0
    }

    fn reader_changes(&mut self, id: AgentId) {
        self.access(Object::RCU, Mode::Read);
        let cpu = self.m.agent(id).cpu;
        self.m.touch(cpu);
        // At once: this may be the task's last step.
        self.note_quiescent_state(cpu);
    }

    /// Does a grace period wait for this task, wherever it is? Classic readers hold off their CPU.
    fn is_reader(&self, id: AgentId) -> bool {
        let (agent, cpu) = (self.m.agent(id), self.m.cpu_of(id));
        self.settings.rcu == RcuFlavour::Preemptible
            && agent.rcu_nesting > 0
            && (cpu.current != Some(id) || cpu.eqs_now() == Eqs::Watching)
    }

    /// Looks again at whether the current grace period still waits for this CPU, and for the task
    /// on it. A reader left inside a region that holds RCU off goes on until that region ends, and
    /// the reverse (linked readers are one).
    pub(super) fn note_quiescent_state(&mut self, cpu_id: u16) {
        if !self.rcu.in_progress() {
            return;
        }
        let cpu = &self.m.cpus[usize::from(cpu_id)];
        let number = AgentId(cpu_id);
        let current = cpu.current;
        let holds_off = cpu.holds_off_rcu();
        let reads = current.is_some_and(|t| self.is_reader(t));
        if self.rcu.wait_cpus.contains(number) && !holds_off {
            self.rcu.wait_cpus.set(number, false);
            if let Some(task) = current.filter(|_| reads) {
                self.rcu.wait_tasks.set(task, true);
            }
        }
        if let Some(task) = current.filter(|&t| self.rcu.wait_tasks.contains(t) && !reads) {
            self.rcu.wait_tasks.set(task, false);
            if holds_off {
                self.rcu.wait_cpus.set(number, true);
            }
        }
        self.refresh_rcu();
    }

    /// A task has ended. If it left a read-side section in its last step, nobody will look at it
    /// again: it is on no CPU any more.
    pub(super) fn reader_gone(&mut self, id: AgentId) {
        if self.rcu.in_progress() {
            self.rcu.wait_tasks.set(id, false);
            self.refresh_rcu();
        }
    }

    fn need_grace_period(&mut self, ticket: u64) {
        self.rcu.needed = self.rcu.needed.max(ticket);
        if self.rcu.agent.is_none() {
            let call = Call::internal(Op::GpStart, "rcu_gp_init");
            let id = self.m.add(AgentKind::Rcu, 0, "gp", call);
            self.rcu.agent = Some(id);
        }
        self.refresh_rcu();
    }

    /// Can the grace-period machinery take its next step?
    pub(super) fn refresh_rcu(&mut self) {
        let Some(id) = self.rcu.agent else { return };
        let can = if self.rcu.in_progress() {
            let waits = self.rcu.wait_cpus.len() + self.rcu.wait_tasks.len();
            waits == 0 || self.broken(Broken::GracePeriodEndsEarly)
        } else {
            self.rcu.needed > self.rcu.completed
        };
        self.m.enabled.set(id, can);
    }

    pub(super) fn gp_start(&mut self) -> u64 {
        self.access(Object::RCU, Mode::Write);
        self.rcu.started += 1;
        for (number, cpu) in self.m.cpus.iter().enumerate() {
            if cpu.holds_off_rcu() {
                self.rcu.wait_cpus.set(AgentId(number as u16), true);
            }
        }
        for id in (0..self.m.agents.len()).map(|n| AgentId(n as u16)) {
            let agent = self.m.agent(id);
            if agent.kind == AgentKind::Task && agent.is_live() && self.is_reader(id) {
                self.rcu.wait_tasks.set(id, true);
            }
        }
        self.set_gp_op(Call::internal(Op::GpEnd, "rcu_gp_cleanup"));
        self.rcu.started
    }

    pub(super) fn gp_end(&mut self) -> u64 {
        self.access(Object::RCU, Mode::Write);
        self.rcu.completed = self.rcu.started;
        self.rcu.wait_cpus.clear();
        self.rcu.wait_tasks.clear();
        self.set_gp_op(Call::internal(Op::GpStart, "rcu_gp_init"));
        self.m.touch_waiters();
        for cpu in 0..self.m.cpus.len() as u16 {
            if self.rcu.ready(cpu) {
                self.m.touch(cpu);
            }
        }
        if self.mem.has_typesafe() {
            self.mem.expire_typesafe(self.rcu.completed);
        }
        self.rcu.completed
    }

    fn set_gp_op(&mut self, call: Call) {
        if let Some(id) = self.rcu.agent {
            self.m.agent_mut(id).pending = call;
        }
        self.refresh_rcu();
    }

    pub(super) fn call_rcu(&mut self, id: AgentId, head: Ptr, func: Ptr) -> u64 {
        let (Some(next), Some(func_word)) =
            (self.at(id, head, Mode::Write), self.at(id, head.word(1), Mode::Write))
        else {
            return 0;
        };
        if self.mem.role(next) & role::QUEUED != 0 {
            self.double_call_rcu(id, head, func_word);
            return 0;
        }
        if (self.mem.role(next) | self.mem.role(func_word)) & role::LISTED != 0 {
            self.overlay_conflict(id, head, next);
            return 0;
        }
        let cpu = self.m.agent(id).cpu;
        self.access(Object::RCU, Mode::Read);
        self.access(Object::callbacks(cpu), Mode::Write);
        self.store(next, 0);
        self.store(func_word, func.0);
        self.mem.set_role(next, role::QUEUED, true);
        self.rcu.outstanding += 1;
        let origin = self.origin(id);
        if let Some(record) = self.mem.record_mut(head) {
            record.queued = Some(origin);
        }
        if self.broken(Broken::CallbackLost) {
            return 0;
        }
        let ticket = match self.broken(Broken::CallbackEarly) {
            true => 0,
            false => self.rcu.ticket(),
        };
        let list = &mut self.rcu.lists[usize::from(cpu)];
        // The segmented list is linked through the heads themselves.
        if let Some(tail) = list.queue.back().filter(|cb| !cb.head.is_null()).map(|cb| cb.head)
            && let Ok(index) = self.mem.index(tail)
        {
            self.access(Object::word(index), Mode::Write);
            self.store(index, head.0);
        }
        let callback = Callback { head, ticket, barrier: None };
        let out_of_order = self.broken(Broken::CallbacksOutOfOrder);
        let list = &mut self.rcu.lists[usize::from(cpu)];
        match out_of_order {
            true => list.queue.push_front(callback),
            false => list.queue.push_back(callback),
        }
        self.serve_callbacks(cpu);
        self.need_grace_period(ticket);
        0
    }

    /// A CPU has died: its callbacks go to the first one that lives (`rcutree_migrate_callbacks()`).
    pub(super) fn migrate_callbacks(&mut self, dead: u16) {
        let lives = |&cpu: &u16| self.m.cpus[usize::from(cpu)].eqs != Eqs::Offline;
        let Some(to) = (0..self.m.cpus.len() as u16).find(lives) else { return };
        self.access(Object::callbacks(dead), Mode::Write);
        self.access(Object::callbacks(to), Mode::Write);
        let mut orphans = std::mem::take(&mut self.rcu.lists[usize::from(dead)].queue);
        self.rcu.lists[usize::from(to)].queue.append(&mut orphans);
        self.rcu.lists[usize::from(dead)].queue = orphans;
        self.serve_callbacks(to);
    }

    /// Makes sure that somebody will run this CPU's callbacks.
    fn serve_callbacks(&mut self, cpu: u16) {
        if !self.settings.rcu_offload {
            self.ensure_tick(cpu);
        } else if self.rcu.lists[usize::from(cpu)].offload.is_none() {
            let call = Call::internal(Op::RcuInvoke, "rcu_do_batch");
            let id = self.m.add(AgentKind::Task, cpu, "rcuo", call);
            self.m.agent_mut(id).daemon = true;
            self.m.agent_mut(id).state = State::Idle;
            self.m.cpus[usize::from(cpu)].agents.push(id);
            self.rcu.lists[usize::from(cpu)].offload = Some(id);
        }
        self.m.touch(cpu);
    }

    /// Wakes the callback kthread of a CPU when there is something for it to do.
    pub(super) fn wake_offload(&mut self, cpu: u16) {
        let Some(id) = self.rcu.lists[usize::from(cpu)].offload else { return };
        if self.rcu.ready(cpu) && self.m.agent(id).state == State::Idle {
            self.m.agent_mut(id).state = State::Ready;
            self.m.agent_mut(id).pending = Call::internal(Op::RcuInvoke, "rcu_do_batch");
        }
    }

    pub(super) fn synchronize_rcu(&mut self, id: AgentId) -> Applied {
        if self.m.agent(id).begun {
            self.access(Object::RCU, Mode::Read);
            return Applied::Done(0);
        }
        self.access(Object::RCU, Mode::Read);
        let ticket = self.rcu.ticket();
        self.m.agent_mut(id).ticket = ticket;
        self.need_grace_period(ticket);
        self.wait_off_cpu(id);
        Applied::Begun
    }

    pub(super) fn rcu_barrier(&mut self, id: AgentId) -> Applied {
        if self.m.agent(id).begun || self.broken(Broken::BarrierDoesNotWait) {
            return Applied::Done(0);
        }
        let mut count = 0;
        for cpu in 0..self.m.cpus.len() as u16 {
            self.access(Object::callbacks(cpu), Mode::Write);
            let completed = self.rcu.completed;
            let list = &mut self.rcu.lists[usize::from(cpu)];
            // The callback that is running has left the queue, and is waited for all the same.
            if list.queue.is_empty() && list.round == 0 {
                continue;
            }
            let ticket = list.queue.back().map_or(completed, |cb| cb.ticket);
            list.queue.push_back(Callback { head: Ptr::NULL, ticket, barrier: Some(id) });
            count += 1;
            self.m.touch(cpu);
        }
        self.m.agent_mut(id).ticket = count;
        self.wait_off_cpu(id);
        Applied::Begun
    }

    /// Takes the next ready callback and calls it (`rcu_do_batch`): its head leaves the list, its
    /// `func` word is read and zeroed.
    pub(super) fn rcu_invoke(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        let offloaded = self.m.agent(id).kind == AgentKind::Task;
        if offloaded && self.rcu.lists[usize::from(cpu)].round == 0 {
            self.preempt_add(id, SOFTIRQ_DISABLE_OFFSET);
        }
        self.access(Object::callbacks(cpu), Mode::Write);
        self.access(Object::RCU, Mode::Read);
        let list = &mut self.rcu.lists[usize::from(cpu)];
        list.round += 1;
        let Some(cb) = list.queue.pop_front() else {
            self.finished(id);
            return 0;
        };
        self.rcu.callbacks_run += 1;
        if let Some(waiter) = cb.barrier {
            let waiting = self.m.agent_mut(waiter);
            waiting.ticket = waiting.ticket.saturating_sub(1);
            self.m.touch_waiters();
            self.finished(id);
            return 0;
        }
        let Some(func_word) = self.at(id, cb.head.word(1), Mode::Write) else { return 0 };
        let func = Ptr(self.mem.load(func_word));
        // rcu_cblist_dequeue() reads the link, and from here on the words may be used otherwise.
        self.access(Object::word(func_word - 1), Mode::Write);
        self.mem.set_role(func_word - 1, role::QUEUED, false);
        self.rcu.outstanding = self.rcu.outstanding.saturating_sub(1);
        self.store(func_word, 0);
        if func.text_index().is_none() {
            let is = self.describe(func, None);
            let headline = format!("BUG: unable to execute callback at {is} in rcu_do_batch");
            let parties = self.history(cb.head);
            self.report(id, Kind::OverlayConflict, headline, cb.head, parties, Vec::new());
            return 0;
        }
        self.starts.push(Start { agent: id, what: Code::Func(func, cb.head.0) });
        0
    }

    /// A callback has returned: is there another one for this round?
    pub(super) fn next_callback(&mut self, cpu: u16) -> bool {
        let more = self.rcu.ready(cpu) && self.rcu.lists[usize::from(cpu)].round < BLIMIT;
        if !more {
            self.rcu.lists[usize::from(cpu)].round = 0;
        }
        more
    }

    pub(super) fn offload_done(&mut self, id: AgentId) {
        let cpu = self.m.agent(id).cpu;
        if self.next_callback(cpu) {
            self.set_pending(id, Call::internal(Op::RcuInvoke, "rcu_do_batch"));
            return;
        }
        // It turns softirqs on and sleeps: what is pending runs once it has left the CPU.
        self.m.agent_mut(id).state = State::Idle;
        self.m.switch_out(cpu);
        self.m.agent_mut(id).preempt = 0;
        self.access(Object::RCU, Mode::Read);
        self.run_pending_softirqs(cpu);
    }

    fn double_call_rcu(&mut self, id: AgentId, head: Ptr, func_word: usize) {
        let hint = self.text_name(Ptr(self.mem.load(func_word)));
        let what = self.describe(head, Some(FieldKind::Rcu));
        let headline = format!(
            "ODEBUG: activate active (active state 1) object: {what} object type: rcu_head hint: {hint}"
        );
        let notes = vec![format!("rcu: __call_rcu_common(): Double-freed CB {what}->{hint}()!!!")];
        let parties = self.history(head);
        self.report(id, Kind::DoubleCallRcu, headline, head, parties, notes);
    }
}
