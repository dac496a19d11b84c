//! The default policy, the boring one: run each context until it blocks, interrupts and grace
//! periods as late as possible. A schedule is what deviates from it.

use super::profile::is_outside;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;

/// Who acts next by default, of the enabled agents that `allowed` admits: the last one goes on;
/// else the highest context on its CPU; else the first agent that is not of the environment; else
/// the first of the environment.
pub fn next(
    view: &dyn View,
    last: Option<AgentId>,
    allowed: impl Fn(AgentId) -> bool,
) -> Option<AgentId> {
    let enabled = view.enabled();
    if let Some(last) = last.filter(|&a| enabled.contains(a) && allowed(a))
        && !view.kind(last).is_environment()
    {
        return Some(last);
    }
    let mut best = None;
    for agent in enabled.iter().filter(|&a| allowed(a)) {
        let active = !matches!(view.pending(agent).op, crate::base::op::Op::IrqEntry)
            && view.kind(agent) == crate::base::agent::AgentKind::Irq;
        let environment = view.kind(agent).is_environment() && !active;
        let elsewhere = last.is_none_or(|l| view.cpu(l) != view.cpu(agent));
        // Lower is better: contexts before the environment, the same CPU before others, higher
        // context levels before lower ones, then the first.
        let level = std::cmp::Reverse(view.kind(agent));
        let key = (environment, elsewhere, (!environment && !elsewhere).then_some(level), agent);
        if best.as_ref().is_none_or(|(k, _)| key < *k) {
            best = Some((key, agent));
        }
    }
    best.map(|(_, agent)| agent)
}

/// The strategy that follows the default policy; every choice takes outcome 0.
#[derive(Clone, Debug, Default)]
pub struct Canonical {
    last: Option<AgentId>,
}

impl Strategy for Canonical {
    fn begin(&mut self, _: u64, _: u64) {
        self.last = None;
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        let picked = next(view, self.last, |_| true).expect("somebody is enabled");
        self.last = Some(picked);
        picked
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, _: u32) -> u32 {
        0
    }
}

/// The opposite of the default policy where it has a choice: of those who could be next, the newest
/// agent is; interrupts, ticks and grace periods come as soon as they can.
#[derive(Clone, Debug, Default)]
pub struct Reverse {
    last: Option<AgentId>,
}

impl Strategy for Reverse {
    fn begin(&mut self, _: u64, _: u64) {
        self.last = None;
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        use crate::base::agent::AgentKind::{Balance, Clock};
        let enabled = || view.enabled().iter();
        let patient = |a: AgentId| matches!(view.kind(a), Balance | Clock);
        let outside = |a: AgentId| is_outside(view, a);
        if let Some(agent) = enabled().find(|&a| outside(a) && !patient(a)) {
            return agent;
        }
        let goes_on = self.last.filter(|&a| view.enabled().contains(a));
        let newest = || enabled().filter(|&a| !outside(a)).last();
        let picked = goes_on.or_else(newest).or_else(|| enabled().next());
        let picked = picked.expect("somebody is enabled");
        if !outside(picked) {
            self.last = Some(picked);
        }
        picked
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, _: u32) -> u32 {
        0
    }
}
