//! What samplers know about a scenario before they start: who takes how many steps, who touches
//! what. It comes from runs that do not depend on the seed, so that a run stays a pure function of
//! (seed, index).

use super::view::View;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Event;
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::Op;
use std::sync::Arc;

/// Who touches a word.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Owner {
    /// Nobody has been seen to.
    #[default]
    Unknown,
    /// Only this context, and it has written it.
    Only(AgentId),
    /// Only this context, which only read it: somebody else may be about to write it.
    Reads(AgentId),
    /// Several.
    Shared,
}

impl Owner {
    fn and(self, agent: AgentId, writes: bool) -> Owner {
        match self {
            Owner::Unknown if writes => Owner::Only(agent),
            Owner::Unknown => Owner::Reads(agent),
            Owner::Reads(owner) if owner == agent && writes => Owner::Only(agent),
            Owner::Reads(owner) | Owner::Only(owner) if owner == agent => self,
            _ => Owner::Shared,
        }
    }
}

/// The words of a scenario that only one context touches. An operation on nothing but such words
/// commutes with everything that others do, and is no decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owners {
    /// By index of the word; those that were there before the first step.
    words: Vec<Owner>,
}

impl Owners {
    /// Takes in the `words` words that exist before the first step; nothing is known of new ones.
    pub fn grow(&mut self, words: usize) {
        self.words.resize(words.max(self.words.len()), Owner::Unknown);
    }

    /// Learns from a run; says whether it brought anything new.
    pub fn learn(&mut self, events: &[Event], accesses: &[Access]) -> bool {
        let mut news = false;
        for (event, accesses) in with_accesses(events, accesses) {
            for access in accesses {
                let Some(word) = access.object.word_index().and_then(|i| self.words.get_mut(i))
                else {
                    continue;
                };
                let now = word.and(event.agent, access.mode != Mode::Read);
                news |= now != *word;
                *word = now;
            }
        }
        news
    }

    /// Does only this context touch this object?
    #[inline]
    pub fn is_private(&self, object: Object, agent: AgentId) -> bool {
        let owner = object.word_index().and_then(|i| self.words.get(i));
        owner == Some(&Owner::Only(agent))
    }

    /// Does another context own this object?
    pub fn is_foreign(&self, object: Object, agent: AgentId) -> bool {
        let owner = object.word_index().and_then(|i| self.words.get(i));
        matches!(owner, Some(Owner::Only(other)) if *other != agent)
    }

    /// Does an operation with this footprint concern nobody else?
    #[inline]
    pub fn is_quiet(&self, agent: AgentId, op: Op, footprint: &[Access]) -> bool {
        let words = || footprint.iter().all(|a| self.is_private(a.object, agent));
        match op {
            Op::Nop | Op::Check { ok: true, .. } | Op::Choose(_) => true,
            Op::Read { .. }
            | Op::Write { .. }
            | Op::Rmw { .. }
            | Op::Refcount { .. }
            | Op::List { .. }
            | Op::Await { .. } => !footprint.is_empty() && words(),
            Op::Lock { kind, .. } | Op::Unlock { kind, .. } => {
                kind.sleeps() && !footprint.is_empty() && words()
            }
            _ => false,
        }
    }
}

/// The events of a run with what each touched.
pub fn with_accesses<'r>(
    events: &'r [Event],
    accesses: &'r [Access],
) -> impl Iterator<Item = (&'r Event, &'r [Access])> {
    let mut from = 0;
    events.iter().map(move |event| {
        let to = event.accesses_end as usize;
        let own = &accesses[from..to];
        from = to;
        (event, own)
    })
}

/// One agent of the profiled run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    kind: AgentKind,
    cpu: u16,
    role: &'static str,
    /// Steps that are decisions.
    pub steps: u32,
    /// With those of the tasks that it starts, and theirs.
    pub subtree: u32,
    parent: Option<AgentId>,
}

/// An object that several agents touch, with how often each does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interest {
    /// Which.
    pub object: Object,
    /// How often it is touched.
    pub total: u32,
    /// How often by each agent of the profiled run, tasks that it starts included.
    pub by: Vec<u32>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// Which operations are no decisions; empty: all are.
    pub owners: Owners,
    /// Steps that are decisions.
    pub steps: u32,
    /// Agents of the profiled run, by number.
    pub agents: Vec<Known>,
    /// Words that several agents touch, locks included, in order.
    pub interests: Vec<Interest>,
}

impl Profile {
    /// The profile of one run, when operations on words that have one owner are no decisions.
    pub fn new(view: &dyn View, events: &[Event], accesses: &[Access], owners: Owners) -> Profile {
        Profile::of(Profile::agents_of(view), events, accesses, owners)
    }

    /// The agents of a run, nothing counted yet.
    pub fn agents_of(view: &dyn View) -> Vec<Known> {
        let known = |i| {
            let id = AgentId(i as u16);
            let (kind, cpu, role) = (view.kind(id), view.cpu(id), view.role(id));
            Known { kind, cpu, role, steps: 0, subtree: 0, parent: None }
        };
        (0..view.agents()).map(known).collect()
    }

    /// As [`Profile::new`], of a run with these agents.
    pub fn of(
        agents: Vec<Known>,
        events: &[Event],
        accesses: &[Access],
        owners: Owners,
    ) -> Profile {
        let mut profile = Profile { owners, steps: 0, agents, interests: Vec::new() };
        for (event, touched) in with_accesses(events, accesses) {
            let words = |a: &&Access| a.object.word_index().is_some();
            let words: Vec<Access> = touched.iter().filter(words).copied().collect();
            if profile.owners.is_quiet(event.agent, event.call.op, &words) {
                continue;
            }
            profile.steps += 1;
            profile.agents[event.agent.index()].steps += 1;
            profile.count(event.agent, &words);
            if matches!(event.call.op, Op::Spawn { .. })
                && let Some(child) = profile.agents.get_mut(event.reply as usize)
            {
                child.parent = Some(event.agent);
            }
        }
        profile.add_children();
        profile
    }

    fn count(&mut self, agent: AgentId, touched: &[Access]) {
        for (i, access) in touched.iter().enumerate() {
            if touched[..i].iter().any(|a| a.object == access.object) {
                continue;
            }
            let at = self.interests.iter().position(|o| o.object == access.object);
            let at = at.unwrap_or_else(|| {
                let by = vec![0; self.agents.len()];
                self.interests.push(Interest { object: access.object, total: 0, by });
                self.interests.len() - 1
            });
            self.interests[at].total += 1;
            self.interests[at].by[agent.index()] += 1;
        }
    }

    /// Keeps what several agents touch, and adds the counts of children to their parents'.
    fn add_children(&mut self) {
        self.interests.retain(|o| o.by.iter().filter(|&&n| n > 0).count() > 1);
        self.interests.sort_by_key(|o| o.object);
        self.agents.iter_mut().for_each(|a| a.subtree = a.steps);
        // A child has a higher number than its parent.
        for i in (0..self.agents.len()).rev() {
            let Some(parent) = self.agents[i].parent.map(AgentId::index) else { continue };
            self.agents[parent].subtree += self.agents[i].subtree;
            for object in &mut self.interests {
                object.by[parent] += object.by[i];
            }
        }
    }

    /// The agent of the profiled run that corresponds to one of this run: the same number if it is
    /// the same thing, else the first of its kind, CPU and role.
    pub fn known(&self, view: &dyn View, agent: AgentId) -> Option<AgentId> {
        let (kind, cpu, role) = (view.kind(agent), view.cpu(agent), view.role(agent));
        let same = |k: &Known| k.kind == kind && k.cpu == cpu && k.role == role;
        if self.agents.get(agent.index()).is_some_and(same) {
            return Some(agent);
        }
        self.agents.iter().position(same).map(|i| AgentId(i as u16))
    }

    /// Steps of tasks and softirqs in the profiled run: of one CPU, or of all.
    pub fn context_steps(&self, cpu: Option<u16>) -> u32 {
        let counts = |k: &&Known| {
            matches!(k.kind, AgentKind::Task | AgentKind::Softirq) && cpu.is_none_or(|c| c == k.cpu)
        };
        self.agents.iter().filter(counts).map(|k| k.steps).sum()
    }
}

/// The two profiles of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    /// Only operations on what others touch are decisions.
    pub shared: Arc<Profile>,
    /// All are.
    pub all: Arc<Profile>,
}

/// Is this agent a part of the environment that waits to act: an interrupt that has not fired, a
/// grace period, the tick, time?
pub fn is_outside(view: &dyn View, agent: AgentId) -> bool {
    match view.kind(agent) {
        AgentKind::Irq => matches!(view.pending(agent).op, Op::IrqEntry),
        kind => kind.is_environment(),
    }
}
