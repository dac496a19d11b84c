//! Stacks in reports: of whoever noticed, and of the other parties.

use super::meaning::who;
use super::relevant::INVOCATIONS;
use crate::base::agent::AgentKind;
use crate::base::finding::Party;
use crate::base::footprint::Mode;
use crate::trace::{Step, Trace};

/// `CPU: 0 Comm: exit`, and the stack of whoever noticed, with that of the task below.
pub(super) fn call_trace(party: &Party, trace: &Trace) -> String {
    let Some(at) = step_of(party, trace) else {
        return format!("Call Trace:\n{}", indented(&frames(party, trace)));
    };
    let step = &trace.steps[at];
    let agent = trace.agent(step);
    let mut out = format!("CPU: {} Comm: {}\nCall Trace:\n", step.cpu, comm(trace, at));
    let own = indented(&frames(party, trace));
    if agent.kind == AgentKind::Task {
        return out + &format!(" <TASK>\n{own} </TASK>\n");
    }
    out.push_str(&format!(" <IRQ>\n{own} </IRQ>\n"));
    if let Some(below) = interrupted(trace, at).filter(|below| !below.stack.is_empty()) {
        out.push_str(&format!(" <TASK>\n{} </TASK>\n", indented(&below.stack)));
    }
    out
}

/// `Freed by exit on cpu1:` with the stack.
pub(super) fn stack_of(party: &Party, trace: &Trace) -> String {
    let what = party.what.trim_end_matches(':');
    let frames = frames(party, trace);
    if party.event.is_none() {
        return format!("{what} by {}\n", who(party));
    }
    format!("{what} by {}:\n{}", actor(party, trace), indented(&frames))
}

/// `task exit on cpu1`, `softirq:rcu on cpu0`.
fn actor(party: &Party, trace: &Trace) -> String {
    match step_of(party, trace).map(|at| trace.agent(&trace.steps[at]).kind) {
        Some(AgentKind::Task) => format!("task {}", who(party)),
        _ => who(party),
    }
}

/// Whose stack it is, in the kernel's eyes: the task, or the one that an interrupt borrows.
pub(super) fn by_task(party: &Party, trace: &Trace) -> String {
    match step_of(party, trace) {
        Some(at) if trace.agent(&trace.steps[at]).kind != AgentKind::Task => {
            format!("task {} ({})", comm(trace, at), who(party))
        }
        _ => actor(party, trace),
    }
}

/// Name of the task that a step's CPU runs.
fn comm(trace: &Trace, at: usize) -> &str {
    let agent = trace.agent(&trace.steps[at]);
    let task = match agent.kind {
        AgentKind::Task => Some(agent),
        _ => interrupted(trace, at).map(|step| trace.agent(step)),
    };
    task.map_or("swapper", |task| task.role())
}

/// CPU of the step that a party took.
pub(super) fn cpu_of(party: &Party, trace: &Trace) -> Option<u16> {
    step_of(party, trace).map(|at| trace.steps[at].cpu)
}

/// Operation and functions, innermost first, down to what called the outermost.
pub(super) fn frames(party: &Party, trace: &Trace) -> Vec<String> {
    let mut frames = vec![party.op.clone()];
    frames.extend(party.stack.iter().cloned());
    frames.extend(step_of(party, trace).and_then(|at| caller(trace, at)));
    frames
}

/// What called the function that this step stands in: `rcu_do_batch`.
fn caller(trace: &Trace, at: usize) -> Option<String> {
    let agent = trace.steps[at].agent;
    let mine = trace.steps[..at].iter().rev().filter(|s| s.agent == agent);
    let mut calls = mine.filter(|s| INVOCATIONS.contains(&s.op.as_str()) && s.op != "irq_enter");
    calls.next().map(|step| step.op.clone()).filter(|op| *op != trace.steps[at].op)
}

fn step_of(party: &Party, trace: &Trace) -> Option<usize> {
    let last = trace.steps.len().checked_sub(1)?;
    let at = (party.event? as usize).min(last);
    (trace.agent(&trace.steps[at]).name == party.agent).then_some(at)
}

/// The last step of the task below this one on its CPU, unless the task had ended or slept.
fn interrupted(trace: &Trace, at: usize) -> Option<&Step> {
    let step = &trace.steps[at];
    let on_cpu = |s: &&Step| s.cpu == step.cpu && trace.agent(s).kind == AgentKind::Task;
    let below = trace.steps[..at].iter().rev().find(on_cpu)?;
    let ended = format!("life of {}", trace.agent(below).name);
    let gone = below.touches.iter().any(|t| t.object == ended && t.mode == Mode::Write);
    (!gone && step.level() > 0).then_some(below)
}

pub(super) fn indented(frames: &[String]) -> String {
    frames.iter().map(|frame| format!(" {frame}\n")).collect()
}
