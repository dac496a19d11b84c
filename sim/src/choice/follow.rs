//! Follows a schedule: the default policy, with its holds respected.

use super::canonical;
use super::schedule::{Point, Schedule, site, site_of};
use super::strategy::{Strategy, View};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::{Event, Phase};
use crate::base::footprint::Access;

/// What an agent has done so far, by site.
#[derive(Debug, Default)]
struct Past {
    name: String,
    sites: Vec<(&'static str, &'static str, bool, u32)>,
}

impl Past {
    fn count(&self, func: &str, op: &str, continues: bool) -> u32 {
        let same = |s: &&(&str, &str, bool, u32)| s.0 == func && s.1 == op && s.2 == continues;
        self.sites.iter().find(same).map_or(0, |s| s.3)
    }

    fn add(&mut self, func: &'static str, op: &'static str, continues: bool) -> u32 {
        if let Some(s) =
            self.sites.iter_mut().find(|s| s.0 == func && s.1 == op && s.2 == continues)
        {
            s.3 += 1;
            return s.3;
        }
        self.sites.push((func, op, continues, 1));
        1
    }
}

/// State of one hold.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Status {
    Open,
    Fulfilled,
    Stale,
}

/// A strategy that follows a schedule, and says afterwards how well it fitted.
#[derive(Debug)]
pub struct Follow<'s> {
    schedule: &'s Schedule,
    status: Vec<Status>,
    /// Holds whose agent has come to the operation before which it is held.
    came: Vec<bool>,
    taken: Vec<bool>,
    past: Vec<Past>,
    last: Option<AgentId>,
}

impl<'s> Follow<'s> {
    /// Follows this schedule.
    pub fn new(schedule: &'s Schedule) -> Follow<'s> {
        Follow {
            schedule,
            status: vec![Status::Open; schedule.holds.len()],
            came: vec![false; schedule.holds.len()],
            taken: vec![false; schedule.decisions.len()],
            past: Vec::new(),
            last: None,
        }
    }

    /// The first deviation (counted from 1) whose named point never came, if any.
    pub fn diverged(&self) -> Option<usize> {
        let holds = self.status.iter().zip(&self.came);
        let hold = holds.into_iter().position(|(&s, &came)| s != Status::Fulfilled || !came);
        let decision = self.taken.iter().position(|&t| !t).map(|i| i + self.status.len());
        hold.or(decision).map(|i| i + 1)
    }

    fn past(&mut self, view: &dyn View, agent: AgentId) -> &mut Past {
        for i in self.past.len()..=agent.index() {
            let name = view.name(AgentId(i as u16));
            self.past.push(Past { name, sites: Vec::new() });
        }
        &mut self.past[agent.index()]
    }

    /// The holds that this agent stands before now.
    fn at(&self, view: &dyn View, agent: AgentId) -> impl Iterator<Item = usize> {
        let past = &self.past[agent.index()];
        let (func, op, begun) = (view.func(agent), view.pending(agent).name, view.begun(agent));
        let here = move |p: &Point| {
            p.agent == past.name
                && p.site == site(view, agent)
                && p.nth == 1 + past.count(func, op, begun)
        };
        let holds = self.schedule.holds.iter().enumerate();
        holds.filter(move |(_, hold)| here(&hold.before)).map(|(i, _)| i)
    }

    /// The first open hold that holds this agent back now.
    fn held(&self, view: &dyn View, agent: AgentId) -> Option<usize> {
        self.at(view, agent).find(|&i| self.status[i] == Status::Open)
    }

    /// Who helps the agent that was acting and is now held back: the one it waits for, or the part
    /// of the environment that can bring it about.
    fn helper(&self, view: &dyn View, held: &[Option<usize>]) -> Option<AgentId> {
        // Who would begin counts as if it had acted: the same after some private operations more.
        let last = self.last.or_else(|| canonical::next(view, None, |_| true))?;
        let hold = held.get(last.index()).copied().flatten()?;
        let wanted = &self.schedule.holds[hold].until.agent;
        let free = |a: AgentId| held[a.index()].is_none();
        let named = |a: &AgentId| self.past[a.index()].name == *wanted;
        let enabled = view.enabled();
        if let Some(agent) = enabled.iter().find(|a| named(a) && free(*a)) {
            return Some(agent);
        }
        let interrupt = wanted.contains("/softirq:") || wanted.contains("/tick");
        let brings = |a: &AgentId| matches!(view.kind(*a), AgentKind::Tick | AgentKind::Rcu);
        enabled.iter().filter(|a| interrupt && free(*a)).find(brings)
    }
}

impl Strategy for Follow<'_> {
    fn begin(&mut self, _: u64, _: u64) {
        *self = Follow::new(self.schedule);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        if let Some(newest) = view.agents().checked_sub(1) {
            self.past(view, AgentId(newest as u16));
        }
        loop {
            let mut held = vec![None; view.agents()];
            for agent in view.enabled().iter() {
                held[agent.index()] = self.held(view, agent);
            }
            for hold in held.iter().flatten() {
                self.came[*hold] = true;
            }
            let picked = self
                .helper(view, &held)
                .or_else(|| canonical::next(view, self.last, |a| held[a.index()].is_none()));
            if let Some(agent) = picked {
                if !view.kind(agent).is_environment() || self.last.is_none() {
                    self.last = Some(agent);
                }
                return agent;
            }
            // Everybody is held back: what the oldest hold waits for cannot come any more.
            let oldest = held.iter().flatten().min().copied();
            self.status[oldest.expect("nobody can act, so somebody is held")] = Status::Stale;
        }
    }

    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32 {
        let here = site(view, agent);
        let (func, op, begun) = (view.func(agent), view.pending(agent).name, view.begun(agent));
        let past = self.past(view, agent);
        let (name, nth) = (past.name.clone(), past.count(func, op, begun) + 1);
        let decisions = self.schedule.decisions.iter();
        let found = decisions
            .enumerate()
            .find(|(_, d)| d.at.agent == name && d.at.site == here && d.at.nth == nth);
        match found {
            Some((i, decision)) => {
                self.taken[i] = true;
                decision.outcome.min(n - 1)
            }
            None => 0,
        }
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, view: &dyn View, event: &Event, _: &[Access]) {
        let continues = event.phase == Phase::Finished;
        let func = view.func_of(event);
        let op = event.call.name;
        let past = self.past(view, event.agent);
        let nth = past.add(func, op, continues);
        let here = site_of(func, op, continues);
        let name = &self.past[event.agent.index()].name;
        let is_it = |p: &Point| p.nth == nth && p.agent == *name && p.site == here;
        for (i, hold) in self.schedule.holds.iter().enumerate() {
            self.came[i] |= is_it(&hold.before);
            if self.status[i] == Status::Open && is_it(&hold.until) {
                self.status[i] = Status::Fulfilled;
            }
        }
    }

    fn end(&mut self, view: &dyn View, _: &[Event], _: &[Access]) {
        // Who has come there, and could not go on anyway.
        for agent in (0..view.agents()).map(|n| AgentId(n as u16)).filter(|&a| view.is_live(a)) {
            self.past(view, agent);
            for i in self.at(view, agent).collect::<Vec<_>>() {
                self.came[i] = true;
            }
        }
    }
}
