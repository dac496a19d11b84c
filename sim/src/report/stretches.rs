//! From when to when each context was on its CPU: what it interrupts goes on beneath it.

use crate::base::agent::AgentKind;
use crate::trace::Trace;

/// A context on a CPU without a break, what interrupts it included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    /// Who, as an index into [`Trace::agents`].
    pub(super) agent: usize,
    pub(super) cpu: u16,
    /// First step.
    pub(super) from: usize,
    /// Last step.
    pub(super) to: usize,
}

/// How deep a context of this kind stands: 0 task, 1 softirq, 2 interrupt.
pub(super) fn level(kind: AgentKind) -> usize {
    match kind {
        AgentKind::Task => 0,
        AgentKind::Softirq => 1,
        _ => 2,
    }
}

/// All stretches, those that are interrupted before those that interrupt them.
pub(super) fn all(trace: &Trace) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    // By CPU: the stretches that are going on, lowest first.
    let mut open: Vec<Vec<usize>> = vec![Vec::new(); usize::from(trace.cpus)];
    for (n, step) in trace.steps.iter().enumerate() {
        let agent = trace.agent(step);
        let Some(stack) = open.get_mut(usize::from(step.cpu)) else { continue };
        if !agent.is_on_cpu() || matches!(agent.kind, AgentKind::Balance | AgentKind::Ksoftirqd) {
            continue;
        }
        let at = level(agent.kind);
        let above = |s: &Stretch| {
            let other = level(trace.agents[s.agent].kind);
            other > at || (other == at && s.agent != step.agent)
        };
        while stack.last().is_some_and(|&top| above(&out[top])) {
            stack.pop();
        }
        if stack.last().is_none_or(|&top| out[top].agent != step.agent) {
            stack.push(out.len());
            out.push(Stretch { agent: step.agent, cpu: step.cpu, from: n, to: n });
        }
        stack.iter().for_each(|&i| out[i].to = n);
    }
    out
}
