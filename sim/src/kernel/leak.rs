//! Leaks and invariants: conditions on the state as a whole.

use super::invariant::Invariant;
use super::memory::{Life, role};
use super::system::System;
use crate::base::agent::AgentId;
use crate::base::finding::{Finding, Kind, Party};
use crate::base::ptr::Ptr;
use crate::base::types::TypeDesc;

impl System {
    /// Declares a condition on a word of every object of a type, those that exist and those to
    /// come.
    pub fn add_invariant(
        &mut self,
        ty: &'static TypeDesc,
        offset: usize,
        what: &'static str,
        holds: fn(u64) -> bool,
    ) {
        self.invariants.push(Invariant { ty, offset, what, holds });
        let objects: Vec<Ptr> = self.mem.records().map(|(at, _)| at).collect();
        for at in objects {
            self.mark_invariants(at);
        }
    }

    /// Marks the words of a new object that have conditions on them.
    pub(super) fn mark_invariants(&mut self, at: Ptr) {
        for i in 0..self.invariants.len() {
            let Invariant { ty, offset, .. } = self.invariants[i];
            if self.mem.desc(at) == Some(ty) {
                self.mem.add_role(at.word(offset).index(), role::INVARIANT);
            }
        }
    }

    /// A word with a condition on it was written.
    #[cold]
    pub(super) fn check_invariants(&mut self, id: AgentId, index: usize) {
        let Some(object) = self.mem.occupant(index) else { return };
        let value = self.mem.load(index);
        let offset = Ptr(0).word(index).offset();
        let desc = self.mem.desc(object);
        let broken = self
            .invariants
            .iter()
            .copied()
            .find(|i| desc == Some(i.ty) && i.offset == offset && !(i.holds)(value));
        if let Some(invariant) = broken {
            let at = object.word(offset);
            let name = self.describe(at, None);
            let headline =
                format!("BUG: impossible state: {name} is {value:#x}: {}", invariant.what);
            self.report(id, Kind::ImpossibleState, headline, at, Vec::new(), Vec::new());
        }
    }

    /// Reports on the final state, which no single step has made.
    pub fn report_at_end(&mut self, kind: Kind, headline: String, object: String) {
        let parties = vec![Party {
            what: object.clone(),
            agent: "end of the run".to_owned(),
            stack: Vec::new(),
            op: "end".to_owned(),
            event: None,
        }];
        let event = self.events.len() as u32;
        self.fatal |= kind.is_fatal();
        self.findings.push(Finding { kind, headline, object, parties, notes: Vec::new(), event });
    }

    /// Memory allocated in the run that nobody can reach any more, as kmemleak sees it: no word of
    /// a reachable object points to it. What setup made is reachable, unless it said otherwise.
    pub fn check_leaks(&mut self) {
        let all: Vec<(Ptr, usize, bool)> = self
            .mem
            .records()
            .filter(|(_, r)| r.life == Life::Live)
            .map(|(at, r)| (at, (r.bytes / 8) as usize, r.alloc.agent.is_none() && !r.owned))
            .collect();
        let mut reached: Vec<bool> = all.iter().map(|&(_, _, root)| root).collect();
        let mut todo: Vec<usize> = (0..all.len()).filter(|&i| reached[i]).collect();
        while let Some(i) = todo.pop() {
            let (at, words, _) = all[i];
            for word in 0..words {
                let value = Ptr(self.mem.load(at.word(word).index()));
                let target = value.object().addr();
                let found =
                    value.is_kernel().then(|| all.iter().position(|o| o.0.addr() == target));
                if let Some(j) = found.flatten().filter(|&j| !reached[j]) {
                    reached[j] = true;
                    todo.push(j);
                }
            }
        }
        for i in (0..all.len()).filter(|&i| !reached[i]) {
            let (at, words, _) = all[i];
            let name = self.describe_object(at);
            let headline = format!("kmemleak: unreferenced object {name} (size {}):", words * 8);
            let mut parties = self.history(at);
            parties.truncate(1);
            let event = self.events.len() as u32;
            let notes = Vec::new();
            let kind = Kind::Leak;
            self.fatal = true;
            self.findings.push(Finding { kind, headline, object: name, parties, notes, event });
        }
    }
}
