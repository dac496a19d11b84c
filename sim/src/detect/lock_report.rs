//! The words of lockdep's reports (print_usage_bug() and its relatives, v6.3). A note that ends in
//! "at:", or begins with "-> #", is followed by the stack of the next party.

use super::lock_graph::{Class, Edge, Graph, Held, Usage, exclusive, is_soft, name};
use crate::base::event::Event;
use crate::base::finding::{Alarm, Kind};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// Usage characters and wait types of a class: `{+.?.}-{2:2}`. Spinlocks are of wait type 2,
/// sleeping locks of 3.
fn marks(graph: &Graph, class: u16) -> String {
    let class = graph.class(class);
    let wait = if class.sleeps { 3 } else { 2 };
    format!("{{{}}}-{{{wait}:{wait}}}", class.chars())
}

/// A lock line: name (by its placeholder), usage characters, wait types.
fn line(graph: &Graph, held: Held, name: &str) -> String {
    format!(" ({name}){}", marks(graph, held.class))
}

fn irq_name(bit: Usage) -> &'static str {
    if is_soft(bit) { "SOFTIRQ" } else { "HARDIRQ" }
}

/// `[HC0[0]:SC1[1]:HE1:SE0]`: in a hard interrupt, in a softirq, each enabled.
fn context(event: &Event) -> String {
    let count = event.preempt;
    let (hard, soft) = (preempt::in_hardirq(count), preempt::in_serving_softirq(count));
    format!(
        "[HC{0}[{0}]:SC{1}[{2}]:HE{3}:SE{4}]",
        u8::from(hard),
        u8::from(soft),
        (count & preempt::SOFTIRQ_MASK) >> 8,
        u8::from(!event.irqs_off),
        u8::from(!preempt::bh_disabled(count))
    )
}

/// The lines that reports of two locks begin with.
fn already_holding(graph: &Graph, held: Held, next: Held) -> Vec<String> {
    vec![
        "{agent} is trying to acquire lock:".to_owned(),
        line(graph, next, "{object}"),
        String::new(),
        "but task is already holding lock:".to_owned(),
        line(graph, held, "{0}"),
    ]
}

fn scenario(head: &str, lines: &[&str]) -> Vec<String> {
    let head = [head];
    head.iter().chain(lines).chain(&[" *** DEADLOCK ***"]).map(|&s| s.to_owned()).collect()
}

const UNSAFE: &str = " Possible unsafe locking scenario:";

/// The locks that the context holds, as every report ends.
pub(super) fn show_held(graph: &Graph, event: &Event, held: &[Held], alarms: &mut [Alarm]) {
    let rcu = usize::from(event.rcu_nesting != 0);
    let count = held.len() + rcu;
    let plural = if count == 1 { "" } else { "s" };
    for alarm in alarms {
        if count == 0 {
            alarm.notes.push("no locks held by {agent}.".to_owned());
            continue;
        }
        alarm.notes.push(format!("{count} lock{plural} held by {{agent}}:"));
        for (i, &held) in held.iter().enumerate() {
            let name = format!("{{{}}}", alarm.names.len());
            alarm.notes.push(format!(" #{i}:{}", line(graph, held, &name)));
            alarm.names.push(held.lock);
        }
        if rcu != 0 {
            alarm.notes.push(format!(" #{}: (rcu_read_lock){{....}}-{{1:2}}", held.len()));
        }
    }
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
    let headline = format!(
        "WARNING: inconsistent lock state: inconsistent {{{}}} -> {{{}}} usage.",
        name(old),
        name(new)
    );
    let mut notes = vec![
        format!("{{agent}} {} takes:", context(event)),
        line(graph, held, "{object}"),
        format!("{{{}}} state was registered at:", name(old)),
    ];
    let lock = ["       CPU0", "       ----", "  lock({object});", "  <Interrupt>"];
    notes.extend(scenario(UNSAFE, &[&lock[..], &["    lock({object});"]].concat()));
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
    notes.push("which was taken at:".to_owned());
    let lines = ["       CPU0", "       ----", "  lock({0});", "  lock({object});"];
    notes.extend(scenario(UNSAFE, &lines));
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
    notes.push(String::new());
    notes.push("which lock already depends on the new lock.".to_owned());
    notes.push(String::new());
    notes.push("the existing dependency chain (in reverse order) is:".to_owned());
    let mut names = vec![held.lock];
    for (i, edge) in path.iter().enumerate().rev() {
        let marks = marks(graph, edge.to);
        notes.push(format!("-> #{} ({{{}}}){marks}:", i + 1, names.len()));
        names.push(graph.class(edge.to).lock);
    }
    let marks = marks(graph, next.class);
    notes.push(format!("-> #0 ({{object}}){marks}:"));
    // The last but one of the chain: whoever holds it asks for what this task holds.
    let parent = if path.len() > 1 { "{2}" } else { "{object}" };
    if path.len() > 1 {
        notes.push("Chain exists of:".to_owned());
        notes.push(format!("  {{object}} --> {parent} --> {{0}}"));
    }
    let [first, second] = [parent, "{0}"].map(|lock| format!("{:31}lock({lock});", ""));
    let lines = ["       CPU0                    CPU1", "       ----                    ----"];
    let lines = [&lines[..], &["  lock({0});", &first, &second, "  lock({object});"]].concat();
    notes.extend(scenario(UNSAFE, &lines));
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
    event: &Event,
    (held, next): (Held, Held),
    (safe, other): (u16, u16),
    irq: Usage,
) -> Alarm {
    let irq = irq_name(irq);
    let (held_line, next_line) = (line(graph, held, "{0}"), line(graph, next, "{object}"));
    let lock = |class: u16, name: &str| format!(" ({name}){}", marks(graph, class));
    let mut notes = vec![
        format!("{{agent}} {} is trying to acquire:", context(event)),
        next_line.clone(),
        String::new(),
        "and this task is already holding:".to_owned(),
        held_line.clone(),
        "which would create a new lock dependency:".to_owned(),
        format!("{held_line} ->{next_line}"),
        String::new(),
        format!("but this new dependency connects a {irq}-irq-safe lock:"),
        lock(safe, "{1}"),
        format!("... which became {irq}-irq-safe at:"),
        String::new(),
        format!("to a {irq}-irq-unsafe lock:"),
        lock(other, "{2}"),
        format!("... which became {irq}-irq-unsafe at:"),
    ];
    notes.extend(interrupted_scenario("{1}", "{2}"));
    let (safe, other) = (graph.class(safe), graph.class(other));
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
    let other_marks = marks(graph, other);
    let other = graph.class(other);
    let first = other.first[(other.usage & against).trailing_zeros() as usize];
    let forwards = bit < 16;
    let (safe, not) = if forwards { ("{object}", "{0}") } else { ("{0}", "{object}") };
    let irq = irq_name(bit);
    let but = match forwards {
        true => format!("but this lock took another, {irq}-unsafe lock in the past:"),
        false => format!("but this lock was taken by another, {irq}-safe lock in the past:"),
    };
    let mut notes = vec![
        "{agent} just changed the state of lock:".to_owned(),
        line(graph, held, "{object}"),
        but,
        format!(" ({{0}}){other_marks}"),
        "whose state was registered at:".to_owned(),
        String::new(),
        "and interrupts could create inverse lock ordering between them.".to_owned(),
    ];
    notes.extend(interrupted_scenario(safe, not));
    let mut others = vec![(first, "The other lock's state was registered")];
    others.extend(path.iter().map(|e| (e.event, "One taken inside the other")));
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
    let lines = lines.iter().map(String::as_str).collect::<Vec<_>>();
    scenario(" Possible interrupt unsafe locking scenario:", &lines)
}

/// A sleeping lock inside a spinlock, a reader or an interrupt.
pub(super) fn wait_context(
    graph: &Graph,
    event: &Event,
    next: Held,
    around: Option<Held>,
) -> Alarm {
    let irq = preempt::in_hardirq(event.preempt) || preempt::in_serving_softirq(event.preempt);
    let wait = if irq { 2 } else { 4 };
    Alarm {
        others: around.map(|held| (held.event, "Inside")).into_iter().collect(),
        notes: vec![
            "{agent} is trying to lock:".to_owned(),
            line(graph, next, "{object}"),
            "other info that might help us debug this:".to_owned(),
            format!("context-{{{wait}:{wait}}}"),
        ],
        ..Alarm::new(Kind::InconsistentLockState, "BUG: Invalid wait context: {object}", next.lock)
    }
}

/// The memory of a lock that its freer holds.
pub(super) fn held_lock_freed(graph: &Graph, held: Held) -> Alarm {
    Alarm {
        others: vec![(held.event, "Lock taken")],
        notes: vec![
            "{agent} is freeing memory with a lock still held there!".to_owned(),
            line(graph, held, "{object}"),
            "which was taken at:".to_owned(),
        ],
        ..Alarm::new(Kind::InconsistentLockState, "WARNING: held lock freed! {object}", held.lock)
    }
}

/// A shared lock released by one who does not hold it.
pub(super) fn bad_unlock(lock: Ptr) -> Alarm {
    Alarm {
        notes: vec![
            "{agent} is trying to release lock ({object})".to_owned(),
            "but there are no more locks to release!".to_owned(),
        ],
        ..Alarm::new(Kind::InconsistentLockState, "WARNING: bad unlock balance detected!", lock)
    }
}

/// A context has ended and holds a lock.
pub(super) fn still_held(event: &Event, held: Held) -> Alarm {
    let irq = preempt::in_hardirq(event.preempt) || preempt::in_serving_softirq(event.preempt);
    let headline = match irq {
        true => "WARNING: {agent} returned with locks held! {object}",
        false => "WARNING: {agent} still has locks held! {object}",
    };
    Alarm {
        others: vec![(held.event, "Lock taken")],
        notes: vec!["taken at:".to_owned()],
        ..Alarm::new(Kind::InconsistentLockState, headline, held.lock)
    }
}
