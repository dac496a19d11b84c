//! Who waits for which word: whoever writes one need not look at everybody.

use super::lock;
use super::settings::Broken;
use super::system::System;
use super::watchers::Watchers;
use crate::base::agent::AgentId;
use crate::base::op::{LockKind, Op};
use crate::base::ptr::{Ptr, SLOT_WORDS};
use crate::machine::Again;
use crate::machine::agent::{Agent, State};

impl System {
    /// Remembers to look at this agent when this word changes: the mutex that it wants, or anything
    /// else that it waits for.
    #[inline]
    pub(super) fn watch(&mut self, id: AgentId, index: usize, mutex: Option<Ptr>) {
        let slot = index / SLOT_WORDS;
        if self.watchers.len() <= slot {
            self.watchers.resize(slot + 1, Watchers::default());
        }
        self.m.agent_mut(id).watching = slot as u32 + 1;
        let here = self.watchers[slot];
        let same = || here.one_at_ease().is_none_or(|one| self.mutex_wanted(one) == mutex);
        let at_ease = mutex.is_some() && self.runs_at_ease(id, self.m.agent(id));
        if at_ease && Watchers::can_be_at_ease(id) && same() {
            self.watchers[slot].set_at_ease(id, true);
        } else {
            self.chain(id, slot);
        }
    }

    fn chain(&mut self, id: AgentId, slot: usize) {
        let watchers = &mut self.watchers[slot];
        self.m.agents[id.index()].watch_next = watchers.first();
        watchers.set_first(id.0 + 1);
    }

    /// Forgets what this agent was watching.
    #[inline]
    pub(super) fn unwatch(&mut self, id: AgentId) {
        let agent = &mut self.m.agents[id.index()];
        let Some(slot) = agent.watching.checked_sub(1) else { return };
        agent.watching = 0;
        let watchers = &mut self.watchers[slot as usize];
        if watchers.is_at_ease(id) {
            watchers.set_at_ease(id, false);
        } else {
            self.unchain(id, slot as usize);
        }
    }

    #[inline(never)]
    fn unchain(&mut self, id: AgentId, slot: usize) {
        let next = self.m.agent(id).watch_next;
        let mut at = self.watchers[slot].first();
        if at == id.0 + 1 {
            self.watchers[slot].set_first(next);
            return;
        }
        while let Some(index) = at.checked_sub(1) {
            let agent = &mut self.m.agents[usize::from(index)];
            if agent.watch_next == id.0 + 1 {
                agent.watch_next = next;
                return;
            }
            at = agent.watch_next;
        }
    }

    /// The CPU of this agent has changed: does it still wait at ease, if it did?
    #[inline]
    pub(super) fn keep_watching(&mut self, id: AgentId) {
        let Some(slot) = self.m.agent(id).watching.checked_sub(1) else { return };
        let here = self.watchers[slot as usize];
        if here.is_at_ease(id) && !self.runs_at_ease(id, self.m.agent(id)) {
            self.watchers[slot as usize].set_at_ease(id, false);
            self.chain(id, slot as usize);
        }
    }

    /// The mutex that the pending operation of this agent takes, waiting for it.
    #[inline]
    fn mutex_wanted(&self, id: AgentId) -> Option<Ptr> {
        match self.m.agent(id).pending.op {
            Op::Lock { at, kind: LockKind::Mutex, attempt: false, .. } => Some(at),
            _ => None,
        }
    }

    /// Is this the task that runs on its CPU, with nothing above it and nothing turned off? If it
    /// wants a mutex, it can act if and only if that is free.
    #[inline]
    fn runs_at_ease(&self, id: AgentId, agent: &Agent) -> bool {
        let cpu = &self.m.cpus[usize::from(agent.cpu)];
        cpu.current == Some(id)
            && agent.state == State::Ready
            && !agent.begun
            && cpu.stack.is_empty()
            && cpu.preempt == 0
            && !cpu.irqs_off
            && agent.rcu_nesting == 0
    }

    /// A word of this slot was written: looks again at those who wait for one.
    #[inline]
    pub(super) fn settle_watchers(&mut self, slot: u32) {
        let here = self.watchers[slot as usize];
        if let Some(mutex) = here.one_at_ease().and_then(|one| self.mutex_wanted(one)) {
            // What cannot be a lock holds nobody up.
            let free = |index| lock::is_free(self.mem.load(index), LockKind::Mutex);
            let free = self.mem.index(mutex).map_or(true, free);
            self.m.enabled.set_first(here.at_ease(), free);
        }
        if here.first() != 0 {
            self.settle_chain(here.first());
        }
    }

    #[inline(never)]
    fn settle_chain(&mut self, mut at: u16) {
        while let Some(index) = at.checked_sub(1) {
            let id = AgentId(index);
            at = self.m.agent(id).watch_next;
            // Whoever has written it has been looked at since.
            if id != self.stepping {
                self.refresh(id);
            }
        }
    }

    /// Writes a word without a role and remembers to look at those who watch it.
    #[inline]
    pub(super) fn store_plain(&mut self, index: usize, value: u64) {
        self.mem.store(index, value);
        let slot = index / SLOT_WORDS;
        if self.watchers.get(slot).is_some_and(|w| w.any()) && !self.broken(Broken::WakeupLost) {
            self.m.again.push(Again::Slot(slot as u32));
        }
    }
}
