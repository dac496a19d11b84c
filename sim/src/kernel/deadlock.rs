//! Deadlock: a circle of agents each of whom waits for the next, or a run in which nobody can go
//! on although somebody has not finished.

use super::lock;
use super::system::System;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::{Event, Phase};
use crate::base::finding::{Kind, Party};
use crate::base::op::Op;
use crate::base::ptr::Ptr;
use crate::machine::agent::{Agent, State};

/// Why one agent waits for another.
enum Why {
    /// The other runs above it on its CPU.
    Interrupted,
    /// The other holds this lock.
    Lock(Ptr),
    /// The other is a task, and it waits for its end.
    End,
    /// The other runs this work item, or will.
    Work(Ptr),
}

impl System {
    /// The lock that the pending operation of this agent cannot get, with its owner.
    fn contended(&self, id: AgentId) -> Option<(Ptr, Option<AgentId>)> {
        let Op::Lock { at, kind, attempt: false, .. } = self.m.agent(id).pending.op else {
            return None;
        };
        let word = self.mem.load(self.mem.index(at).ok()?);
        (!lock::is_free(word, kind)).then(|| (at, lock::owner(word)))
    }

    /// For whom must this agent wait before it can go on?
    fn blocker(&self, id: AgentId) -> Option<(AgentId, Why)> {
        let agent = self.m.agent(id);
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        let on_stack = cpu.stack.iter().position(|&a| a == id);
        let above = match on_stack {
            Some(i) => cpu.stack.get(i + 1),
            None if cpu.current == Some(id) => cpu.stack.first(),
            None => None,
        };
        if let Some(&above) = above {
            return Some((above, Why::Interrupted));
        }
        if let Some((at, owner)) = self.contended(id) {
            return owner.map(|o| (o, Why::Lock(at)));
        }
        match agent.pending.op {
            Op::Join(target) if self.m.agent(target).state != State::Dead => {
                Some((target, Why::End))
            }
            Op::FlushWork { work } => self.worker_of(work).map(|w| (w, Why::Work(work))),
            _ => None,
        }
    }

    /// For whom must this agent wait before it can go on, and why, in words?
    pub fn waits_for(&self, id: AgentId) -> Option<(AgentId, String)> {
        let (other, why) = self.blocker(id)?;
        let name = self.m.name(other);
        let text = match why {
            Why::Interrupted => format!("is interrupted by {name}"),
            Why::Lock(at) => format!("waits for {}, held by {name}", self.describe(at, None)),
            Why::End => format!("waits for {name} to end"),
            Why::Work(work) => format!("waits for work {}", self.describe(work, None)),
        };
        Some((other, text))
    }

    /// The operations that could not begin because a lock is held or a condition is false, by agents
    /// that nobody interrupts.
    pub fn waiting(&self) -> Vec<Event> {
        let ids = (0..self.m.agents.len()).map(|i| AgentId(i as u16));
        let waits = ids.filter(|&id| {
            let agent = self.m.agent(id);
            let waits = match self.blocker(id) {
                Some((_, why)) => matches!(why, Why::Lock(_)),
                None => matches!(agent.pending.op, Op::Await { .. }),
            };
            agent.is_live() && !agent.begun && waits
        });
        waits.map(|id| self.event_now(id, Phase::Begun)).collect()
    }

    /// Who has to act before this agent can: whoever has its CPU, the owner of the lock that it
    /// wants, the one whose end it waits for.
    pub fn waits_behind(&self, id: AgentId) -> Option<AgentId> {
        let agent = self.m.agent(id);
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        let preempted = agent.state == State::Ready && cpu.current != Some(id);
        let task = agent.kind == AgentKind::Task;
        let running = self.m.top(cpu).filter(|&top| task && preempted && top != id);
        running.or_else(|| self.blocker(id).map(|(other, _)| other))
    }

    /// Has the new pending operation of this agent closed a circle of waiting?
    pub(super) fn check_deadlock(&mut self, id: AgentId) {
        let waiting = match self.m.agent(id).pending.op {
            Op::Lock { attempt: false, .. } => self.contended(id).is_some(),
            Op::Join(_) | Op::FlushWork { .. } => true,
            _ => false,
        };
        if !waiting || self.broken(super::settings::Broken::LockAdmitsTwo) {
            return;
        }
        let next = |&at: &AgentId| self.blocker(at).map(|(other, _)| other);
        let others = || std::iter::successors(next(&id), next);
        // Collected only where there is one: this runs at every operation that may wait.
        if others().take(self.m.agents.len()).any(|other| other == id) {
            let mut circle = vec![id];
            circle.extend(others().take_while(|&other| other != id));
            // Whoever closes the circle: it is reported as seen by its first member.
            let waits = |&a: &AgentId| self.contended(a).is_some();
            let first = circle.iter().copied().filter(waits).min().unwrap_or(id);
            let turn = circle.iter().position(|&a| a == first).unwrap_or(0);
            circle.rotate_left(turn);
            self.deadlock(first, &circle);
        }
    }

    fn deadlock(&mut self, id: AgentId, circle: &[AgentId]) {
        let wanted = self.contended(id).map(|(at, _)| at);
        let spins = matches!(self.m.agent(id).pending.op, Op::Lock { kind, .. } if !kind.sleeps());
        let cpu = self.m.agent(id).cpu;
        let recursion = spins && circle.iter().all(|&a| self.m.agent(a).cpu == cpu);
        let headline = if recursion {
            format!("BUG: spinlock recursion on CPU#{cpu}, {}", self.m.agent(id).role)
        } else {
            "INFO: deadlock: a circle of waiting".to_owned()
        };
        let notes = circle
            .iter()
            .filter_map(|&a| Some(format!("{} {}", self.m.name(a), self.waits_for(a)?.1)))
            .chain(self.grace_period_waits_for())
            .chain(wanted.filter(|_| recursion).map(|lock| self.spin_dump(lock)))
            .collect();
        let pairs = circle.iter().zip(&circle[1..]);
        let others =
            pairs.map(|(&waiter, &a)| self.waiting_party(a, self.contended(waiter))).collect();
        // The attempt is made, and lockdep sees it, before the waiting never ends.
        let attempt = self.event_now(id, Phase::Begun);
        self.report(id, Kind::Deadlock, headline, wanted.unwrap_or(Ptr::NULL), others, notes);
        self.push_event(attempt);
    }

    /// spin_dump() of kernel/locking/spinlock_debug.c, v6.3.
    fn spin_dump(&self, lock: Ptr) -> String {
        let word = self.mem.index(lock).map_or(0, |i| self.mem.load(i));
        let (owner, cpu) = match lock::owner(word) {
            Some(id) => (self.m.agent(id).role.to_owned(), self.m.agent(id).cpu.to_string()),
            None => ("<none>".to_owned(), "-1".to_owned()),
        };
        let name = self.describe(lock, None);
        format!(" lock: {name}, .magic: dead4ead, .owner: {owner}, .owner_cpu: {cpu}")
    }

    /// Where an agent took the lock that another waits for, or where it stands itself.
    fn waiting_party(&self, id: AgentId, wanted: Option<(Ptr, Option<AgentId>)>) -> Party {
        let took = |op: &Op| match (op, wanted) {
            (Op::Lock { at, .. }, Some((lock, _))) => at.addr() == lock.addr(),
            (op, _) => matches!(op, Op::Lock { .. }),
        };
        let held = self.events.iter().enumerate().rev();
        let held = held.filter(|(_, e)| e.agent == id && e.phase != Phase::Begun);
        match held.into_iter().find(|(_, e)| took(&e.call.op)) {
            Some((n, event)) => self.party("Lock taken", id, event.call.frame, event.call.name, n),
            None => {
                let call = self.m.agent(id).pending;
                let n = self.events.len();
                self.party("Waiting", id, call.frame, call.name, n)
            }
        }
    }

    /// Nobody can act: if somebody has not finished, that is a deadlock; if nobody has, a callback
    /// left behind is a lost one.
    pub fn check_quiescent(&mut self) {
        let stuck = |agent: &&Agent| agent.is_live() && !agent.daemon;
        let Some(first) = self.m.agents.iter().position(|a| stuck(&a)) else {
            return self.check_lost_callbacks();
        };
        let all: Vec<AgentId> = (first..self.m.agents.len())
            .map(|i| AgentId(i as u16))
            .filter(|&id| stuck(&self.m.agent(id)))
            .collect();
        let notes = all
            .iter()
            .map(|&id| {
                let why = self.waits_for(id).map_or_else(
                    || format!("cannot finish {}", self.m.agent(id).pending.name),
                    |(_, why)| why,
                );
                format!("{} {why}", self.m.name(id))
            })
            .chain(self.grace_period_waits_for())
            .collect();
        let id = all[0];
        let wanted = match self.m.agent(id).pending.op {
            Op::Await { at, .. } => at,
            _ => self.contended(id).map_or(Ptr::NULL, |(at, _)| at),
        };
        let headline = self.stuck_headline(id);
        let others = all[1..].iter().map(|&a| self.waiting_party(a, self.contended(id))).collect();
        self.report(id, Kind::Deadlock, headline, wanted, others, notes);
    }
}
