//! Locks. The state is a word in memory: 0 free, an agent's number plus one for an exclusive
//! owner, readers counted above bit 16. So a lock in freed memory is as wrong as the kernel's.

use super::settings::Broken;
use super::system::{Applied, System};
use crate::base::agent::AgentId;
use crate::base::finding::Kind;
use crate::base::footprint::{Mode, Object};
use crate::base::op::LockKind;
use crate::base::ptr::Ptr;
use crate::machine::agent::State;

const READER: u64 = 1 << 16;
const OWNER_MASK: u64 = READER - 1;

/// Could a lock with this word be taken in this way?
pub fn is_free(word: u64, kind: LockKind) -> bool {
    if kind.is_shared() { word & OWNER_MASK == 0 } else { word == 0 }
}

/// The exclusive owner, if the word names one.
pub fn owner(word: u64) -> Option<AgentId> {
    (1..=OWNER_MASK).contains(&word).then(|| AgentId(word as u16 - 1))
}

/// How many readers hold the lock.
pub fn readers(word: u64) -> u64 {
    word / READER
}

/// The word of a lock that this agent owns exclusively.
pub fn owned_by(id: AgentId) -> u64 {
    u64::from(id.0) + 1
}

impl System {
    pub(super) fn lock(&mut self, id: AgentId, at: Ptr, kind: LockKind, attempt: bool) -> Applied {
        let Ok(index) = self.mem.index(at) else {
            self.at(id, at, Mode::Acquire);
            return Applied::Done(0);
        };
        let word = self.mem.load(index);
        let free = is_free(word, kind)
            || (self.broken(Broken::LockAdmitsTwo) && !kind.sleeps() && owner(word) != Some(id));
        if !free && attempt {
            self.access(Object::word(index), Mode::Read);
            return Applied::Done(0);
        }
        let begun = self.m.agent(id).begun;
        let flags = if begun { self.m.agent(id).ticket } else { u64::from(self.irqs_off(id)) };
        if !begun && !kind.sleeps() {
            self.enter_lock(id, kind);
        }
        if !free {
            self.access(Object::word(index), Mode::Read);
            self.m.agent_mut(id).ticket = flags;
            if kind.sleeps() {
                self.go_to_sleep(id);
            }
            return Applied::Begun;
        }
        self.access(Object::word(index), Mode::Acquire);
        self.store(index, if kind.is_shared() { word + READER } else { owned_by(id) });
        Applied::Done(match kind {
            LockKind::SpinIrqSave if !attempt => flags,
            _ => 1,
        })
    }

    /// Turns off what this kind of spinlock turns off.
    fn enter_lock(&mut self, id: AgentId, kind: LockKind) {
        if kind.irqs_off() {
            self.set_irqs_off(id, true);
        }
        self.preempt_add(id, kind.preempt_offset());
    }

    pub(super) fn unlock(&mut self, id: AgentId, at: Ptr, kind: LockKind, flags: u64) -> u64 {
        let Some(index) = self.at(id, at, Mode::Release) else { return 0 };
        let word = self.mem.load(index);
        let shared = kind.is_shared();
        let mine = if shared { word >= READER } else { owner(word) == Some(id) };
        if !mine && !self.broken(Broken::LockAdmitsTwo) {
            self.bad_unlock(id, at, word);
        }
        self.store(index, if shared { word.saturating_sub(READER) } else { 0 });
        if !kind.sleeps() {
            self.leave_lock(id, kind, flags);
        }
        0
    }

    /// Turns on again what this kind of lock has turned off.
    fn leave_lock(&mut self, id: AgentId, kind: LockKind, flags: u64) {
        if kind.irqs_off() {
            let restores = kind == LockKind::SpinIrqSave && !self.broken(Broken::IrqRestoreEnables);
            self.set_irqs_off(id, restores && flags != 0);
        }
        self.preempt_sub(id, kind.preempt_offset());
    }

    #[cold]
    fn bad_unlock(&mut self, id: AgentId, at: Ptr, word: u64) {
        let name = self.describe(at, None);
        let notes = vec![
            format!("{} is trying to release lock ({name})", self.m.name(id)),
            "but there are no more locks to release!".to_owned(),
            match owner(word) {
                Some(other) => format!("({name} is held by {})", self.m.name(other)),
                None => format!("({name} is not held)"),
            },
        ];
        let headline = "WARNING: bad unlock balance detected!".to_owned();
        self.report(id, Kind::InconsistentLockState, headline, at, Vec::new(), notes);
    }

    /// Takes the agent off its CPU until what it waits for has come.
    pub(super) fn go_to_sleep(&mut self, id: AgentId) {
        self.m.agent_mut(id).state = State::Asleep;
        let cpu = self.m.agent(id).cpu;
        if self.m.cpus[usize::from(cpu)].current == Some(id) {
            self.m.switch_out(cpu);
        }
    }
}
