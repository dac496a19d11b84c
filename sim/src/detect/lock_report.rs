//! The words of lockdep's reports (print_usage_bug() and its relatives, v6.3).

use super::lock_graph::{Class, Edge, Graph, Held, Usage, exclusive, is_soft, name};
use crate::base::event::Event;
use crate::base::finding::{Alarm, Kind};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// A lock line: name (by its placeholder), usage characters, wait types.
fn line(graph: &Graph, held: Held, name: &str) -> String {
    let wait = if held.sleeps { 3 } else { 2 };
    format!("  ({name}){{{}}}-{{{wait}:{wait}}}", graph.class(held.class).chars())
}

fn irq_name(bit: Usage) -> &'static str {
    if is_soft(bit) { "SOFTIRQ" } else { "HARDIRQ" }
}

/// The lines that every report of two locks begins with.
fn already_holding(graph: &Graph, held: Held, next: Held) -> Vec<String> {
    vec![
        "{agent} is trying to acquire lock:".to_owned(),
        line(graph, next, "{object}"),
        "but task is already holding lock:".to_owned(),
        line(graph, held, "{0}"),
    ]
}

fn scenario(lines: &[&str]) -> Vec<String> {
    let head = [" Possible unsafe locking scenario:"];
    head.iter().chain(lines).chain(&[" *** DEADLOCK ***"]).map(|&s| s.to_owned()).collect()
}

/// One class, used in an interrupt and with it enabled.
pub(super) fn inconsistent(
    graph: &Graph,
    event: &Event,
    held: Held,
    old: Usage,
    new: Usage,
) -> Alarm {
    let class = graph.class(held.class);
    let (hard, soft) =
        (preempt::in_hardirq(event.preempt), preempt::in_serving_softirq(event.preempt));
    let headline = format!(
        "WARNING: inconsistent lock state: inconsistent {{{}}} -> {{{}}} usage.",
        name(old),
        name(new)
    );
    let mut notes = vec![
        format!(
            "{{agent}} [HC{0}[{0}]:SC{1}[{1}]:HE{2}:SE{3}] takes:",
            u8::from(hard),
            u8::from(soft),
            u8::from(!event.irqs_off),
            u8::from(!preempt::bh_disabled(event.preempt))
        ),
        line(graph, held, "{object}"),
    ];
    notes.extend(scenario(&[
        "       CPU0",
        "       ----",
        "  lock({object});",
        "  <Interrupt>",
        "    lock({object});",
    ]));
    let registered = class.first[old.trailing_zeros() as usize];
    Alarm {
        others: vec![(registered, "State was registered")],
        notes,
        ..Alarm::new(Kind::InconsistentLockState, headline, held.lock)
    }
}

/// The same class twice in one context.
pub(super) fn recursion(graph: &Graph, held: Held, next: Held) -> Alarm {
    let mut notes = already_holding(graph, held, next);
    notes.extend(scenario(&["       CPU0", "       ----", "  lock({0});", "  lock({object});"]));
    notes.push(" May be due to missing lock nesting notation".to_owned());
    Alarm {
        others: vec![(held.event, "Already holding")],
        names: vec![held.lock],
        notes,
        ..Alarm::new(
            Kind::LockInversion,
            "WARNING: possible recursive locking detected: {object}",
            next.lock,
        )
    }
}

/// `held` -> `next` now, and `next` -> … -> `held` before.
pub(super) fn circle(graph: &Graph, held: Held, next: Held, path: &[Edge]) -> Alarm {
    let mut notes = already_holding(graph, held, next);
    notes.push("which lock already depends on the new lock.".to_owned());
    notes.push("the existing dependency chain (in reverse order) is:".to_owned());
    let mut names = vec![held.lock];
    for (i, edge) in path.iter().enumerate().rev() {
        names.push(graph.class(edge.to).lock);
        notes.push(format!("-> #{} ({{{}}})", i + 1, names.len() - 1));
    }
    notes.push("-> #0 ({object})".to_owned());
    notes.extend(scenario(&[
        "       CPU0                    CPU1",
        "       ----                    ----",
        "  lock({0});",
        "                               lock({object});",
        "                               lock({0});",
        "  lock({object});",
    ]));
    Alarm {
        others: path.iter().rev().map(|e| (e.event, "Depends on the new lock")).collect(),
        names,
        notes,
        ..Alarm::new(
            Kind::LockInversion,
            "WARNING: possible circular locking dependency detected: {0} -> {object}",
            next.lock,
        )
    }
}

/// A new order puts an irq-unsafe lock inside an irq-safe one.
pub(super) fn safe_to_unsafe(
    graph: &Graph,
    held: Held,
    next: Held,
    (safe, other): (u16, u16),
    irq: Usage,
) -> Alarm {
    let irq = irq_name(irq);
    let mut notes = already_holding(graph, held, next);
    notes.push(format!("{{1}} is {irq}-irq-safe, {{2}} is {irq}-irq-unsafe"));
    notes.extend(interrupted_scenario("{1}", "{2}"));
    let safe = graph.class(safe);
    let other = graph.class(other);
    let first = |class: &Class, shift: u8| {
        let mask = if irq == "SOFTIRQ" { 0b1100 } else { 0b11 } << shift;
        class.first[(class.usage & mask).trailing_zeros() as usize]
    };
    Alarm {
        others: vec![
            (first(safe, 0), "Taken in the interrupt"),
            (first(other, 4), "Taken with the interrupt enabled"),
        ],
        names: vec![held.lock, safe.lock, other.lock],
        notes,
        ..Alarm::new(
            Kind::LockInversion,
            format!("WARNING: {irq}-safe -> {irq}-unsafe lock order detected: {{0}} -> {{object}}"),
            next.lock,
        )
    }
}

/// New usage of a class contradicts that of one that it is chained with.
pub(super) fn irq_inversion(
    graph: &Graph,
    held: Held,
    other: u16,
    bit: Usage,
    path: &[Edge],
) -> Alarm {
    let against = exclusive(bit);
    let other = graph.class(other);
    let first = other.first[(other.usage & against).trailing_zeros() as usize];
    let (safe, not) = if bit < 16 { ("{object}", "{0}") } else { ("{0}", "{object}") };
    let irq = irq_name(bit);
    let mut notes = vec![
        format!("{{agent}} just changed the state of lock ({}):", name(bit)),
        line(graph, held, "{object}"),
        format!("but this lock is chained to one of the other kind: {{0}}{{{}}}", other.chars()),
    ];
    notes.extend(interrupted_scenario(safe, not));
    let mut others = vec![(first, "The other lock's state was registered")];
    others.extend(path.iter().map(|e| (e.event, "Taken inside the other lock")));
    Alarm {
        others,
        names: vec![other.lock],
        notes,
        ..Alarm::new(
            Kind::LockInversion,
            format!(
                "WARNING: possible irq lock inversion dependency detected: {irq}-safe {safe} -> \
                 {irq}-unsafe {not}"
            ),
            held.lock,
        )
    }
}

fn interrupted_scenario(safe: &str, not: &str) -> Vec<String> {
    let lines = [
        "       CPU0                    CPU1".to_owned(),
        "       ----                    ----".to_owned(),
        format!("  lock({not});"),
        "                               local_irq_disable();".to_owned(),
        format!("                               lock({safe});"),
        format!("                               lock({not});"),
        "  <Interrupt>".to_owned(),
        format!("    lock({safe});"),
    ];
    scenario(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The memory of a lock that its freer holds.
pub(super) fn held_lock_freed(graph: &Graph, held: Held) -> Alarm {
    Alarm {
        others: vec![(held.event, "Lock taken")],
        notes: vec![
            "{agent} is freeing memory with a lock still held there:".to_owned(),
            line(graph, held, "{object}"),
        ],
        ..Alarm::new(
            Kind::InconsistentLockState,
            "WARNING: held lock freed! {object} in {func}",
            held.lock,
        )
    }
}

/// A shared lock released by one who does not hold it.
pub(super) fn bad_unlock(lock: Ptr) -> Alarm {
    Alarm {
        notes: vec![
            "{agent} is trying to release lock ({object}) but it holds no such lock".into(),
        ],
        ..Alarm::new(Kind::InconsistentLockState, "WARNING: bad unlock balance detected!", lock)
    }
}

/// A context has ended and holds a lock.
pub(super) fn still_held(event: &Event, held: Held) -> Alarm {
    let headline =
        if preempt::in_hardirq(event.preempt) || preempt::in_serving_softirq(event.preempt) {
            "WARNING: {agent} returned with {object} held"
        } else {
            "WARNING: {agent} still has locks held! ({object})"
        };
    Alarm {
        others: vec![(held.event, "Lock taken")],
        ..Alarm::new(Kind::InconsistentLockState, headline, held.lock)
    }
}
