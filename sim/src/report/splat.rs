//! The report of a finding, in the kernel's own form.

use super::meaning::{meaning, who};
use super::race::race;
use super::relevant::{INVOCATIONS, root};
use super::text::fill;
use crate::base::agent::AgentKind;
use crate::base::finding::{Finding, Kind, Party};
use crate::base::footprint::Mode;
use crate::trace::{Step, Trace};

/// The report of a finding: what the kernel would print, with names in place of addresses; what it
/// means; the race diagram.
///
/// ```text
/// ==================================================================
/// BUG: KASAN: slab-use-after-free in pte_free_now
/// Write of size 8 at mm.lock by softirq:rcu on cpu0
///
/// Call Trace:
///  <IRQ>
///  spin_lock_bh
///  pte_free_now
///  rcu_do_batch
///  </IRQ>
///
/// Allocated by setup
///
/// Freed by exit on cpu1:
///  kmem_cache_free
///  __mmdrop
///  mmdrop
///
/// The buggy address belongs to the object mm
///  which belongs to the cache mm_struct of size 32
/// ==================================================================
///
/// What this means: …
///
/// How it happens: …
/// ```
pub fn finding(finding: &Finding, trace: &Trace) -> String {
    let mut out = match Form::of(finding) {
        Form::Kasan => kasan(finding, trace),
        Form::Lockdep => lockdep(finding, trace),
        Form::Cut => cut_here(finding, trace),
        Form::Plain => plain(finding, trace),
    };
    out.push_str("\nWhat this means:\n\n");
    out.push_str(&fill(&meaning(finding)));
    out.push_str(
        "\nHow it happens (sequentially consistent memory: one order, seen by all CPUs):\n\n",
    );
    out.push_str(&race(finding, trace));
    out
}

/// How the kernel frames a report.
enum Form {
    /// Between lines of `=`.
    Kasan,
    /// A headline between two lines.
    Lockdep,
    /// Behind "cut here".
    Cut,
    /// Not at all.
    Plain,
}

impl Form {
    fn of(finding: &Finding) -> Form {
        match finding.kind {
            Kind::UseAfterFree | Kind::DoubleFree | Kind::DataRace => Form::Kasan,
            Kind::InconsistentLockState | Kind::LockInversion | Kind::SuspiciousRcu => {
                Form::Lockdep
            }
            Kind::ListCorruption | Kind::DoubleCallRcu | Kind::Refcount => Form::Cut,
            _ => Form::Plain,
        }
    }
}

fn kasan(finding: &Finding, trace: &Trace) -> String {
    let frame = format!("{}\n", "=".repeat(66));
    let mut out = format!("{frame}{}\n", finding.headline);
    let Some((first, others)) = finding.parties.split_first() else { return out };
    let mut notes = finding.notes.as_slice();
    match notes.split_first() {
        Some((access, rest)) if access.starts_with("Read ") || access.starts_with("Write ") => {
            out.push_str(&format!("{access} by {}\n", who(first)));
            notes = rest;
        }
        _ if finding.kind == Kind::DoubleFree => {
            out.push_str(&format!("Free of {} by {}\n", finding.object, who(first)));
        }
        _ => out.push_str(&format!("{} by {}\n", first.what, who(first))),
    }
    out.push('\n');
    out.push_str(&call_trace(first, trace));
    // As the kernel does: how it began comes before how it ended.
    let mut others: Vec<&Party> = others.iter().collect();
    others.sort_by_key(|p| !p.what.starts_with("Allocated"));
    for party in &others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    if !others.is_empty() && finding.kind != Kind::DataRace {
        out.push_str(&format!(
            "\nThe buggy address belongs to the object {}\n",
            root(&finding.object)
        ));
    }
    notes.iter().for_each(|note| out.push_str(&format!(" {note}\n")));
    out + &frame
}

fn lockdep(finding: &Finding, trace: &Trace) -> String {
    let (title, rest) = match finding.headline.match_indices(": ").nth(1) {
        Some((at, _)) => finding.headline.split_at(at),
        None => (finding.headline.as_str(), ""),
    };
    let width = title.chars().count();
    let mut out = format!("{}\n{title}\n{}\n", "=".repeat(width), "-".repeat(width));
    let rest = rest.trim_start_matches(": ");
    if !rest.is_empty() {
        out.push_str(&format!("{rest}\n"));
    }
    let Some((first, others)) = finding.parties.split_first() else { return out };
    let scenario = finding.notes.iter().position(|n| n.starts_with(" Possible"));
    let (notes, scenario) = finding.notes.split_at(scenario.unwrap_or(finding.notes.len()));
    notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    for party in others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    if !scenario.is_empty() {
        out.push_str("\nother info that might help us debug this:\n");
    }
    for note in scenario {
        let apart = note.starts_with(" ***") || note.starts_with("       CPU0");
        out.push_str(&format!("{}{note}\n", if apart { "\n" } else { "" }));
    }
    out.push('\n');
    out + &call_trace(first, trace)
}

fn cut_here(finding: &Finding, trace: &Trace) -> String {
    let body = plain(finding, trace);
    format!("------------[ cut here ]------------\n{body}---[ end trace ]---\n")
}

fn plain(finding: &Finding, trace: &Trace) -> String {
    let mut out = format!("{}\n", finding.headline);
    finding.notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    let Some((first, others)) = finding.parties.split_first() else { return out };
    if finding.kind == Kind::Leak {
        out.push_str(&stack_of(first, trace));
    } else if first.event.is_some() {
        out.push_str(&call_trace(first, trace));
    }
    for party in others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    out
}

/// `CPU: 0 Comm: exit`, and the stack of whoever noticed, with that of the task below.
fn call_trace(party: &Party, trace: &Trace) -> String {
    let Some(at) = step_of(party, trace) else {
        return format!("Call Trace:\n{}", indented(&frames(party, trace)));
    };
    let step = &trace.steps[at];
    let agent = trace.agent(step);
    let interrupted = interrupted(trace, at);
    let task = match agent.kind {
        AgentKind::Task => Some(agent),
        _ => interrupted.map(|step| trace.agent(step)),
    };
    let comm = task.map_or("swapper", |task| task.role());
    let mut out = format!("CPU: {} Comm: {comm}\nCall Trace:\n", step.cpu);
    let own = indented(&frames(party, trace));
    if agent.kind == AgentKind::Task {
        return out + &format!(" <TASK>\n{own} </TASK>\n");
    }
    out.push_str(&format!(" <IRQ>\n{own} </IRQ>\n"));
    if let Some(below) = interrupted {
        let stack: Vec<String> = below.stack.clone();
        out.push_str(&format!(" <TASK>\n{} </TASK>\n", indented(&stack)));
    }
    out
}

/// `Freed by exit on cpu1:` with the stack.
fn stack_of(party: &Party, trace: &Trace) -> String {
    let what = party.what.trim_end_matches(':');
    let frames = frames(party, trace);
    if party.event.is_none() {
        return format!("{what} by {}\n", who(party));
    }
    format!("{what} by {}:\n{}", who(party), indented(&frames))
}

/// Operation and functions, innermost first, down to what called the outermost.
fn frames(party: &Party, trace: &Trace) -> Vec<String> {
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

fn indented(frames: &[String]) -> String {
    frames.iter().map(|frame| format!(" {frame}\n")).collect()
}
