//! A finished run in the form in which it is kept to be changed: who did what to which object.

use super::profile::with_accesses;
use super::strategy::View;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::event::Event;
use crate::base::footprint::{Access, Mode, Object};
use crate::base::op::{Call, Op};

/// One step.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who.
    pub agent: AgentId,
    /// Which operation of which function of which role, and whether its agent was there before: the
    /// same in every run.
    pub site: u64,
    /// Its number among the steps of its agent, from 0.
    pub ordinal: u32,
    /// The outcome of its choice, 0 if it had none.
    pub outcome: u32,
    /// Where its accesses begin.
    pub from: u32,
    /// Where they end.
    pub to: u32,
    /// The task that it started, if it did.
    pub started: Option<AgentId>,
    /// What it read or wrote, where that is known.
    pub value: Value,
    /// 1 if it began an RCU read-side section, -1 if it ended one.
    pub reader: i8,
    /// It comes after a grace period.
    pub waits_for_readers: bool,
}

/// What an operation did with the value of its word.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Nothing is known.
    Unknown,
    /// It saw this.
    Saw(u64),
    /// It wrote this, without looking.
    Wrote(u64),
    /// It saw the first and wrote the second.
    Changed(u64, u64),
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// What happened, then what agents were still waiting to do at the end.
    pub steps: Vec<Step>,
    /// What the steps touched.
    pub accesses: Vec<Access>,
    /// How many of the steps happened.
    pub happened: usize,
    /// Steps of each agent that happened, by agent.
    by_agent: Vec<Vec<u32>>,
}

impl Record {
    /// Keeps a run, or its beginning if it is longer than `limit` steps.
    pub fn new(view: &dyn View, events: &[Event], touched: &[Access], limit: usize) -> Record {
        let mut record = Record { by_agent: vec![Vec::new(); view.agents()], ..Record::default() };
        for (event, touched) in with_accesses(events, touched).take(limit) {
            let outcome = match event.call.op {
                Op::Choose(_) => event.reply as u32,
                Op::Alloc { .. } => u32::from(event.reply == 0),
                _ => 0,
            };
            let started = matches!(event.call.op, Op::Spawn { .. });
            let started = started.then_some(AgentId(event.reply as u16));
            let value = value(&event.call, event.reply);
            record.add(view, event.agent, &event.call, touched);
            let at = record.steps.len() - 1;
            let step = &mut record.steps[at];
            (step.outcome, step.started, step.value) = (outcome, started, value);
            record.by_agent[event.agent.index()].push(at as u32);
        }
        record.happened = record.steps.len();
        if record.happened == events.len() {
            record.add_waiting(view);
        }
        record
    }

    /// Adds what agents were still waiting to do.
    fn add_waiting(&mut self, view: &dyn View) {
        let mut footprint = Vec::new();
        for i in 0..view.agents() {
            let agent = AgentId(i as u16);
            if view.is_live(agent) && view.kind(agent) < AgentKind::Tick {
                view.footprint(agent, &mut footprint);
                self.add(view, agent, view.pending(agent), &footprint);
            }
        }
    }

    fn add(&mut self, view: &dyn View, agent: AgentId, call: &Call, touched: &[Access]) {
        let from = self.accesses.len() as u32;
        let own = &self.by_agent[agent.index()];
        let first = site(view.role(agent), call);
        let again = own.iter().any(|&at| self.steps[at as usize].site == first);
        let site = if again { mix(first, &[1]) } else { first };
        self.accesses.extend(touched.iter().filter(|a| matters(call.op, a.object)));
        self.steps.push(Step {
            agent,
            site,
            ordinal: self.by_agent[agent.index()].len() as u32,
            outcome: 0,
            from,
            to: self.accesses.len() as u32,
            started: None,
            value: Value::Unknown,
            reader: match call.op {
                Op::RcuReadLock => 1,
                Op::RcuReadUnlock => -1,
                _ => 0,
            },
            waits_for_readers: matches!(call.op, Op::SynchronizeRcu | Op::RcuInvoke),
        });
    }

    /// What a step touched.
    pub fn touched(&self, step: usize) -> &[Access] {
        let step = &self.steps[step];
        &self.accesses[step.from as usize..step.to as usize]
    }

    /// The `nth` step of an agent, from 0.
    pub fn nth_of(&self, agent: AgentId, nth: u32) -> Option<usize> {
        let steps = self.by_agent.get(agent.index())?;
        steps.get(nth as usize).map(|&at| at as usize)
    }

    /// How many agents there were.
    pub fn agents(&self) -> usize {
        self.by_agent.len()
    }
}

/// Does it order steps that an operation touches this object? Locks read the state of RCU whenever
/// they change the context, which grace periods wait for; that order is left out.
fn matters(op: Op, object: Object) -> bool {
    match object {
        Object::RCU => matches!(
            op,
            Op::RcuReadLock
                | Op::RcuReadUnlock
                | Op::SynchronizeRcu
                | Op::CallRcu { .. }
                | Op::RcuInvoke
                | Op::GpStart
                | Op::GpEnd
        ),
        Object::ALLOCATOR => false,
        object => !object.is_softirqs(),
    }
}

fn value(call: &Call, reply: u64) -> Value {
    match call.op {
        Op::Read { .. } | Op::Await { .. } => Value::Saw(reply),
        Op::Write { value, .. } => Value::Wrote(value),
        Op::Rmw { f, a, b, .. } => match f.apply(reply, a, b) {
            Some(new) => Value::Changed(reply, new),
            None => Value::Saw(reply),
        },
        _ => Value::Unknown,
    }
}

fn site(role: &str, call: &Call) -> u64 {
    let mut hash = mix(0, &[call.loc.line().into(), call.loc.column().into()]);
    for text in [role, call.loc.file(), call.name] {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Mixes numbers into a hash.
pub fn mix(mut hash: u64, numbers: &[u64]) -> u64 {
    for n in numbers {
        hash = (hash ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash
}

/// Does an access of this mode change its object?
pub fn writes(mode: Mode) -> bool {
    mode != Mode::Read
}
