//! A run told step by step, each CPU in its column: contexts that interrupt are indented deeper
//! than what they interrupt, operations deeper than the functions that they stand in.

use super::grid::Line;
use crate::base::agent::AgentKind;
use crate::trace::{Agent, Step, Trace};

/// How deep things stand.
#[derive(Copy, Clone, Debug)]
pub(super) struct Indent {
    /// A context above the one that it interrupts.
    context: usize,
    /// The contents of a function.
    function: usize,
}

impl Indent {
    /// For a screen.
    pub(super) const WIDE: Indent = Indent { context: 4, function: 2 };
    /// For a commit message.
    pub(super) const NARROW: Indent = Indent { context: 2, function: 1 };

    /// Where the functions of a context begin that interrupts so many others.
    fn base(self, level: usize) -> usize {
        level * self.context + if level > 0 { self.function } else { 0 }
    }
}

/// A context that was last seen on some level of a CPU, and its functions, outermost first.
#[derive(Debug)]
struct Open {
    agent: usize,
    stack: Vec<String>,
}

/// Tells the steps of a trace.
#[derive(Debug)]
pub(super) struct Story<'t> {
    trace: &'t Trace,
    indent: Indent,
    /// The CPU of each column.
    cpus: Vec<u16>,
    /// By column, then by level.
    open: Vec<Vec<Option<Open>>>,
    /// The name of the only task in a column, which its header tells.
    only: Vec<Option<usize>>,
}

impl<'t> Story<'t> {
    /// For the CPUs of these steps, in a column each.
    pub(super) fn new(trace: &'t Trace, steps: &[&Step], indent: Indent) -> Story<'t> {
        let on_cpu = |step: &&&Step| trace.agent(step).is_on_cpu();
        let mut cpus: Vec<u16> = steps.iter().filter(on_cpu).map(|step| step.cpu).collect();
        cpus.sort_unstable();
        cpus.dedup();
        let only = cpus.iter().map(|&cpu| only_task(trace, steps, cpu)).collect();
        let open = cpus.iter().map(|_| Vec::new()).collect();
        Story { trace, indent, cpus, open, only }
    }

    /// `CPU0 [exit]`, or `CPU0` where several tasks have been.
    pub(super) fn headers(&self) -> Vec<String> {
        let header = |(cpu, only): (&u16, &Option<usize>)| match only {
            Some(agent) => format!("CPU{cpu} [{}]", self.trace.agents[*agent].role()),
            None => format!("CPU{cpu}"),
        };
        self.cpus.iter().zip(&self.only).map(header).collect()
    }

    /// The lines of one step: who, if that is new on its CPU; the functions entered; an ellipsis for
    /// what its agent has done before in a function that is open, if that is `untold`; the operation.
    pub(super) fn tell(&mut self, step: &Step, untold: Option<&Step>, lines: &mut Vec<Line>) {
        let agent = self.trace.agent(step);
        let Indent { context, function } = self.indent;
        let Some(column) = self.column(step) else {
            lines.push(Line { column: None, text: beside(step) });
            return;
        };
        let level = step.level();
        let mut line = |indent: usize, text: String| {
            lines.push(Line { column: Some(column), text: " ".repeat(indent) + &text });
        };
        if let Some(text) = entry(agent, step) {
            self.open[column].truncate(level + 1);
            if step.op == "irq_enter" {
                self.enter(column, level + 1, step.agent);
            }
            line((level + 1) * context, text);
            return;
        }
        let base = self.indent.base(level);
        if !self.is_open(column, level, step.agent) {
            self.enter(column, level, step.agent);
            if level > 0 {
                line(level * context, format!("<{}>", agent.role()));
            } else if self.only[column] != Some(step.agent) {
                line(0, format!("[{}]", agent.role()));
            }
        }
        let open = &mut self.open[column];
        open.truncate(level + 1);
        let Some(Some(open)) = open.last_mut() else { return };
        let stack: Vec<&String> = step.stack.iter().rev().collect();
        let known = open.stack.iter().zip(&stack).take_while(|(a, b)| a == *b).count();
        open.stack.truncate(known);
        let shared = |untold: &Step| {
            let theirs = untold.stack.iter().rev();
            theirs.zip(&stack).take_while(|(a, b)| a == *b).count().max(known)
        };
        // What a function did before the first thing that is told of it need not be hinted at.
        let ellipsis = untold.map(shared).filter(|&depth| depth == known);
        for depth in known..=stack.len() {
            if ellipsis == Some(depth) {
                line(base + depth * function, "...".to_owned());
            }
            if let Some(func) = stack.get(depth) {
                line(base + depth * function, format!("{func}()"));
                open.stack.push((*func).clone());
            }
        }
        line(base + stack.len() * function, step.text());
    }

    /// A line below the operation of this step, indented as it is.
    pub(super) fn remark(&self, step: &Step, text: &str, lines: &mut Vec<Line>) {
        let depth = self.indent.base(step.level()) + step.stack.len() * self.indent.function;
        lines.push(Line { column: self.column(step), text: " ".repeat(depth) + text });
    }

    fn column(&self, step: &Step) -> Option<usize> {
        let on_cpu = self.trace.agent(step).is_on_cpu();
        self.cpus.iter().position(|&c| c == step.cpu).filter(|_| on_cpu)
    }

    fn is_open(&self, column: usize, level: usize, agent: usize) -> bool {
        let open = self.open[column].get(level).and_then(Option::as_ref);
        open.is_some_and(|open| open.agent == agent)
    }

    fn enter(&mut self, column: usize, level: usize, agent: usize) {
        let open = &mut self.open[column];
        open.truncate(level);
        open.resize_with(level, || None);
        open.push(Some(Open { agent, stack: Vec::new() }));
    }
}

/// The task of a CPU, if there is just one among these steps.
fn only_task(trace: &Trace, steps: &[&Step], cpu: u16) -> Option<usize> {
    let mine = steps.iter().filter(|s| s.cpu == cpu);
    let mut tasks = mine.filter(|s| trace.agent(s).kind == AgentKind::Task).map(|s| s.agent);
    let first = tasks.next()?;
    tasks.all(|task| task == first).then_some(first)
}

/// A step that is nothing but the entry into another context, or the move of a task.
fn entry(agent: &Agent, step: &Step) -> Option<String> {
    match agent.kind {
        AgentKind::Irq if step.op == "irq_enter" => Some(format!("<irq:{}>", agent.role())),
        AgentKind::Tick => Some("<timer interrupt>".to_owned()),
        AgentKind::Ksoftirqd => Some("<ksoftirqd>".to_owned()),
        AgentKind::Balance => Some(format!("<{} moves to another CPU>", agent.role())),
        _ => None,
    }
}

/// A step that no CPU takes.
pub(super) fn beside(step: &Step) -> String {
    match step.op.as_str() {
        "rcu_gp_init" => "RCU: a grace period begins".to_owned(),
        "rcu_gp_cleanup" => "RCU: the grace period ends".to_owned(),
        "advance" => "time passes".to_owned(),
        _ => step.text(),
    }
}
