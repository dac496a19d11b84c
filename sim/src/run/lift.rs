//! From a run to a schedule: what it did differently from the default policy.

use super::sim::Sim;
use crate::base::agent::AgentId;
use crate::base::event::{Event, Phase};
use crate::base::op::Op;
use crate::choice::schedule::{Decision, Hold, Point, Schedule, site_of};

impl Sim {
    /// The points of the last run, one for each event.
    pub fn points(&self) -> Vec<Point> {
        let symbols = self.sys.symbols.borrow();
        let names: Vec<String> =
            (0..self.sys.m.agents.len()).map(|i| self.sys.m.name(AgentId(i as u16))).collect();
        let mut counts: Vec<Vec<(String, u32)>> = vec![Vec::new(); names.len()];
        let point = |event: &Event| {
            let func = symbols.func(event.call.frame);
            let site = site_of(func, event.call.name, event.phase == Phase::Finished);
            let seen = &mut counts[event.agent.index()];
            let nth = match seen.iter_mut().find(|(s, _)| *s == site) {
                Some((_, n)) => {
                    *n += 1;
                    *n
                }
                None => {
                    seen.push((site.clone(), 1));
                    1
                }
            };
            Point { agent: names[event.agent.index()].clone(), site, nth }
        };
        self.sys.events.iter().map(point).collect()
    }

    /// The pending operations of contexts that could have gone on.
    fn unfinished(&self, points: &[Point]) -> Vec<Point> {
        let ids = (0..self.sys.m.agents.len()).map(|i| AgentId(i as u16));
        let live = ids.filter(|&id| {
            self.sys.m.agent(id).is_live() && !self.sys.m.agent(id).kind.is_environment()
        });
        live.map(|id| {
            let agent = self.sys.m.name(id);
            let func = self.sys.symbols.borrow().func(self.sys.m.agent(id).pending.frame);
            let (op, begun) = (self.sys.m.agent(id).pending.name, self.sys.m.agent(id).begun);
            let site = site_of(func, op, begun);
            let nth =
                points.iter().filter(|p| p.agent == agent && p.site == site).count() as u32 + 1;
            Point { agent, site, nth }
        })
        .collect()
    }

    /// A schedule that leads to the last run: whenever an agent went on after others had acted, it
    /// is held until the last of them had.
    pub fn lift(&self) -> Schedule {
        let points = self.points();
        let events = &self.sys.events;
        let mut schedule = Schedule::default();
        for i in 1..events.len() {
            if events[i].agent != events[i - 1].agent {
                let (before, until) = (points[i].clone(), points[i - 1].clone());
                schedule.holds.push(Hold { before, until });
            }
        }
        // Where the others stood when the run ended, they stay until its last step is done.
        if let Some(last) = points.last() {
            for before in self.unfinished(&points).into_iter().filter(|b| b.agent != last.agent) {
                schedule.holds.push(Hold { before, until: last.clone() });
            }
        }
        for (event, at) in events.iter().zip(points) {
            let outcome = outcome(event);
            if outcome != 0 {
                schedule.decisions.push(Decision { at, outcome });
            }
        }
        schedule
    }

    /// Outcomes other than 0 of those choices of the last run that had outcome 0.
    pub(super) fn other_outcomes(&self, points: &[Point]) -> Vec<Decision> {
        let mut others = Vec::new();
        for (event, at) in self.sys.events.iter().zip(points).filter(|(e, _)| outcome(e) == 0) {
            let outcomes = 1..self.sys.outcomes_of(&event.call.op);
            others.extend(outcomes.map(|outcome| Decision { at: at.clone(), outcome }));
        }
        others
    }
}

fn outcome(event: &Event) -> u32 {
    match event.call.op {
        Op::Choose(_) => event.reply as u32,
        Op::Alloc { .. } => u32::from(event.reply == 0),
        _ => 0,
    }
}
