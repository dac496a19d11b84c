//! Points of the search that are still to be expanded, and what expanding one yields.

use super::walker::Choice;
use crate::base::agent::AgentId;
use crate::base::finding::{Finding, Signature};
use crate::base::footprint::Access;
use crate::choice::traces::conflict;
use std::sync::Arc;

/// An agent whose next step need not be explored here, since the same was explored from an
/// equivalent point; it wakes when something conflicts with that step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sleeping {
    /// Who.
    pub agent: AgentId,
    /// What its step touches.
    pub effects: Arc<[Access]>,
}

/// The agents of a sleep set as a bit mask. Agents from number 128 on never sleep.
pub fn mask(sleep: &[Sleeping]) -> u128 {
    sleep.iter().fold(0, |sum, s| sum | bit(s.agent))
}

/// The bit of an agent.
pub fn bit(agent: AgentId) -> u128 {
    1u128.checked_shl(agent.0.into()).unwrap_or(0)
}

/// Those that sleep on after a step with these effects.
pub fn after(sleep: &[Sleeping], step: &[Access]) -> Vec<Sleeping> {
    sleep.iter().filter(|s| !conflict(&s.effects, step)).cloned().collect()
}

/// What of the bounds is used up, and whom leaving would cost something.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Left {
    /// Preemptions.
    pub preemptions: u16,
    /// Interrupts.
    pub interrupts: u16,
    /// Beginnings and ends of grace periods.
    pub grace_periods: u16,
    /// Failed allocations.
    pub failures: u16,
    /// Who acted last, of contexts.
    pub current: Option<AgentId>,
}

impl Left {
    /// Bits of a number that one bound has.
    const BITS: u32 = 12;

    fn counts(&mut self) -> [&mut u16; 4] {
        [&mut self.preemptions, &mut self.interrupts, &mut self.grace_periods, &mut self.failures]
    }

    /// As part of a state's identity. Bounds are below 4,096.
    pub fn number(mut self) -> u64 {
        let current = self.current.map_or(0, |a| u64::from(a.0) + 1);
        self.counts().into_iter().fold(0, |sum, n| sum << Left::BITS | u64::from(*n)) << 16
            | current
    }

    /// The inverse of [`Left::number`].
    pub fn from_number(number: u64) -> Left {
        let current = (number as u16).checked_sub(1).map(AgentId);
        let mut left = Left { current, ..Left::default() };
        for (i, count) in left.counts().into_iter().rev().enumerate() {
            *count = (number >> (16 + i as u32 * Left::BITS)) as u16 & ((1 << Left::BITS) - 1);
        }
        left
    }
}

/// A point to be expanded.
#[derive(Clone, Debug)]
pub struct Node {
    /// The last link of the way to it.
    pub link: u32,
    /// Whom not to explore.
    pub sleep: Vec<Sleeping>,
    /// Explore these only: it was expanded before without them.
    pub only: Option<u128>,
    /// See [`Left`].
    pub left: Left,
    /// The share of the whole search that lies below, in units of 2^-62.
    pub share: u64,
    /// Its number among the known states.
    pub known: Option<u32>,
}

/// How one way from a node went on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// To a point with a choice.
    Open {
        /// The state there.
        key: u128,
        /// Sleep set there.
        sleep: Vec<Sleeping>,
        /// Bounds there.
        left: Left,
    },
    /// To the end of a run.
    Ended {
        /// Its final state, unless a finding ended it.
        key: Option<u128>,
        /// The class of equivalent runs that it belongs to, if asked for.
        class: Option<u128>,
    },
    /// To a point where all sleep: everything from here is explored elsewhere.
    Redundant,
    /// Beyond the limit of steps.
    Cut,
}

/// A way from a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// The decisions from the node on.
    pub choices: Vec<Choice>,
    /// Where it led.
    pub way: Way,
    /// What was found on it.
    pub found: Vec<(Signature, Finding)>,
    /// Was anything found on it?
    pub shows: bool,
}

/// What expanding a node yielded.
#[derive(Debug, Default)]
pub struct Expansion {
    /// Those that slept on some of its ways, and not at the node.
    pub slept: Vec<Sleeping>,
    /// Its ways, in order.
    pub branches: Vec<Branch>,
    /// Executions it took.
    pub executions: u64,
    /// Steps it took.
    pub steps: u64,
}

/// The decisions that lead to points, as a tree with links upwards.
#[derive(Debug, Default)]
pub struct Links(Vec<(u32, Choice)>);

impl Links {
    /// The start.
    pub const ROOT: u32 = u32::MAX;

    /// Adds decisions below a link; the number of the last one.
    pub fn add(&mut self, mut parent: u32, choices: &[Choice]) -> u32 {
        for &choice in choices {
            self.0.push((parent, choice));
            parent = self.0.len() as u32 - 1;
        }
        parent
    }

    /// All decisions up to a link, from the start; replaces the contents of `out`.
    pub fn path(&self, mut link: u32, out: &mut Vec<Choice>) {
        out.clear();
        while let Some(&(parent, choice)) = self.0.get(link as usize) {
            out.push(choice);
            link = parent;
        }
        out.reverse();
    }
}
