//! What a trace consists of.

use crate::base::agent::AgentKind;
use crate::base::event::Phase;
use crate::base::footprint::Mode;
use crate::base::hash::StableHash;
use crate::base::preempt;

/// A finished run: who did what, in which order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// How many CPUs the machine has.
    pub cpus: u16,
    /// Everybody who could act; a [`Step`] names one by its index here.
    pub agents: Vec<Agent>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What agents were about to do at the end and could not, because a lock was held.
    pub blocked: Vec<Step>,
}

/// Somebody who takes steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// The stable name: `cpu1/exit`, `cpu0/softirq:rcu`, `rcu/gp`.
    pub name: String,
    /// The CPU on which it was created.
    pub cpu: u16,
    /// Task, softirq, interrupt, or part of the environment.
    pub kind: AgentKind,
}

impl Agent {
    /// Does it run on a CPU, rather than beside them (grace periods, time)?
    pub fn is_on_cpu(&self) -> bool {
        !matches!(self.kind, AgentKind::Rcu | AgentKind::Clock)
    }

    /// The name without the CPU: `exit`, `softirq:rcu`.
    pub fn role(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(_, role)| role)
    }
}

/// One step of one agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who, as an index into [`Trace::agents`].
    pub agent: usize,
    /// On which CPU.
    pub cpu: u16,
    /// The functions it was in, innermost first.
    pub stack: Vec<String>,
    /// The operation by its kernel name: `spin_lock_bh`.
    pub op: String,
    /// What it was applied to, by name: `mm.context.lock`.
    pub operands: Vec<String>,
    /// What came of it, where that says something.
    pub outcome: Outcome,
    /// Done at once, begun and waiting, or gone on after waiting.
    pub phase: Phase,
    /// `preempt_count` before the step.
    pub preempt: u32,
    /// Were interrupts off before the step?
    pub irqs_off: bool,
    /// Nesting of `rcu_read_lock()` before the step.
    pub rcu_nesting: u8,
    /// Virtual time before the step, in nanoseconds; 0 in a normal form.
    pub time: u64,
    /// What it touched, in order.
    pub touches: Vec<Touch>,
}

/// What came of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Outcome {
    /// Nothing worth telling.
    #[default]
    None,
    /// It replied this.
    Reply(String),
    /// It changed a word from this to that.
    Change(String, String),
}

/// An object touched, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touch {
    /// `mm.context.lock`, or a piece of the machine such as `rcu`.
    pub object: String,
    /// How.
    pub mode: Mode,
    /// Is it a word of memory, rather than a piece of the machine?
    pub memory: bool,
}

impl Touch {
    /// Do two touches conflict: same object, and not both reads?
    pub fn conflicts(&self, other: &Touch) -> bool {
        (self.mode != Mode::Read || other.mode != Mode::Read) && self.object == other.object
    }
}

impl Step {
    /// The operation as people read it, without what came of it: `spin_lock_bh(mm.context.lock)`,
    /// `foo.val = 1`.
    pub fn call(&self) -> String {
        match (self.op.as_str(), self.operands.as_slice()) {
            ("write", [object, value]) => format!("{object} = {value}"),
            (op, operands) => format!("{op}({})", operands.join(", ")),
        }
    }

    /// The operation with what came of it: `READ_ONCE(x) = 0`, `atomic_inc(x): 0 -> 1`,
    /// `spin_lock(l)  <waits>`.
    pub fn text(&self) -> String {
        self.call() + &self.result()
    }

    /// What came of the operation: ` = 0`, `: 0 -> 1`, `  <waits>`, or nothing.
    pub fn result(&self) -> String {
        let outcome = match &self.outcome {
            Outcome::None => String::new(),
            Outcome::Reply(reply) => format!(" = {reply}"),
            Outcome::Change(from, to) => format!(": {from} -> {to}"),
        };
        outcome
            + match self.phase {
                Phase::Done => "",
                Phase::Begun => "  <waits>",
                Phase::Finished => "  <goes on>",
            }
    }

    /// How many contexts lie below this step's on its CPU: 0 in a task, 1 in a softirq or in an
    /// interrupt of a task, 2 in an interrupt of a softirq.
    pub fn level(&self) -> usize {
        usize::from(preempt::in_serving_softirq(self.preempt))
            + usize::from(preempt::in_hardirq(self.preempt))
    }

    fn hash(&self, hash: &mut StableHash) {
        hash.num(self.agent as u64).num(self.cpu.into()).text(&self.op);
        for texts in [&self.stack, &self.operands] {
            hash.num(texts.len() as u64);
            texts.iter().for_each(|t| _ = hash.text(t));
        }
        match &self.outcome {
            Outcome::None => hash.num(0),
            Outcome::Reply(reply) => hash.num(1).text(reply),
            Outcome::Change(from, to) => hash.num(2).text(from).text(to),
        };
        hash.num(self.phase as u64).num(self.preempt.into()).num(self.irqs_off.into());
        hash.num(self.rcu_nesting.into()).num(self.time).num(self.touches.len() as u64);
        for touch in &self.touches {
            hash.text(&touch.object).num(touch.mode as u64);
        }
    }
}

impl Trace {
    /// A hash of everything in the trace. The same run has the same hash wherever and however often
    /// it is made: no address, no time of day, no order of threads is part of it.
    pub fn hash(&self) -> u64 {
        let mut hash = StableHash::new();
        hash.num(self.cpus.into()).num(self.agents.len() as u64).num(self.steps.len() as u64);
        for agent in &self.agents {
            hash.text(&agent.name).num(agent.cpu.into()).num(agent.kind as u64);
        }
        for step in self.steps.iter().chain(&self.blocked) {
            step.hash(&mut hash);
        }
        hash.finish()
    }

    /// The agent that took a step.
    pub fn agent(&self, step: &Step) -> &Agent {
        &self.agents[step.agent]
    }
}
