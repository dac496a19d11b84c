//! Virtual time: every step takes some, timers and sleepers are due in it, and when somebody wants
//! it to, it jumps to the next of them.

use super::system::{Applied, Code, Start, System};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Op};
use crate::base::ptr::Ptr;
use crate::machine::calendar::Due;
use crate::machine::cpu::QueuedCall;

impl System {
    /// A step has been taken: time passes, and what is due happens.
    #[inline]
    pub(super) fn pass_time(&mut self) {
        self.m.now += self.settings.step_cost;
        if self.clock.is_some() {
            self.expire();
            self.end_event_here();
        }
    }

    /// Moves everything that is due out of the calendar.
    #[inline(never)]
    fn expire(&mut self) {
        while let Some(due) = self.m.calendar.pop_due(self.m.now) {
            self.access(Object::TIME, Mode::Write);
            match due {
                Due::Wake(id) => {
                    self.m.agent_mut(id).ticket = 1;
                    self.m.touch_waiters();
                }
                Due::Timer { cpu, timer, func } => {
                    let call = QueuedCall { func: Ptr(func), arg: timer, caller: None };
                    self.m.cpus[usize::from(cpu)].expired.push_back(call);
                    self.m.touch(cpu);
                }
            }
        }
        if let Some(id) = self.clock {
            self.m.enabled.set(id, self.m.calendar.next_time().is_some());
        }
    }

    fn put_on_calendar(&mut self, delay: u64, due: Due) {
        self.access(Object::TIME, Mode::Write);
        if self.clock.is_none() {
            let call = Call::internal(Op::Advance, "advance");
            self.clock = Some(self.m.add(AgentKind::Clock, 0, "time", call));
        }
        self.m.calendar.insert(self.m.now + delay, due);
        if let Some(id) = self.clock {
            self.m.enabled.set(id, true);
        }
    }

    pub(super) fn advance(&mut self) -> u64 {
        self.access(Object::TIME, Mode::Write);
        if let Some(next) = self.m.calendar.next_time() {
            self.m.now = self.m.now.max(next);
        }
        self.expire();
        self.m.now
    }

    pub(super) fn sleep(&mut self, id: AgentId, delay: u64) -> Applied {
        self.access(Object::TIME, Mode::Write);
        if self.m.agent(id).begun {
            return Applied::Done(0);
        }
        self.m.agent_mut(id).ticket = 0;
        self.put_on_calendar(delay, Due::Wake(id));
        self.wait_off_cpu(id);
        Applied::Begun
    }

    pub(super) fn mod_timer(&mut self, id: AgentId, timer: Ptr, func: Ptr, delay: u64) -> u64 {
        let Some(pending) = self.at(id, timer, Mode::Write) else { return 0 };
        if self.at(id, timer.word(1), Mode::Write).is_none() {
            return 0;
        }
        let was = self.mem.load(pending);
        self.forget_timer(timer);
        self.store(pending, 1);
        self.store(pending + 1, func.0);
        let cpu = self.m.agent(id).cpu;
        self.ensure_tick(cpu);
        self.put_on_calendar(delay, Due::Timer { cpu, timer: timer.0, func: func.0 });
        was
    }

    pub(super) fn del_timer(&mut self, id: AgentId, timer: Ptr, sync: bool) -> Applied {
        if self.m.agent(id).begun {
            return Applied::Done(self.m.agent(id).ticket >> 32);
        }
        let Some(pending) = self.at(id, timer, Mode::Write) else { return Applied::Done(0) };
        let was = self.mem.load(pending);
        self.store(pending, 0);
        self.forget_timer(timer);
        if sync && self.running_timer(timer).is_some() {
            self.m.agent_mut(id).ticket = was << 32;
            return Applied::Begun;
        }
        Applied::Done(was)
    }

    /// Takes the timer out of the calendar, and from among those that have expired and not run.
    fn forget_timer(&mut self, timer: Ptr) {
        self.m.calendar.cancel_timer(timer);
        for number in 0..self.m.cpus.len() as u16 {
            let expired = &mut self.m.cpus[usize::from(number)].expired;
            let before = expired.len();
            expired.retain(|call| call.arg != timer.0);
            if expired.len() != before {
                // The tick may have nothing to do there any more.
                self.m.touch(number);
            }
        }
    }

    /// The softirq that is running the handler of this timer.
    pub(super) fn running_timer(&self, timer: Ptr) -> Option<AgentId> {
        let serving = |&id: &AgentId| {
            let agent = self.m.agent(id);
            agent.is_live() && agent.ticket >> 8 == timer.0 & 0xff_ffff_ffff
        };
        self.m.cpus.iter().filter_map(|c| c.softirqs[1]).find(serving)
    }

    /// Does anybody use timers or sleep?
    pub fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    pub(super) fn has_expired(&self, cpu: u16) -> bool {
        !self.m.cpus[usize::from(cpu)].expired.is_empty()
    }

    pub(super) fn timer_invoke(&mut self, id: AgentId) -> u64 {
        let cpu = self.m.agent(id).cpu;
        let Some(call) = self.m.cpus[usize::from(cpu)].expired.pop_front() else {
            // Deleted since the softirq was raised.
            self.finished(id);
            return 0;
        };
        let timer = Ptr(call.arg);
        let Some(pending) = self.at(id, timer, Mode::Write) else { return 0 };
        self.store(pending, 0);
        let rounds = self.m.agent(id).ticket & 0xff;
        self.m.agent_mut(id).ticket = rounds | timer.addr() << 8;
        self.m.touch_waiters();
        self.starts.push(Start { agent: id, what: Code::Func(call.func, call.arg) });
        0
    }
}
