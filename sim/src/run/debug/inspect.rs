//! The state as text: contexts, locks, lists, callbacks and grace periods.

use super::Debugger;
use super::memory::show;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::preempt;
use crate::base::ptr::Ptr;
use crate::base::types::{FieldDesc, FieldKind, TypeDesc};
use crate::kernel::memory::{Life, role};
use crate::kernel::{System, lock};
use crate::machine::agent::State;

impl Debugger<'_> {
    /// The state at this position: everything (no name), or `cpus`, `contexts`, `locks`, `objects`
    /// or `rcu`.
    ///
    /// # Errors
    /// When `what` is none of these.
    pub fn state(&self, what: &str) -> Result<String, String> {
        let sys = self.system();
        let mut out = String::new();
        match what {
            "" => {
                cpus(sys, &mut out);
                contexts(sys, &mut out);
                objects(sys, false, &mut out);
                rcu(sys, &mut out);
            }
            "cpus" => cpus(sys, &mut out),
            "contexts" => contexts(sys, &mut out),
            "locks" => objects(sys, true, &mut out),
            "objects" => objects(sys, false, &mut out),
            "rcu" => rcu(sys, &mut out),
            _ => {
                return Err(format!(
                    "the state has cpus, contexts, locks, objects and rcu; print {what} shows an \
                     object"
                ));
            }
        }
        if out.is_empty() {
            out = format!("no {what}\n");
        }
        Ok(out)
    }

    /// Why a context cannot go on, or what it is about to do; without a name, of all that cannot.
    ///
    /// # Errors
    /// When no context is called so.
    pub fn why_blocked(&self, name: &str) -> Result<String, String> {
        let sys = self.system();
        let ids = (0..sys.m.agents.len()).map(|i| AgentId(i as u16));
        if name.is_empty() {
            let stuck = |&id: &AgentId| {
                let agent = sys.m.agent(id);
                agent.kind < AgentKind::Irq && agent.is_live() && !sys.m.enabled.contains(id)
            };
            let lines: String = ids.filter(stuck).map(|id| reason(sys, id)).collect();
            return Ok(if lines.is_empty() { "nobody waits\n".to_owned() } else { lines });
        }
        match ids.clone().find(|&id| sys.m.name(id) == name) {
            Some(id) => Ok(reason(sys, id)),
            None => {
                let all: Vec<String> = ids.map(|id| sys.m.name(id)).collect();
                Err(format!("no context is called {name:?}; there is {}", all.join(", ")))
            }
        }
    }
}

/// One line: who, and what keeps it or comes next.
fn reason(sys: &System, id: AgentId) -> String {
    let (name, agent) = (sys.m.name(id), sys.m.agent(id));
    let op = agent.pending.name;
    let why = match agent.state {
        State::Dead => "has ended".to_owned(),
        State::Idle => "is not active".to_owned(),
        _ if sys.m.enabled.contains(id) => format!("can go on: next is {op}"),
        _ => match (sys.waits_for(id), sys.waits_behind(id)) {
            (Some((_, why)), _) => why,
            (None, Some(other)) => format!("waits for its CPU, which {} has", sys.m.name(other)),
            (None, None) => format!("waits in {op}"),
        },
    };
    format!("{name} {why}\n")
}

fn cpus(sys: &System, out: &mut String) {
    for (n, cpu) in sys.m.cpus.iter().enumerate() {
        let who = |id: Option<AgentId>| id.map_or("idle".to_owned(), |id| sys.m.name(id));
        let stack: Vec<String> = cpu.stack.iter().map(|&id| sys.m.name(id)).collect();
        let mut line = format!("cpu{n}: {}", who(cpu.current));
        for above in stack {
            line.push_str(&format!(" > {above}"));
        }
        line.push_str(&format!("   preempt_count {:#x}", cpu.preempt));
        if preempt::bh_disabled(cpu.preempt) {
            line.push_str(", softirqs off");
        }
        if cpu.irqs_off {
            line.push_str(", interrupts off");
        }
        if cpu.softirq_pending != 0 {
            line.push_str(&format!(", softirqs pending {:#x}", cpu.softirq_pending));
        }
        out.push_str(&line);
        out.push('\n');
    }
}

fn contexts(sys: &System, out: &mut String) {
    for (n, agent) in sys.m.agents.iter().enumerate() {
        let id = AgentId(n as u16);
        if agent.kind > AgentKind::Irq || !agent.is_live() {
            continue;
        }
        let func = sys.symbols.borrow().func(agent.pending.frame);
        let able = match (sys.m.enabled.contains(id), agent.begun) {
            (true, _) => "can go on",
            (false, true) => "waits",
            (false, false) => "cannot go on",
        };
        let place = if func.is_empty() { String::new() } else { format!("{func}: ") };
        let nesting = match agent.rcu_nesting {
            0 => String::new(),
            n => format!(", rcu_read_lock nesting {n}"),
        };
        let name = sys.m.name(id);
        out.push_str(&format!("{name}: next {place}{} ({able}{nesting})\n", agent.pending.name));
    }
}

/// Locks with their owners, lists drawn, other words that are not zero; or only the locks.
fn objects(sys: &System, locks: bool, out: &mut String) {
    for (at, record) in sys.mem.records() {
        let Some(desc) = sys.mem.desc(at) else { continue };
        let mut lines = String::new();
        if record.life == Life::Live {
            fields(sys, at, desc, locks, &mut lines);
        }
        if !locks {
            let state = if record.life == Life::Live { "" } else { "   (freed)" };
            out.push_str(&format!("{}{state}\n", sys.describe_object(at)));
        }
        out.push_str(&lines);
    }
}

fn fields(sys: &System, at: Ptr, desc: &TypeDesc, locks: bool, out: &mut String) {
    let is_lock = |kind| matches!(kind, FieldKind::SpinLock | FieldKind::Mutex | FieldKind::RwSem);
    let indent = if locks { "" } else { "    " };
    if desc.fields.is_empty() {
        let value = sys.mem.load(at.index());
        if !locks {
            out.push_str(&format!("    = {}\n", show(sys, at, value)));
        } else if desc.name.contains("lock") || desc.name.contains("mutex") {
            let text = lock_text(sys, value).unwrap_or_else(|| "free".to_owned());
            out.push_str(&format!("{} {text}\n", sys.describe_object(at)));
        }
    }
    for field in in_use(sys, at, desc) {
        if let (Some(sub), FieldKind::Struct) = (field.sub, field.kind) {
            fields(sys, at.word(field.at), sub, locks, out);
            continue;
        }
        if locks && !is_lock(field.kind) {
            continue;
        }
        if let Some(text) = field_text(sys, at.word(field.at), field) {
            let name = sys.describe(at.word(field.at), Some(field.kind));
            let name = name.strip_suffix("[0]").unwrap_or(&name);
            out.push_str(&format!("{indent}{name} {text}\n"));
        }
    }
}

/// The fields; of overlaid ones only the one that the words are in use as, or the first.
fn in_use(sys: &System, at: Ptr, desc: &TypeDesc) -> Vec<&'static FieldDesc> {
    let mut shown: Vec<&FieldDesc> = Vec::new();
    for field in desc.fields {
        match shown.last_mut() {
            Some(last) if field.at < last.at + last.words => {
                let queued = sys.mem.role(at.word(field.at).index()) & role::QUEUED != 0;
                if queued && field.kind == FieldKind::Rcu {
                    *last = field;
                }
            }
            _ => shown.push(field),
        }
    }
    shown
}

fn lock_text(sys: &System, value: u64) -> Option<String> {
    let owner = lock::owner(value).filter(|id| id.index() < sys.m.agents.len());
    (value != 0).then(|| match (owner, lock::readers(value)) {
        (Some(id), _) => format!("held by {}", sys.m.name(id)),
        (None, 0) => format!("{value:#x}"),
        (None, n) => format!("held by {n} reader{}", if n == 1 { "" } else { "s" }),
    })
}

fn field_text(sys: &System, at: Ptr, field: &FieldDesc) -> Option<String> {
    let value = sys.mem.load(at.index());
    match field.kind {
        FieldKind::SpinLock | FieldKind::Mutex | FieldKind::RwSem | FieldKind::RwLock => {
            lock_text(sys, value)
        }
        FieldKind::List => list_text(sys, at),
        FieldKind::Array => {
            let words = (0..field.words).map(|w| sys.mem.load(at.word(w).index()));
            let words: Vec<String> = words.map(|w| show(sys, at, w)).collect();
            Some(format!("= [{}]", words.join(", ")))
        }
        _ => (value != 0).then(|| format!("= {}", show(sys, at, value))),
    }
}

/// A list from this node on, as far as its links lead.
fn list_text(sys: &System, head: Ptr) -> Option<String> {
    let next = Ptr(sys.mem.load(head.index()));
    if next.is_null() {
        return None;
    }
    if next.addr() == head.addr() && next.is_kernel() {
        return Some("(empty)".to_owned());
    }
    let mut text = String::new();
    let mut at = next;
    for _ in 0..16 {
        let name = if at.is_kernel() {
            sys.describe(at, Some(FieldKind::List))
        } else {
            format!("{at:?}")
        };
        text.push_str(&format!("-> {name} "));
        let Ok(index) = sys.mem.index(at) else { break };
        if at.addr() == head.addr() {
            break;
        }
        at = Ptr(sys.mem.load(index));
    }
    Some(text.trim_end().to_owned())
}

fn rcu(sys: &System, out: &mut String) {
    let (started, completed) = (sys.rcu.started(), sys.rcu.completed());
    if started == 0 && sys.rcu.pending() == 0 {
        return;
    }
    let progress = if started > completed { ", one in progress" } else { "" };
    let plural = if completed == 1 { " has" } else { "s have" };
    out.push_str(&format!("rcu: {completed} grace period{plural} ended{progress}\n"));
    for cpu in 0..sys.m.cpus.len() as u16 {
        for cb in sys.rcu.queued(cpu) {
            let what = match cb.barrier {
                Some(waiter) => format!("rcu_barrier() of {}", sys.m.name(waiter)),
                None => sys.describe(cb.head, Some(FieldKind::Rcu)),
            };
            let ready = if cb.ticket <= completed { "ready" } else { "waits for a grace period" };
            out.push_str(&format!("    cpu{cpu}: {what} ({ready})\n"));
        }
    }
}
