//! Wakeup trees: what is still to be explored from a point, as sequences of steps with a common
//! beginning.

use super::super::walker::Choice;
use crate::base::footprint::Access;
use crate::choice::traces::conflict;
use std::sync::Arc;

/// A step, taken or planned.
#[derive(Clone, Debug)]
pub struct Move {
    /// Who, with which outcome.
    pub choice: Choice,
    /// What it depends on and changes; `None` for a planned one that was never taken there.
    pub effects: Option<Arc<[Access]>>,
}

/// How a step relates to a sequence of steps that is to follow the same point.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Relation {
    /// It is this step of the sequence, and could be its first.
    Initial(usize),
    /// It is not in the sequence and commutes with all of it.
    Independent,
    /// The sequence does not begin with it, whatever commutes.
    Other,
    /// Effects that are not known decide.
    Unknown,
}

/// Does the step belong to the beginning of this sequence (is it a *weak initial* of it)?
pub fn relation(step: &Move, sequence: &[Move]) -> Relation {
    let own = sequence.iter().position(|m| m.choice.agent == step.choice.agent);
    let before = match own {
        Some(k) if sequence[k].choice != step.choice => return Relation::Other,
        Some(k) => &sequence[..k],
        None => sequence,
    };
    let effects = own.and_then(|k| sequence[k].effects.as_ref()).or(step.effects.as_ref());
    let mut unknown = false;
    for other in before {
        match (effects, &other.effects) {
            (Some(a), Some(b)) if conflict(a, b) => return Relation::Other,
            (Some(_), Some(_)) => {}
            _ => unknown = true,
        }
    }
    match own {
        _ if unknown => Relation::Unknown,
        Some(k) => Relation::Initial(k),
        None => Relation::Independent,
    }
}

/// A wakeup tree, or a part of one below a step.
#[derive(Debug, Default)]
pub struct Tree {
    /// The steps to be explored, in order, each with what is planned after it.
    pub ways: Vec<(Move, Tree)>,
}

impl Tree {
    /// Is nothing planned?
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// Takes out what comes first.
    pub fn pop(&mut self) -> Option<(Move, Tree)> {
        (!self.ways.is_empty()).then(|| self.ways.remove(0))
    }

    /// Plans a sequence, unless what is planned covers it. `probe` tells what the last step of a
    /// way from the tree's root depends on and changes.
    pub fn insert(&mut self, sequence: Vec<Move>, probe: &mut impl FnMut(&mut [Move])) {
        self.insert_below(&mut Vec::new(), sequence, probe);
    }

    fn insert_below(
        &mut self,
        above: &mut Vec<Move>,
        mut sequence: Vec<Move>,
        probe: &mut impl FnMut(&mut [Move]),
    ) {
        for (step, below) in &mut self.ways {
            let mut how = relation(step, &sequence);
            if how == Relation::Unknown {
                learn(above, std::slice::from_mut(step), probe);
                learn(above, &mut sequence, probe);
                how = relation(step, &sequence);
            }
            match how {
                Relation::Initial(k) => _ = sequence.remove(k),
                Relation::Independent => {}
                Relation::Other | Relation::Unknown => continue,
            }
            if below.is_empty() || sequence.is_empty() {
                return;
            }
            above.push(step.clone());
            return below.insert_below(above, sequence, probe);
        }
        let chain = sequence.into_iter().rev().fold(None, |below, step| {
            let ways = below.into_iter().collect();
            Some((step, Tree { ways }))
        });
        self.ways.extend(chain);
    }
}

/// Fills in what the last step of a sequence depends on and changes.
fn learn(above: &[Move], sequence: &mut [Move], probe: &mut impl FnMut(&mut [Move])) {
    if let Some(last) = sequence.last()
        && last.effects.is_none()
    {
        let mut whole = [above, sequence].concat();
        probe(&mut whole);
        if let (Some(to), Some(from)) = (sequence.last_mut(), whole.pop()) {
            to.effects = from.effects;
        }
    }
}
