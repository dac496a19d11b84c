//! Which steps of a run belong into the diagram of a finding.

use crate::base::finding::Finding;
use crate::base::footprint::Mode;
use crate::trace::order::Order;
use crate::trace::{Step, Trace};

/// More steps than this are thinned out to those that change the very object of the finding, or
/// counters next to it.
const MANY: usize = 20;

/// Steps that call a function which another step has handed over.
pub(super) const INVOCATIONS: [&str; 5] =
    ["rcu_do_batch", "run_timers", "process_one_work", "generic_smp_call_function", "irq_enter"];
/// Steps that hand over a function.
const CREATIONS: [&str; 5] =
    ["call_rcu", "queue_work", "mod_timer", "smp_call_function", "kthread_run"];
/// What turns something off, and what turns it on again.
const PAIRS: [(&str, &str); 5] = [
    ("rcu_read_lock", "rcu_read_unlock"),
    ("preempt_disable", "preempt_enable"),
    ("local_bh_disable", "local_bh_enable"),
    ("local_irq_disable", "local_irq_enable"),
    ("local_irq_save", "local_irq_restore"),
];

/// The steps that the finding names, the one that it was noticed at among them.
pub(super) fn marks(finding: &Finding, trace: &Trace) -> Vec<usize> {
    let Some(last) = trace.steps.len().checked_sub(1) else { return Vec::new() };
    let named = finding.parties.iter().filter_map(|p| p.event).chain([finding.event]);
    let mut marks: Vec<usize> = named.map(|e| (e as usize).min(last)).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// The allocation of a word: `mm` of `mm.context.lock`.
pub(super) fn root(object: &str) -> &str {
    object.split('.').next().unwrap_or(object)
}

/// The steps to show, in an order in which they could have happened with few switches of context.
/// What the finding was noticed at comes last.
pub(super) fn steps(finding: &Finding, trace: &Trace) -> Vec<usize> {
    let marks = marks(finding, trace);
    let Some(&culprit) = marks.iter().max() else { return Vec::new() };
    let order = Order::of(trace);
    let past = match finding.parties.iter().any(|p| p.event.is_some()) {
        true => order.past(&marks),
        false => vec![true; trace.steps.len()],
    };
    let mut sequence: Vec<usize> =
        order.canonical(trace).into_iter().filter(|&s| past[s] && s != culprit).collect();
    sequence.push(culprit);
    let topic = Topic::of(finding, trace, &marks);
    let mut keep = topic.touching(trace, &past, false);
    if finding.parties.iter().all(|p| p.event.is_none()) {
        // Only the final state is wrong: whatever has changed memory may be why.
        keep = trace.steps.iter().map(|s| s.touches.iter().any(|t| t.memory)).collect();
    }
    if keep.iter().filter(|&&k| k).count() > MANY {
        keep = topic.touching(trace, &past, true);
    }
    marks.iter().for_each(|&m| keep[m] = true);
    add_invocations(trace, &mut keep);
    add_regions(trace, &mut keep);
    fill_gaps(trace, &mut keep);
    add_grace_periods(trace, &sequence, &mut keep);
    sequence.retain(|&at| keep[at]);
    sequence
}

/// What a diagram is about: some agents and some objects.
struct Topic<'t> {
    object: &'t str,
    roots: Vec<&'t str>,
    agents: Vec<usize>,
}

impl<'t> Topic<'t> {
    fn of(finding: &'t Finding, trace: &'t Trace, marks: &[usize]) -> Topic<'t> {
        let object = finding.object.as_str();
        let mut roots = vec![root(object)];
        let touched = marks.iter().flat_map(|&m| &trace.steps[m].touches);
        roots.extend(touched.filter(|t| t.memory).map(|t| root(&t.object)));
        let mut agents: Vec<usize> = marks.iter().map(|&m| trace.steps[m].agent).collect();
        let writes = |s: &&Step| {
            s.touches.iter().any(|t| t.mode == Mode::Write && is_part(&t.object, object))
        };
        agents.extend(trace.steps.iter().filter(writes).map(|s| s.agent));
        Topic { object, roots, agents }
    }

    /// The steps of these agents that touch these objects; `strictly`: only those that change the
    /// very word, or a counter of the same object.
    fn touching(&self, trace: &Trace, past: &[bool], strictly: bool) -> Vec<bool> {
        let counts = |s: &Step| s.op.starts_with("atomic_") || s.op.starts_with("refcount_");
        let near = |s: &Step, object: &str| {
            is_part(object, self.object) || (counts(s) && root(object) == root(self.object))
        };
        let touches = |s: &Step| {
            s.touches.iter().any(|t| match strictly {
                true => t.mode != Mode::Read && near(s, &t.object),
                false => t.memory && self.roots.contains(&root(&t.object)),
            })
        };
        let steps = trace.steps.iter().zip(past);
        steps.map(|(s, &past)| past && self.agents.contains(&s.agent) && touches(s)).collect()
    }
}

/// Is `part` the object, or a field of it?
fn is_part(part: &str, object: &str) -> bool {
    part.strip_prefix(object).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How a callback came to run: who called it, and who had handed it over.
fn add_invocations(trace: &Trace, keep: &mut [bool]) {
    let mut current: Vec<Option<usize>> = vec![None; trace.agents.len()];
    for at in 0..trace.steps.len() {
        let step = &trace.steps[at];
        if INVOCATIONS.contains(&step.op.as_str()) {
            current[step.agent] = Some(at);
        }
        let Some(caller) = current[step.agent].filter(|_| keep[at]) else { continue };
        keep[caller] = true;
        let Some(item) = trace.steps[caller].operands.first() else { continue };
        let gave = |&b: &usize| {
            let step = &trace.steps[b];
            CREATIONS.contains(&step.op.as_str()) && step.operands.first() == Some(item)
        };
        if let Some(creation) = (0..caller).rev().find(gave) {
            keep[creation] = true;
        }
    }
}

/// The locks held, and what was turned off, around what is shown.
fn add_regions(trace: &Trace, keep: &mut [bool]) {
    for agent in 0..trace.agents.len() {
        // What ends the region; where it began; is anything in it shown?
        let mut open: Vec<(String, usize, bool)> = Vec::new();
        for at in 0..trace.steps.len() {
            let step = &trace.steps[at];
            if step.agent != agent {
                continue;
            }
            if let Some(i) = open.iter().rposition(|(end, ..)| ends(step, end)) {
                let (_, begin, shown) = open.remove(i);
                keep[begin] |= shown;
                keep[at] |= shown;
            }
            if keep[at] {
                open.iter_mut().for_each(|(.., shown)| *shown = true);
            }
            if let Some(end) = end_of(step) {
                open.push((end, at, keep[at]));
            }
        }
        open.into_iter().for_each(|(_, begin, shown)| keep[begin] |= shown);
    }
}

/// What will end the region that this step begins: an operation, or the release of a lock.
fn end_of(step: &Step) -> Option<String> {
    let pair = PAIRS.iter().find(|(begin, _)| *begin == step.op);
    let lock = step.touches.iter().find(|t| t.mode == Mode::Acquire);
    pair.map(|(_, end)| (*end).to_owned()).or_else(|| lock.map(|t| t.object.clone()))
}

fn ends(step: &Step, end: &str) -> bool {
    let releases = |t: &crate::trace::Touch| t.mode == Mode::Release && t.object == end;
    step.op == end || step.touches.iter().any(releases)
}

/// An ellipsis is not worth it for a line or two.
fn fill_gaps(trace: &Trace, keep: &mut [bool]) {
    for agent in 0..trace.agents.len() {
        let mine: Vec<usize> =
            (0..trace.steps.len()).filter(|&at| trace.steps[at].agent == agent).collect();
        let shown: Vec<usize> = (0..mine.len()).filter(|&i| keep[mine[i]]).collect();
        for pair in shown.windows(2).filter(|pair| pair[1] - pair[0] <= 3) {
            mine[pair[0]..pair[1]].iter().for_each(|&at| keep[at] = true);
        }
    }
}

/// Grace periods between the first and the last thing shown, where RCU plays a part.
fn add_grace_periods(trace: &Trace, sequence: &[usize], keep: &mut [bool]) {
    let waits = |at: usize| {
        keep[at]
            && matches!(
                trace.steps[at].op.as_str(),
                "rcu_do_batch" | "synchronize_rcu" | "rcu_barrier"
            )
    };
    let Some(first) = sequence.iter().position(|&at| keep[at]) else { return };
    let Some(last) = sequence.iter().rposition(|&at| waits(at)) else { return };
    for &at in sequence.get(first..last).unwrap_or_default() {
        keep[at] |=
            !trace.agent(&trace.steps[at]).is_on_cpu() && trace.steps[at].op.starts_with("rcu");
    }
}
