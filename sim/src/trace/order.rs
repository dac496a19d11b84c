//! The order of a trace that matters, and a normal form: schedules that differ only in the order
//! of steps that cannot influence each other print alike.
//!
//! Two steps *depend* on each other if the same agent took them, if they were taken on the same CPU
//! (so contexts nest there as they did), or if they touch the same object and one of them changes
//! it. A trace is determined, up to what anybody could observe, by the order of its dependent steps
//! (Mazurkiewicz, 1977). One thing is left out: where steps cost virtual time, their mere number
//! decides when a timer is due.

use super::record::{Step, Trace};
use crate::base::footprint::Mode;
use std::collections::BTreeMap;

/// Direct predecessors of each step: for each thing that it shares with others, the last steps
/// before it that it depends on. The rest follows by transitivity.
#[derive(Debug)]
pub struct Order {
    before: Vec<Vec<usize>>,
}

#[derive(Default)]
struct Seen {
    write: Option<usize>,
    reads: Vec<usize>,
}

impl Order {
    /// The order of a trace.
    pub fn of(trace: &Trace) -> Order {
        let mut objects: BTreeMap<&str, Seen> = BTreeMap::new();
        let mut cpus: BTreeMap<u16, usize> = BTreeMap::new();
        let mut agents: BTreeMap<&str, usize> = BTreeMap::new();
        let mut before = Vec::with_capacity(trace.steps.len());
        for (at, step) in trace.steps.iter().enumerate() {
            let mut mine = Vec::new();
            let agent = trace.agent(step);
            if agent.is_on_cpu() {
                mine.extend(cpus.insert(step.cpu, at));
            }
            // By name: the balancer that moves a task is called as the task is.
            mine.extend(agents.insert(&agent.name, at));
            for touch in &step.touches {
                let seen = objects.entry(&touch.object).or_default();
                mine.extend(seen.write);
                if touch.mode == Mode::Read {
                    seen.reads.push(at);
                } else {
                    mine.append(&mut seen.reads);
                    seen.write = Some(at);
                }
            }
            mine.sort_unstable();
            mine.dedup();
            mine.retain(|&b| b != at);
            before.push(mine);
        }
        Order { before }
    }

    /// The direct predecessors of a step, in ascending order.
    pub fn before(&self, step: usize) -> &[usize] {
        &self.before[step]
    }

    /// The steps that had to happen before these, and these themselves.
    pub fn past(&self, of: &[usize]) -> Vec<bool> {
        let mut past = vec![false; self.before.len()];
        let mut todo: Vec<usize> = of.iter().copied().filter(|&s| s < past.len()).collect();
        while let Some(step) = todo.pop() {
            if !std::mem::replace(&mut past[step], true) {
                todo.extend(&self.before[step]);
            }
        }
        past
    }

    /// All steps in the canonical order: the agent that acted last goes on as long as it can; then
    /// another context of its CPU; then the first CPU, and there the first agent by name; grace
    /// periods and time only when nobody else can. It is greedy, not the global minimum of context
    /// switches, and depends on nothing but the order of dependent steps.
    pub fn canonical(&self, trace: &Trace) -> Vec<usize> {
        let mut missing: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut after = vec![Vec::new(); missing.len()];
        for (at, before) in self.before.iter().enumerate() {
            before.iter().for_each(|&b| after[b].push(at));
        }
        let mut ready: Vec<usize> = (0..missing.len()).filter(|&s| missing[s] == 0).collect();
        let mut order = Vec::with_capacity(missing.len());
        let mut last: Option<&Step> = None;
        while let Some(pick) = (0..ready.len()).min_by_key(|&i| rank(trace, last, ready[i])) {
            let at = ready.swap_remove(pick);
            order.push(at);
            last = Some(&trace.steps[at]);
            for &next in &after[at] {
                missing[next] -= 1;
                if missing[next] == 0 {
                    ready.push(next);
                }
            }
        }
        order
    }
}

/// Lower goes first. No two ready steps are of the same agent, so it is a total order.
fn rank<'t>(trace: &'t Trace, last: Option<&Step>, at: usize) -> (bool, bool, bool, u16, &'t str) {
    let step = &trace.steps[at];
    let agent = trace.agent(step);
    let other_agent = last.is_none_or(|l| l.agent != step.agent);
    let other_cpu = last.is_none_or(|l| l.cpu != step.cpu);
    let beside = !agent.is_on_cpu();
    (beside, other_agent, other_cpu, step.cpu, &agent.name)
}

impl Trace {
    /// The same run in the canonical order of [`Order::canonical`], agents in order of their names,
    /// without times. Equivalent schedules have equal normal forms.
    #[must_use]
    pub fn normal_form(&self) -> Trace {
        let mut names: Vec<usize> = (0..self.agents.len()).collect();
        names.retain(|&a| self.steps.iter().chain(&self.blocked).any(|s| s.agent == a));
        names.sort_by_key(|&a| (&self.agents[a].name, self.agents[a].kind));
        let mut number = vec![0; self.agents.len()];
        names.iter().enumerate().for_each(|(new, &old)| number[old] = new);
        let renumbered = |step: &Step| Step { agent: number[step.agent], time: 0, ..step.clone() };
        let order = Order::of(self).canonical(self);
        let mut blocked: Vec<Step> = self.blocked.iter().map(renumbered).collect();
        blocked.sort_by_key(|step| step.agent);
        Trace {
            cpus: self.cpus,
            agents: names.iter().map(|&a| self.agents[a].clone()).collect(),
            steps: order.into_iter().map(|at| renumbered(&self.steps[at])).collect(),
            blocked,
        }
    }
}
