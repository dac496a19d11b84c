//! From a run to a trace: numbers and addresses become names.

use super::sim::Sim;
use crate::base::agent::AgentId;
use crate::base::event::{Event, Phase};
use crate::base::footprint::{Access, Mode};
use crate::base::op::{Cond, ListOp, Op, Rmw};
use crate::base::ptr::{Ptr, SLOT_WORDS};
use crate::base::types::FieldKind;
use crate::kernel::System;
use crate::machine::cpu::SOFTIRQ_NAMES;
use crate::trace::record::Outcome;
use crate::trace::{Agent, Step, Touch, Trace};
use std::collections::{BTreeMap, BTreeSet};

impl Sim {
    /// The last run as a trace.
    pub fn trace(&self) -> Trace {
        let sys = self.system();
        let ids = (0..sys.m.agents.len()).map(|i| AgentId(i as u16));
        let agents = ids.map(|id| {
            let agent = sys.m.agent(id);
            Agent { name: sys.m.name(id), cpu: agent.home, kind: agent.kind }
        });
        let mut capture = Capture {
            sys,
            births: births(sys),
            names: BTreeMap::new(),
            agents_seen: BTreeSet::new(),
            now: 0,
        };
        let agents: Vec<Agent> = agents.collect();
        let steps = (0..sys.events.len()).map(|at| capture.step(at, &agents)).collect();
        let told = |event: &Event| {
            let last = sys.events.iter().rev().find(|e| e.agent == event.agent);
            last.is_some_and(|e| e.phase == Phase::Begun)
        };
        let blocked = sys.waiting().into_iter().filter(|event| !told(event));
        let blocked = blocked.map(|event| capture.bare(event, &agents)).collect();
        Trace { cpus: sys.m.cpus.len() as u16, agents, steps, blocked }
    }
}

/// Which objects have lived in each slot, in order, each with the event from which on it did.
type Births = BTreeMap<usize, Vec<(u32, Ptr)>>;

fn births(sys: &System) -> Births {
    let mut births = Births::new();
    for (at, record) in sys.mem.records() {
        births.entry(at.index() / SLOT_WORDS).or_default().push((record.alloc.event, at));
    }
    births
}

struct Capture<'s> {
    sys: &'s System,
    births: Births,
    /// Names of words, so that each is made once.
    names: BTreeMap<u64, String>,
    /// Who has taken a step.
    agents_seen: BTreeSet<AgentId>,
    now: u64,
}

impl Capture<'_> {
    fn step(&mut self, at: usize, agents: &[Agent]) -> Step {
        let event = self.sys.events[at];
        let mut step = self.bare(event, agents);
        if matches!(event.call.op, Op::RcuInvoke | Op::TimerInvoke | Op::WorkInvoke) {
            step.operands = self.invoked(at, &event.call.op);
        }
        step.touches = self.touches(at, &event, agents);
        if matches!(event.call.op, Op::Advance) {
            self.now = event.reply;
        }
        self.now += self.sys.settings.step_cost;
        step
    }

    /// A step without what it touched.
    fn bare(&self, event: Event, agents: &[Agent]) -> Step {
        let stack = self.sys.symbols.borrow().stack(event.call.frame).map(str::to_owned).collect();
        Step {
            agent: event.agent.index(),
            cpu: event.cpu,
            stack,
            op: event.call.name.to_owned(),
            operands: self.operands(&event, agents),
            outcome: self.outcome(&event),
            phase: event.phase,
            preempt: event.preempt,
            irqs_off: event.irqs_off,
            rcu_nesting: event.rcu_nesting,
            time: self.now,
            touches: Vec::new(),
        }
    }

    fn accesses(&self, at: usize) -> &[Access] {
        let from = at.checked_sub(1).map_or(0, |i| self.sys.events[i].accesses_end as usize);
        &self.sys.accesses[from..self.sys.events[at].accesses_end as usize]
    }

    fn touches(&mut self, at: usize, event: &Event, agents: &[Agent]) -> Vec<Touch> {
        let mut accesses: Vec<Touch> = Vec::new();
        for access in self.accesses(at).to_vec() {
            accesses.push(self.touch(access, at, agents));
        }
        // A life begins with whoever started it, and before its first step.
        if self.agents_seen.insert(event.agent) {
            let object = format!("life of {}", agents[event.agent.index()].name);
            accesses.push(Touch { object, mode: Mode::Read, memory: false });
        }
        // The end of a wait depends on whatever its beginning had to do with.
        if event.phase == Phase::Finished {
            let mine = |b: &usize| self.sys.events[*b].agent == event.agent;
            if let Some(begun) = (0..at).rev().find(mine) {
                for access in self.accesses(begun).to_vec() {
                    accesses.push(self.touch(access, at, agents));
                }
            }
        }
        // An access that was refused left no mark, but it is what a finding is about.
        let refused = self.accesses(at).is_empty()
            || self.sys.findings.iter().any(|f| f.event as usize == at && f.kind.is_fatal());
        if let Some(word) = target(&event.call.op).filter(|_| refused) {
            let object = self.word(word);
            accesses.push(Touch { object, mode: Mode::Write, memory: true });
        }
        let mut touches: Vec<Touch> = Vec::with_capacity(accesses.len());
        for touch in accesses {
            if !touches.contains(&touch) {
                touches.push(touch);
            }
        }
        touches
    }

    fn touch(&mut self, access: Access, at: usize, agents: &[Agent]) -> Touch {
        let Access { object, mode } = access;
        let memory = object.word_index();
        let object = match (memory, object.life_of()) {
            (Some(index), _) => {
                self.occupant(index, at).map_or_else(String::new, |word| self.word(word))
            }
            (None, Some(agent)) => format!("life of {}", agents[agent.index()].name),
            (None, None) => object.machine_name().unwrap_or_default(),
        };
        Touch { object, mode, memory: memory.is_some() }
    }

    /// A word of memory by name.
    fn word(&mut self, at: Ptr) -> String {
        let sys = self.sys;
        self.names.entry(at.0).or_insert_with(|| sys.describe(at, Some(FieldKind::Word))).clone()
    }

    /// A value for people: an object, a field, a function, or a number.
    fn value(&self, value: u64) -> String {
        let at = Ptr(value);
        match value as i64 {
            _ if at.is_kernel() && self.sys.mem.record(at).is_some_and(|r| r.base == at.addr()) => {
                self.sys.describe_object(at)
            }
            _ if at.is_kernel()
                && (at.text_index().is_some() || self.sys.mem.record(at).is_some()) =>
            {
                self.sys.describe(at, None)
            }
            small @ -4096..10_000 => small.to_string(),
            _ => format!("{value:#x}"),
        }
    }

    fn operands(&self, event: &Event, agents: &[Agent]) -> Vec<String> {
        let sys = self.sys;
        let name = |at: Ptr| sys.describe(at, None);
        let node = |at: Ptr| sys.describe(at, Some(FieldKind::List));
        match event.call.op {
            Op::Read { at, .. } | Op::Refcount { at, .. } => vec![name(at)],
            Op::Lock { at, .. } | Op::Unlock { at, .. } => vec![name(at)],
            Op::Write { at, value, .. } => vec![name(at), self.value(value)],
            Op::Rmw { at, f, a, b } => match f {
                Rmw::CmpXchg => vec![name(at), self.value(a), self.value(b)],
                Rmw::Xchg | Rmw::Xor | Rmw::Or | Rmw::AndNot => vec![name(at), self.value(a)],
                Rmw::Add if a != 1 && a != u64::MAX => vec![name(at), self.value(a)],
                Rmw::Add | Rmw::AddUnless => vec![name(at)],
            },
            Op::List { f, node: n, head } => match f {
                ListOp::Add | ListOp::AddTail | ListOp::AddRcu | ListOp::AddTailRcu => {
                    vec![node(n), node(head)]
                }
                _ => vec![node(n)],
            },
            Op::CallRcu { head, func } => {
                vec![sys.describe(head, Some(FieldKind::Rcu)), name(func)]
            }
            Op::RcuRetire { at, .. } => vec![name(at)],
            Op::Alloc { ty, .. } => vec![ty.name.to_owned()],
            Op::Free { at } => vec![sys.describe_object(at)],
            Op::Await { at, cond, value, .. } => {
                let sign = if cond == Cond::Eq { "==" } else { "!=" };
                vec![format!("{} {sign} {}", name(at), self.value(value))]
            }
            Op::Sleep(ns) => vec![duration(ns)],
            Op::Spawn { func, .. } | Op::SmpCall { func, .. } => vec![name(func)],
            Op::Join(task) => vec![agents[task.index()].name.clone()],
            Op::QueueWork { work, func } => {
                vec![sys.describe(work, Some(FieldKind::Work)), name(func)]
            }
            Op::FlushWork { work } | Op::CancelWork { work } => {
                vec![sys.describe(work, Some(FieldKind::Work))]
            }
            Op::ModTimer { timer, func, delay } => {
                vec![sys.describe(timer, Some(FieldKind::Timer)), name(func), duration(delay)]
            }
            Op::DelTimer { timer, .. } => vec![sys.describe(timer, Some(FieldKind::Timer))],
            Op::RaiseSoftirq(vector) => {
                let name = SOFTIRQ_NAMES[usize::from(vector)].trim_start_matches("softirq:");
                vec![format!("{}_SOFTIRQ", name.to_uppercase())]
            }
            Op::Check { what, .. } => vec![what.to_owned()],
            Op::Choose(n) => vec![n.to_string()],
            _ => Vec::new(),
        }
    }

    /// The `rcu_head`, timer or work item whose function this step calls: the first memory that it
    /// touches.
    fn invoked(&self, at: usize, op: &Op) -> Vec<String> {
        let Some(index) = self.accesses(at).iter().find_map(|a| a.object.word_index()) else {
            return Vec::new();
        };
        // Of an `rcu_head` it is the second word.
        let (kind, word) = match op {
            Op::RcuInvoke => (FieldKind::Rcu, 1),
            Op::TimerInvoke => (FieldKind::Timer, 0),
            _ => (FieldKind::Work, 0),
        };
        let word = self.occupant(index - word, at);
        word.map(|item| self.sys.describe(item, Some(kind))).into_iter().collect()
    }

    /// The pointer to this word of the object that lived there then.
    fn occupant(&self, index: usize, at: usize) -> Option<Ptr> {
        let all = self.births.get(&(index / SLOT_WORDS))?;
        let (_, base) = all.iter().rev().find(|(born, _)| *born as usize <= at)?;
        Some(base.word(index % SLOT_WORDS))
    }

    fn outcome(&self, event: &Event) -> Outcome {
        let reply = event.reply;
        let truth = || Outcome::Reply((reply != 0).to_string());
        if event.phase == Phase::Begun {
            return Outcome::None;
        }
        match event.call.op {
            Op::Read { .. } | Op::Choose(_) => Outcome::Reply(self.value(reply)),
            Op::List { f: ListOp::First, .. } => Outcome::Reply(self.value(reply)),
            Op::List { f: ListOp::Empty | ListOp::Singular, .. } => truth(),
            Op::Rmw { f, a, b, .. } => match f.apply(reply, a, b) {
                Some(new) => Outcome::Change(self.value(reply), self.value(new)),
                None => Outcome::Reply(self.value(reply)),
            },
            Op::Refcount { .. }
                if event.call.name.contains("test") || event.call.name.contains("not_zero") =>
            {
                truth()
            }
            Op::Lock { attempt: true, .. } => truth(),
            Op::QueueWork { .. } | Op::CancelWork { .. } => truth(),
            Op::ModTimer { .. } | Op::DelTimer { .. } => truth(),
            Op::Alloc { .. } if reply == 0 => Outcome::Reply("NULL".to_owned()),
            Op::Alloc { .. } => Outcome::Reply(self.sys.describe_object(Ptr(reply))),
            Op::Await { .. } => Outcome::None,
            Op::Check { .. } => truth(),
            _ => Outcome::None,
        }
    }
}

/// The word that an operation is about.
fn target(op: &Op) -> Option<Ptr> {
    match *op {
        Op::Read { at, .. } | Op::Write { at, .. } | Op::Rmw { at, .. } => Some(at),
        Op::Refcount { at, .. } | Op::Lock { at, .. } | Op::Unlock { at, .. } => Some(at),
        Op::Free { at } | Op::Await { at, .. } => Some(at),
        Op::List { node, .. } => Some(node),
        Op::CallRcu { head, .. } => Some(head),
        Op::QueueWork { work, .. } | Op::FlushWork { work } | Op::CancelWork { work } => Some(work),
        Op::ModTimer { timer, .. } | Op::DelTimer { timer, .. } => Some(timer),
        _ => None,
    }
}

/// Virtual time with the largest unit that divides it.
fn duration(ns: u64) -> String {
    match ns {
        0 => "0".to_owned(),
        n if n % 1_000_000_000 == 0 => format!("{} s", n / 1_000_000_000),
        n if n % 1_000_000 == 0 => format!("{} ms", n / 1_000_000),
        n if n % 1000 == 0 => format!("{} us", n / 1000),
        n => format!("{n} ns"),
    }
}
