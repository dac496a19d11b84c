//! Which steps of a run belong into the diagram of a finding.

use crate::base::finding::{Finding, Kind};
use crate::base::footprint::Mode;
use crate::trace::order::Order;
use crate::trace::record::Outcome;
use crate::trace::{Step, Touch, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// More steps than this before a final state that is wrong are thinned out to those that change
/// something.
const MANY: usize = 24;

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
    let past = match is_final(finding) {
        true => vec![true; trace.steps.len()],
        false => order.past(&marks),
    };
    let mut sequence: Vec<usize> =
        order.canonical(trace).into_iter().filter(|&s| past[s] && s != culprit).collect();
    sequence.push(culprit);
    let topic = Topic::new(finding, trace, &marks, &past);
    let words = topic.words(culprit);
    let tells =
        |step: &Step| step.touches.iter().any(|t| is_access(t) && words.contains(&*t.object));
    let mut keep: Vec<bool> =
        (0..trace.steps.len()).map(|at| topic.takes(at) && tells(&trace.steps[at])).collect();
    if is_final(finding) && keep.iter().filter(|&&k| k).count() > MANY {
        let changes = |step: &Step| step.touches.iter().any(|t| t.memory && t.mode == Mode::Write);
        keep.iter_mut().zip(&trace.steps).for_each(|(keep, step)| *keep &= changes(step));
    }
    marks.iter().for_each(|&m| keep[m] = true);
    add_invocations(trace, &mut keep);
    add_beginnings(trace, &mut keep);
    let matter = |lock: &str| topic.is_about_locks() || shared(trace, &keep, lock);
    let locks: BTreeSet<&str> = locks(trace).into_iter().filter(|l| matter(l)).collect();
    add_regions(trace, &locks, &mut keep);
    sequence.retain(|&at| keep[at]);
    sequence
}

/// Is only the state at the end wrong, and no step?
pub(super) fn is_final(finding: &Finding) -> bool {
    finding.parties.iter().all(|p| p.event.is_none())
}

/// Is somebody blocked for ever on a word, and not on a lock?
pub(super) fn waits_for_word(finding: &Finding, trace: &Trace) -> bool {
    let object = finding.object.as_str();
    finding.kind == Kind::Deadlock && object != "NULL" && !locks(trace).contains(object)
}

/// Is it the access to a word, and not the taking or release of a lock?
fn is_access(touch: &Touch) -> bool {
    touch.memory && matches!(touch.mode, Mode::Read | Mode::Write)
}

/// What a diagram is about.
struct Topic<'t> {
    finding: &'t Finding,
    trace: &'t Trace,
    marks: &'t [usize],
    past: &'t [bool],
    /// Those who are named, and those who have changed the object; all, where nobody is to blame.
    agents: BTreeSet<usize>,
}

impl<'t> Topic<'t> {
    fn new(
        finding: &'t Finding,
        trace: &'t Trace,
        marks: &'t [usize],
        past: &'t [bool],
    ) -> Topic<'t> {
        let about = |t: &Touch| t.mode == Mode::Write && is_part(&t.object, &finding.object);
        let all =
            matches!(finding.kind, Kind::Assertion | Kind::Stall) || waits_for_word(finding, trace);
        let steps = trace.steps.iter().enumerate();
        let named =
            steps.filter(|(at, s)| all || marks.contains(at) || s.touches.iter().any(about));
        let agents = named.map(|(_, s)| s.agent).collect();
        Topic { finding, trace, marks, past, agents }
    }

    /// Is this step of those that the finding is about, and before it?
    fn takes(&self, at: usize) -> bool {
        self.past[at] && self.agents.contains(&self.trace.steps[at].agent)
    }

    /// Does each region matter that somebody named was in?
    fn is_about_locks(&self) -> bool {
        matches!(
            self.finding.kind,
            Kind::Deadlock
                | Kind::LockInversion
                | Kind::InconsistentLockState
                | Kind::SleepInAtomic
                | Kind::SuspiciousRcu
        )
    }

    /// The words whose reads and writes tell how it came to this.
    fn words(&self, culprit: usize) -> BTreeSet<&'t str> {
        let object = self.finding.object.as_str();
        match self.finding.kind {
            // What should have come, and what kept whoever owes it from doing it.
            Kind::Deadlock if waits_for_word(self.finding, self.trace) => {
                let mut words =
                    self.contended(&self.touched(|_| true).into_iter().map(root).collect(), &[]);
                words.extend(self.touched(|t| is_part(&t.object, object)));
                words
            }
            // Who is named, in which region and how called, is all.
            Kind::Deadlock
            | Kind::LockInversion
            | Kind::InconsistentLockState
            | Kind::SleepInAtomic
            | Kind::SuspiciousRcu
            | Kind::DoubleCallRcu => BTreeSet::new(),
            Kind::Refcount | Kind::DataRace | Kind::ImpossibleState => {
                self.touched(|t| is_part(&t.object, object))
            }
            Kind::UseAfterFree
            | Kind::DoubleFree
            | Kind::ListCorruption
            | Kind::OverlayConflict
            | Kind::WriteBeforeGracePeriod
            | Kind::BadPageState
            | Kind::Leak => {
                let marks = self.marks.iter().flat_map(|&m| &self.trace.steps[m].touches);
                let mut roots: BTreeSet<&str> =
                    marks.filter(|t| t.memory).map(|t| root(&t.object)).collect();
                roots.insert(root(object));
                let mut words = self.contended(&roots, self.marks);
                words.extend(self.counters(root(object)));
                match self.finding.kind {
                    Kind::UseAfterFree => words.extend(self.source(culprit)),
                    _ => words.extend(self.touched(|t| is_part(&t.object, object))),
                }
                words
            }
            Kind::Assertion | Kind::Stall if is_final(self.finding) => {
                let roots = self.touched(|_| true).into_iter().map(root).collect();
                self.contended(&roots, self.marks)
            }
            // What the same function has looked at before.
            Kind::Assertion | Kind::Stall => {
                let last = &self.trace.steps[culprit];
                let same = |s: &&Step| s.agent == last.agent && s.stack == last.stack;
                let mine = self.trace.steps[..culprit].iter().filter(same);
                let touches = mine.flat_map(|s| &s.touches).filter(|t| is_access(t));
                touches.map(|t| t.object.as_str()).collect()
            }
        }
    }

    fn touched(&self, which: impl Fn(&Touch) -> bool) -> BTreeSet<&'t str> {
        let touches = self.trace.steps.iter().flat_map(|s| &s.touches);
        touches.filter(|t| is_access(t) && which(t)).map(|t| t.object.as_str()).collect()
    }

    /// The words of these objects by which several agents have influenced each other: more than
    /// one has accessed them, these steps apart, and somebody has changed them.
    fn contended(&self, roots: &BTreeSet<&str>, apart: &[usize]) -> BTreeSet<&'t str> {
        let mut words: BTreeMap<&str, (BTreeSet<usize>, bool)> = BTreeMap::new();
        for (at, step) in self.trace.steps.iter().enumerate() {
            if apart.contains(&at) || !self.takes(at) {
                continue;
            }
            for touch in step.touches.iter().filter(|t| is_access(t)) {
                if roots.contains(root(&touch.object)) {
                    let (agents, changed) = words.entry(&touch.object).or_default();
                    agents.insert(step.agent);
                    *changed |= touch.mode == Mode::Write;
                }
            }
        }
        let several =
            words.into_iter().filter(|(_, (agents, changed))| *changed && agents.len() > 1);
        several.map(|(word, _)| word).collect()
    }

    /// Where the one who noticed has found the object: the word that it was read from last.
    fn source(&self, culprit: usize) -> Vec<&'t str> {
        let steps = &self.trace.steps[..culprit];
        let mine = steps.iter().rev().filter(|s| s.agent == self.trace.steps[culprit].agent);
        let object = root(&self.finding.object);
        let finds = |s: &&Step| {
            let reads = s.touches.iter().all(|t| t.mode == Mode::Read);
            reads && matches!(&s.outcome, Outcome::Reply(reply) if root(reply) == object)
        };
        let touches = mine.filter(finds).take(1).flat_map(|s| &s.touches).filter(|t| is_access(t));
        touches.map(|t| t.object.as_str()).collect()
    }

    /// The reference counts of an object.
    fn counters(&self, whole: &str) -> BTreeSet<&'t str> {
        let puts = |s: &&Step| s.op.ends_with("dec_and_test") || s.op.starts_with("refcount_");
        let touches = self.trace.steps.iter().filter(puts).flat_map(|s| &s.touches);
        let counters = touches.filter(|t| t.memory && root(&t.object) == whole);
        counters.map(|t| t.object.as_str()).collect()
    }
}

/// Is `part` the object, or a field of it?
fn is_part(part: &str, object: &str) -> bool {
    part.strip_prefix(object).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How a callback came to run: who called it, who had handed it over, and the grace period that it
/// waited for.
fn add_invocations(trace: &Trace, keep: &mut [bool]) {
    let mut current: Vec<Option<usize>> = vec![None; trace.agents.len()];
    let mut last: Vec<Option<usize>> = vec![None; trace.agents.len()];
    for at in 0..trace.steps.len() {
        let step = &trace.steps[at];
        if INVOCATIONS.contains(&step.op.as_str()) {
            current[step.agent] = Some(at);
        }
        let before = last[step.agent].replace(at);
        if !keep[at] {
            continue;
        }
        if matches!(step.op.as_str(), "synchronize_rcu" | "rcu_barrier") {
            add_grace_period(trace, before.unwrap_or(0), at, keep);
        }
        let Some(caller) = current[step.agent] else { continue };
        keep[caller] = true;
        let Some(item) = trace.steps[caller].operands.first() else { continue };
        let gave = |&b: &usize| {
            let step = &trace.steps[b];
            CREATIONS.contains(&step.op.as_str()) && step.operands.first() == Some(item)
        };
        if let Some(creation) = (0..caller).rev().find(gave) {
            keep[creation] = true;
            if trace.steps[creation].op == "call_rcu" {
                add_grace_period(trace, creation, caller, keep);
            }
        }
    }
}

/// No end of a grace period without its beginning.
fn add_beginnings(trace: &Trace, keep: &mut [bool]) {
    let mut begin = None;
    for at in 0..trace.steps.len() {
        match trace.steps[at].op.as_str() {
            "rcu_gp_init" => begin = Some(at),
            "rcu_gp_cleanup" if keep[at] => begin.into_iter().for_each(|at| keep[at] = true),
            _ => {}
        }
    }
}

/// The grace period that lets somebody go on who has begun to wait for one.
fn add_grace_period(trace: &Trace, from: usize, to: usize, keep: &mut [bool]) {
    let last = |to: usize, op: &str| (from..to).rev().find(|&at| trace.steps[at].op == op);
    let Some(end) = last(to, "rcu_gp_cleanup") else { return };
    keep[end] = true;
    if let Some(begin) = last(end, "rcu_gp_init") {
        keep[begin] = true;
    }
}

/// All locks that were taken.
fn locks(trace: &Trace) -> BTreeSet<&str> {
    let touches = trace.steps.iter().flat_map(|s| &s.touches);
    touches.filter(|t| t.mode == Mode::Acquire).map(|t| t.object.as_str()).collect()
}

/// Have several of those who are shown taken the lock?
fn shared(trace: &Trace, keep: &[bool], lock: &str) -> bool {
    let kept = trace.steps.iter().zip(keep).filter(|(_, keep)| **keep);
    let shown: BTreeSet<usize> = kept.map(|(s, _)| s.agent).collect();
    let takes = |s: &&Step| s.touches.iter().any(|t| t.mode == Mode::Acquire && t.object == lock);
    let by: BTreeSet<usize> = trace.steps.iter().filter(takes).map(|s| s.agent).collect();
    by.intersection(&shown).count() > 1
}

/// These locks held, and what was turned off, around what is shown.
fn add_regions(trace: &Trace, locks: &BTreeSet<&str>, keep: &mut [bool]) {
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
                keep[at] |= shown;
                keep[begin] |= keep[at];
            }
            if keep[at] {
                open.iter_mut().for_each(|(.., shown)| *shown = true);
            }
            if let Some(end) = end_of(step, locks) {
                open.push((end, at, keep[at]));
            }
        }
        open.into_iter().for_each(|(_, begin, shown)| keep[begin] |= shown);
    }
}

/// What will end the region that this step begins: an operation, or the release of such a lock.
fn end_of(step: &Step, locks: &BTreeSet<&str>) -> Option<String> {
    let pair = PAIRS.iter().find(|(begin, _)| *begin == step.op);
    let lock = step.touches.iter().find(|t| t.mode == Mode::Acquire && locks.contains(&*t.object));
    pair.map(|(_, end)| (*end).to_owned()).or_else(|| lock.map(|t| t.object.clone()))
}

fn ends(step: &Step, end: &str) -> bool {
    let releases = |t: &Touch| t.mode == Mode::Release && t.object == end;
    step.op == end || step.touches.iter().any(releases)
}
