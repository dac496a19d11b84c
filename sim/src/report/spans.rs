//! What lasts: locks held, RCU readers, grace periods, softirqs or interrupts off; from the
//! operations of a trace.

use crate::base::event::Phase;
use crate::trace::{Step, Trace};

/// Something that lasts from one step to another (both included).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// `lock`, `reader`, `gp` or `off`.
    pub class: &'static str,
    /// What lasts: `mm.context.lock`, `rcu_read_lock`, `grace period`, `local_bh_disable`.
    pub what: String,
    /// Who holds or does it, as an index into [`Trace::agents`].
    pub agent: usize,
    /// Where it began; none: on no CPU.
    pub cpu: Option<u16>,
    /// First step.
    pub from: usize,
    /// Last step; the end of the trace if it never ended.
    pub to: usize,
    /// Does it end within the trace?
    pub ends: bool,
}

impl Span {
    /// For people: `mm.context.lock held by cpu0/exit`.
    pub fn title(&self, trace: &Trace) -> String {
        let who = &trace.agents[self.agent].name;
        match self.class {
            "gp" => self.what.clone(),
            "reader" => format!("RCU reader {who}"),
            "off" => format!("{} by {who}", self.what),
            _ => format!("{} held by {who}", self.what),
        }
    }
}

/// All spans of a trace, by first step.
pub fn all(trace: &Trace) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    let end = trace.steps.len().saturating_sub(1);
    for (n, step) in trace.steps.iter().enumerate() {
        let Some((class, begins, what)) = meaning(step) else { continue };
        if begins {
            let cpu = trace.agent(step).is_on_cpu().then_some(step.cpu);
            let (what, agent) = (what.to_owned(), step.agent);
            open.push(Span { class, what, agent, cpu, from: n, to: end, ends: false });
            continue;
        }
        let same = |o: &Span| o.class == class && o.agent == step.agent && o.what == what;
        if let Some(i) = open.iter().rposition(same) {
            spans.push(Span { to: n, ends: true, ..open.remove(i) });
        }
    }
    // Nothing lasts from the last step on; a lock may not even have been taken there.
    open.retain(|s| s.from < end);
    spans.append(&mut open);
    spans.sort_by_key(|s| (s.from, s.to));
    spans
}

/// What a step begins (true) or ends.
fn meaning(step: &Step) -> Option<(&'static str, bool, &str)> {
    let what = step.operands.first().map_or("", String::as_str);
    let taken = step.phase != Phase::Begun;
    match step.op.as_str() {
        "rcu_read_lock" => Some(("reader", true, "rcu_read_lock")),
        "rcu_read_unlock" => Some(("reader", false, "rcu_read_lock")),
        "rcu_gp_init" => Some(("gp", true, "grace period")),
        "rcu_gp_cleanup" => Some(("gp", false, "grace period")),
        "preempt_disable" => Some(("off", true, "preemption off")),
        "preempt_enable" => Some(("off", false, "preemption off")),
        "local_bh_disable" => Some(("off", true, "softirqs off")),
        "local_bh_enable" => Some(("off", false, "softirqs off")),
        "local_irq_disable" | "local_irq_save" => Some(("off", true, "interrupts off")),
        "local_irq_enable" | "local_irq_restore" => Some(("off", false, "interrupts off")),
        op if op.contains("unlock") || op.starts_with("up_") => Some(("lock", false, what)),
        op if op.contains("trylock") => None,
        op if op.contains("_lock") || op.starts_with("down_") => {
            taken.then_some(("lock", true, what))
        }
        _ => None,
    }
}

/// A column for each span, so that no two overlap in one.
pub fn columns<'s>(spans: impl IntoIterator<Item = &'s Span>) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut place = |span: &Span| {
        let free = ends.iter().position(|&end| end < span.from);
        let column = free.unwrap_or(ends.len());
        if column == ends.len() {
            ends.push(0);
        }
        ends[column] = span.to;
        column
    };
    spans.into_iter().map(&mut place).collect()
}
