//! One self-contained page: a lane for each CPU with nested contexts, and bars for locks held,
//! readers and grace periods. Readable without script; with it, keys step through the run.

use super::spans::{self, Span};
use crate::base::agent::AgentKind;
use crate::base::finding::Finding;
use crate::trace::{Step, Trace};
use std::fmt::Write;

const ROW: usize = 22;
const BAR: usize = 12;

/// Renders a run as a page. `title` is its headline (the scenario's name); the parties of the
/// findings are marked and linked.
pub fn page(title: &str, trace: &Trace, findings: &[Finding]) -> String {
    let mut out = String::with_capacity(trace.steps.len() * 300 + 8_000);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n\
         <style>\n{}</style></head><body>\n",
        escape(title),
        include_str!("style.css")
    );
    header(&mut out, title, trace, findings);
    out.push_str("<main>\n");
    bars(&mut out, trace);
    lanes(&mut out, trace, findings);
    let _ = write!(
        out,
        "</main>\n<div id=\"detail\" aria-live=\"polite\">keys: j/k or arrows step, n/p go to the \
         next or previous party of a finding; hover shows the operation</div>\n\
         <script>\n{}</script>\n</body></html>\n",
        include_str!("step.js")
    );
    out
}

fn header(out: &mut String, title: &str, trace: &Trace, findings: &[Finding]) {
    let _ = writeln!(out, "<header><h1>{}</h1>", escape(title));
    for finding in findings {
        let _ = writeln!(out, "<pre>{}", escape(&finding.headline));
        for party in &finding.parties {
            let stack = party.stack.join(" < ");
            let text = escape(&format!("{}: {} {} ({})", party.agent, party.op, party.what, stack));
            match party.event.filter(|&e| (e as usize) < trace.steps.len()) {
                Some(event) => {
                    let _ = writeln!(out, "  <a href=\"#s{event}\">{text}</a>");
                }
                None => {
                    let _ = writeln!(out, "  {text}");
                }
            }
        }
        out.push_str("</pre>\n");
    }
    out.push_str(
        "<p class=\"dim\">time flows down, one row an operation; memory is sequentially consistent\
         <span class=\"key\" style=\"background:var(--lock)\"></span>lock held\
         <span class=\"key\" style=\"background:var(--reader)\"></span>RCU reader\
         <span class=\"key\" style=\"background:var(--gp)\"></span>grace period</p></header>\n",
    );
}

fn bars(out: &mut String, trace: &Trace) {
    let spans = spans::all(trace);
    let columns = spans::columns(&spans);
    let wide = columns.iter().max().map_or(0, |c| c + 1) * BAR + 4;
    let high = trace.steps.len() * ROW;
    let _ = writeln!(out, "<svg id=\"bars\" width=\"{wide}\" height=\"{high}\">");
    for (Span { class, title, from, to }, column) in spans.iter().zip(columns) {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"><title>{}</title></rect>",
            column * BAR,
            from * ROW + 2,
            BAR - 4,
            (to + 1 - from) * ROW - 4,
            escape(title)
        );
    }
    out.push_str("</svg>\n");
}

fn lanes(out: &mut String, trace: &Trace, findings: &[Finding]) {
    let environment = usize::from(trace.cpus) + 1;
    let _ = writeln!(
        out,
        "<div class=\"lanes\" style=\"grid-template-columns:repeat({environment},minmax(220px,1fr))\">"
    );
    for cpu in 0..trace.cpus {
        let _ = writeln!(out, "<div class=\"lane\" style=\"grid-row:1\">CPU{cpu}</div>");
    }
    out.push_str("<div class=\"lane\" style=\"grid-row:1\">grace periods, time</div>\n");
    for (n, step) in trace.steps.iter().enumerate() {
        let agent = trace.agent(step);
        let column = if agent.is_on_cpu() { usize::from(step.cpu) + 1 } else { environment };
        let party = findings.iter().any(|f| f.parties.iter().any(|p| p.event == Some(n as u32)));
        let class = match agent.kind {
            AgentKind::Task => "",
            AgentKind::Softirq => " softirq",
            AgentKind::Irq => " irq",
            _ => " env",
        };
        let _ = writeln!(
            out,
            "<div class=\"step{class}{}\" id=\"s{n}\" style=\"grid-row:{};grid-column:{column}\" \
             title=\"{2}\" data-detail=\"{2}\">{3}{4}</div>",
            if party { " party" } else { "" },
            n + 2,
            escape(&detail(trace, step)),
            escape(&step.text()),
            step.stack.first().map_or(String::new(), |f| format!(" <i>{}</i>", escape(f))),
        );
    }
    out.push_str("</div>\n");
}

/// Everything about one step, for hovering.
fn detail(trace: &Trace, step: &Step) -> String {
    let touches: Vec<String> =
        step.touches.iter().map(|t| format!("{:?} {}", t.mode, t.object)).collect();
    format!(
        "{}: {}   in {}   preempt_count {:#x}{}   touches {}",
        trace.agent(step).name,
        step.text(),
        if step.stack.is_empty() { "-".to_owned() } else { step.stack.join(" < ") },
        step.preempt,
        if step.irqs_off { ", interrupts off" } else { "" },
        if touches.is_empty() { "nothing".to_owned() } else { touches.join(", ") },
    )
}

/// Text for HTML, also inside attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
