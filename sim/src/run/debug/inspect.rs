//! The state as text: contexts, locks, lists, callbacks and grace periods.

use super::Debugger;
use super::memory::show;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::preempt;
use crate::base::ptr::Ptr;
use crate::base::types::{FieldDesc, FieldKind, TypeDesc};
use crate::kernel::System;
use crate::kernel::memory::Life;
use crate::machine::agent::State;

impl Debugger<'_> {
    /// Everything worth seeing at this position.
    pub fn state(&self) -> String {
        let sys = self.system();
        let mut out = String::new();
        cpus(sys, &mut out);
        contexts(sys, &mut out);
        objects(sys, &mut out);
        rcu(sys, &mut out);
        out
    }

    /// Why a context cannot go on, or what it is about to do.
    ///
    /// # Errors
    /// When no context is called so.
    pub fn why_blocked(&self, name: &str) -> Result<String, String> {
        let sys = self.system();
        let ids = (0..sys.m.agents.len()).map(|i| AgentId(i as u16));
        let Some(id) = ids.clone().find(|&id| sys.m.name(id) == name) else {
            let all: Vec<String> = ids.map(|id| sys.m.name(id)).collect();
            return Err(format!("no context is called {name:?}; there is {}", all.join(", ")));
        };
        let agent = sys.m.agent(id);
        Ok(match agent.state {
            State::Dead => format!("{name} has ended"),
            State::Idle => format!("{name} is not active"),
            _ if sys.m.enabled.contains(id) => {
                format!("{name} can go on: next is {}", agent.pending.name)
            }
            _ => match sys.waits_for(id) {
                Some((_, why)) => format!("{name} {why}"),
                None => format!("{name} waits in {}", agent.pending.name),
            },
        })
    }
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

/// Locks with their owners, lists drawn, other words that are not zero.
fn objects(sys: &System, out: &mut String) {
    for (at, record) in sys.mem.records() {
        let Some(desc) = sys.mem.desc(at) else { continue };
        let state = if record.life == Life::Live { "" } else { "   (freed)" };
        out.push_str(&format!("{}{state}\n", sys.describe_object(at)));
        if record.life == Life::Live {
            fields(sys, at, desc, out);
        }
    }
}

fn fields(sys: &System, at: Ptr, desc: &TypeDesc, out: &mut String) {
    if desc.fields.is_empty() {
        let value = Ptr(sys.mem.load(at.index()));
        out.push_str(&format!("    = {}\n", show(sys, value)));
    }
    for field in desc.fields {
        if let (Some(sub), FieldKind::Struct) = (field.sub, field.kind) {
            fields(sys, at.word(field.at), sub, out);
            continue;
        }
        if let Some(text) = field_text(sys, at.word(field.at), field) {
            let name = sys.describe(at.word(field.at), Some(field.kind));
            out.push_str(&format!("    {name} {text}\n"));
        }
    }
}

fn field_text(sys: &System, at: Ptr, field: &FieldDesc) -> Option<String> {
    let value = sys.mem.load(at.index());
    match field.kind {
        FieldKind::SpinLock | FieldKind::Mutex | FieldKind::RwSem => {
            let owner = crate::kernel::lock::owner(value);
            (value != 0).then(|| match owner {
                Some(id) if id.index() < sys.m.agents.len() => {
                    format!("held by {}", sys.m.name(id))
                }
                _ => format!("{value:#x}"),
            })
        }
        FieldKind::List => list_text(sys, at),
        FieldKind::Array => {
            let words = (0..field.words).map(|w| sys.mem.load(at.word(w).index()));
            let words: Vec<String> = words.map(|w| show(sys, Ptr(w))).collect();
            Some(format!("= [{}]", words.join(", ")))
        }
        _ => (value != 0).then(|| format!("= {}", show(sys, Ptr(value)))),
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
    out.push_str(&format!("rcu: {completed} grace periods have ended{progress}\n"));
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
