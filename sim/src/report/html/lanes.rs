//! The lanes: a grid with a row for each step; for each CPU a rail of bars and a lane of contexts;
//! at the right, what no CPU does.

use super::{escape, event, rail, spans};
use crate::base::agent::AgentKind;
use crate::base::event::Phase;
use crate::base::finding::{Finding, Kind};
use crate::report::story;
use crate::report::stretches::{self, level};
use crate::trace::{Agent, Step, Trace};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Width of a bar with its gap, in pixels.
const BAR: usize = 15;

/// First grid column of the rail of a lane; its steps stand in the next.
fn column(trace: &Trace, cpu: Option<u16>) -> usize {
    2 + 2 * usize::from(cpu.unwrap_or(trace.cpus))
}

/// Writes all lanes, and the overview beside them.
pub(super) fn write(
    out: &mut String,
    trace: &Trace,
    findings: &[Finding],
    story: &BTreeSet<usize>,
) {
    let spans = spans::all(trace);
    let mut lanes: Vec<Option<u16>> = (0..trace.cpus).map(Some).collect();
    if trace.steps.iter().any(|s| !trace.agent(s).is_on_cpu()) {
        lanes.push(None);
    }
    let rails: Vec<_> = lanes.iter().map(|&cpu| rail(&spans, cpu)).collect();
    let mut columns = "var(--number)".to_owned();
    for (cpu, bars) in lanes.iter().zip(&rails) {
        let bars = bars.iter().map(|(_, c)| c + 1).max().unwrap_or(0);
        let lane = if cpu.is_some() { "var(--lane)" } else { "var(--beside)" };
        let _ = write!(columns, " {}px {lane}", bars * BAR + 6);
    }
    let _ = writeln!(
        out,
        "<main tabindex=\"-1\"><div id=\"grid\" style=\"grid-template-columns:{columns}\">"
    );
    heads(out, trace, &lanes);
    let stretches = stretches::all(trace);
    for stretch in &stretches {
        let agent = &trace.agents[stretch.agent];
        let _ = writeln!(
            out,
            "<div class=\"context {}\" style=\"grid-row:{}/{};grid-column:{};--l:{}\"></div>",
            class(agent.kind),
            stretch.from + 2,
            stretch.to + 3,
            column(trace, Some(stretch.cpu)) + 1,
            level(agent.kind),
        );
    }
    for (&cpu, bars) in lanes.iter().zip(&rails) {
        for (span, at) in bars {
            let (from, to) = (span.from, span.to);
            let _ = writeln!(
                out,
                "<div class=\"bar {}{}\" style=\"grid-row:{}/{};grid-column:{};--c:{at}\" \
                 data-from=\"{from}\" data-to=\"{to}\" data-agent=\"{}\" \
                 title=\"{}, steps {} to {}\"><span>{}</span></div>",
                span.class,
                if span.ends { "" } else { " open" },
                from + 2,
                to + 3,
                column(trace, cpu),
                escape(&trace.agents[span.agent].name),
                escape(&span.title(trace)),
                from + 1,
                to + 1,
                escape(&span.what)
            );
        }
    }
    let begins = stretches.iter().map(|s| s.from).collect();
    steps(out, trace, findings, story, &begins);
    out.push_str("<svg id=\"links\" aria-hidden=\"true\"></svg></div></main>\n");
    overview(out, trace, findings);
}

fn heads(out: &mut String, trace: &Trace, lanes: &[Option<u16>]) {
    out.push_str("<div class=\"head\" style=\"grid-column:1\"></div>\n");
    for &cpu in lanes {
        let name = cpu.map_or("RCU, time".to_owned(), |cpu| format!("CPU {cpu}"));
        let here = |a: &&Agent| Some(a.cpu) == cpu && a.kind == AgentKind::Task;
        let tasks: Vec<&str> = trace.agents.iter().filter(here).map(|a| a.role()).collect();
        let at = column(trace, cpu);
        let _ = writeln!(
            out,
            "<div class=\"head\" style=\"grid-column:{at}/{}\">{name} <small>{}</small></div>",
            at + 2,
            escape(&tasks.join(", "))
        );
    }
}

fn class(kind: AgentKind) -> &'static str {
    match kind {
        AgentKind::Task => "task",
        AgentKind::Softirq => "softirq",
        AgentKind::Irq | AgentKind::Tick => "irq",
        _ => "env",
    }
}

/// What a party of a finding is called at its step.
pub(super) fn mark(finding: &Finding, party: usize) -> String {
    match (party, finding.parties[party].what.as_str()) {
        (0, _) => finding.kind.name().to_owned(),
        (_, "Last potentially related work creation") => "Queued".to_owned(),
        (_, what) => what.to_owned(),
    }
}

fn steps(
    out: &mut String,
    trace: &Trace,
    findings: &[Finding],
    story: &BTreeSet<usize>,
    begins: &BTreeSet<usize>,
) {
    let mut last: Vec<Option<&Step>> = vec![None; trace.agents.len()];
    for (n, step) in trace.steps.iter().chain(waiting(trace, findings)).enumerate() {
        let func = |s: &&Step| s.stack == step.stack;
        let entered = last[step.agent].filter(func).is_none();
        last[step.agent] = Some(step);
        let mut marks = String::new();
        for finding in findings {
            for (i, party) in finding.parties.iter().enumerate() {
                if event(trace, party) == Some(n) {
                    let class = if i == 0 { " class=\"culprit\"" } else { "" };
                    let _ = write!(marks, "<mark{class}>{}</mark>", escape(&mark(finding, i)));
                }
            }
        }
        if begins.contains(&n) {
            let _ = write!(marks, "<b>{}</b>", escape(trace.agent(step).role()));
        }
        row(out, trace, n, step, entered, &marks, story.contains(&n));
    }
}

/// Who waits at the end, where that is the finding.
fn waiting<'t>(trace: &'t Trace, findings: &[Finding]) -> &'t [Step] {
    let stuck = findings.iter().any(|f| f.kind == Kind::Deadlock);
    if stuck { &trace.blocked } else { &[] }
}

fn row(
    out: &mut String,
    trace: &Trace,
    n: usize,
    step: &Step,
    entered: bool,
    marks: &str,
    story: bool,
) {
    let agent = trace.agent(step);
    let (row, cpu) = (n + 2, agent.is_on_cpu().then_some(step.cpu));
    let waits = n >= trace.steps.len() || step.phase == Phase::Begun;
    let list = |texts: Vec<String>| escape(&texts.join("|"));
    let touches = step.touches.iter().map(|t| format!("{:?} {}", t.mode, t.object));
    let off = if step.irqs_off { " irqs off" } else { "" };
    let _ = write!(
        out,
        "<div class=\"no{0}\" style=\"grid-row:{row}\">{1}</div><div id=\"s{n}\" \
         class=\"step {2}{0}{3}{4}\" style=\"grid-row:{row};grid-column:{5};--l:{6}\" \
         data-agent=\"{7}\" data-stack=\"{8}\" data-touches=\"{9}\" \
         data-state=\"{10:#x}{off}\" title=\"{7}: {11}\"><code>{12}</code>",
        if story { " story" } else { "" },
        n + 1,
        class(agent.kind),
        if marks.contains("<mark") { " party" } else { "" },
        if waits { " waits" } else { "" },
        column(trace, cpu) + 1,
        level(agent.kind).min(if agent.is_on_cpu() { 2 } else { 0 }),
        escape(&agent.name),
        list(step.stack.clone()),
        list(touches.collect()),
        step.preempt,
        escape(&step.text()),
        escape(&words(agent, step)),
    );
    if let Some(func) = step.stack.first().filter(|_| entered) {
        let _ = write!(out, "<i>{}()</i>", escape(func));
    }
    let _ = writeln!(out, "{marks}</div>");
}

/// The operation; what the environment does, in words.
fn words(agent: &Agent, step: &Step) -> String {
    match agent.kind {
        AgentKind::Tick => "timer interrupt".to_owned(),
        _ if !agent.is_on_cpu() => {
            let text = story::beside(step);
            let short = text.strip_prefix("RCU: ").and_then(|t| t.split_once(' '));
            short.map_or(text.clone(), |(_, rest)| rest.to_owned())
        }
        _ => step.text(),
    }
}

/// The whole run in a strip: a stroke for each step, in the colors of the lanes.
fn overview(out: &mut String, trace: &Trace, findings: &[Finding]) {
    let lanes = usize::from(trace.cpus) + 1;
    let _ = writeln!(
        out,
        "<svg id=\"overview\" viewBox=\"0 0 {lanes} {}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\">",
        trace.steps.len().max(1)
    );
    for (n, step) in trace.steps.iter().enumerate() {
        let agent = trace.agent(step);
        let lane = if agent.is_on_cpu() { usize::from(step.cpu) } else { lanes - 1 };
        let _ = write!(
            out,
            "<rect class=\"{}\" x=\"{lane}\" y=\"{n}\" width=\"1\" height=\"1\"/>",
            class(agent.kind)
        );
    }
    for party in findings.iter().flat_map(|f| &f.parties) {
        if let Some(n) = event(trace, party) {
            let _ = write!(
                out,
                "<rect class=\"party\" x=\"0\" y=\"{n}\" width=\"{lanes}\" height=\"1\"/>"
            );
        }
    }
    out.push_str("<rect id=\"view\" x=\"0\" y=\"0\" width=\"100%\" height=\"0\"/></svg>\n");
}
