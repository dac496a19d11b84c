//! Critical sections of a run: which locks, and which RCU read-side section, each step was in, and
//! where they began.

use super::record::Record;
use crate::base::footprint::{Mode, Object};

/// For each step, what its agent held when it took it.
#[derive(Debug, Default)]
pub struct Sections {
    held: Vec<(Object, u32)>,
    ends: Vec<u32>,
    /// For each step: its agent has waited for a grace period before.
    after_grace_period: Vec<bool>,
}

impl Sections {
    /// Of the steps of a run.
    pub fn new(record: &Record) -> Sections {
        let mut sections = Sections::default();
        let mut now: Vec<Vec<(Object, u32)>> = vec![Vec::new(); record.agents()];
        let mut waited = vec![false; record.agents()];
        for (at, step) in record.steps.iter().enumerate() {
            let own = &mut now[step.agent.index()];
            sections.held.extend_from_slice(own);
            sections.ends.push(sections.held.len() as u32);
            sections.after_grace_period.push(waited[step.agent.index()]);
            waited[step.agent.index()] |= step.waits_for_readers;
            match step.reader {
                1 => own.push((Object::RCU, at as u32)),
                -1 => remove(own, Object::RCU),
                _ => {}
            }
            for access in record.touched(at) {
                match access.mode {
                    Mode::Acquire => own.push((access.object, at as u32)),
                    Mode::Release => remove(own, access.object),
                    _ => {}
                }
            }
        }
        sections
    }

    fn held(&self, step: usize) -> &[(Object, u32)] {
        let from = step.checked_sub(1).map_or(0, |s| self.ends[s] as usize);
        &self.held[from..self.ends[step] as usize]
    }

    /// The steps whose order decides whether `second` can come before `first`: where their agents
    /// took the lock that both hold; where the agent of `first` began to read what `second` waits
    /// for; else the two themselves.
    pub fn starts(&self, first: usize, second: usize) -> (usize, usize) {
        for (object, at) in self.held(first) {
            if *object == Object::RCU {
                if self.after_grace_period[second] {
                    return (*at as usize, second);
                }
            } else if let Some((_, other)) = self.held(second).iter().find(|(o, _)| o == object) {
                return (*at as usize, *other as usize);
            }
        }
        (first, second)
    }
}

fn remove(held: &mut Vec<(Object, u32)>, object: Object) {
    if let Some(at) = held.iter().rposition(|(o, _)| *o == object) {
        held.remove(at);
    }
}
