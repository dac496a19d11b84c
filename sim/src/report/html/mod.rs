//! One self-contained page: a lane for each CPU with nested contexts, and bars for locks held,
//! readers and grace periods. Readable without script; with it, keys step through the run.

mod lanes;

use super::{relevant, spans, splat};
use crate::base::finding::{Finding, Party};
use crate::trace::Trace;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Renders a run as a page. `title` is its headline (the scenario's name); the parties of the
/// findings are marked and linked.
pub fn page(title: &str, trace: &Trace, findings: &[Finding]) -> String {
    let mut out = String::with_capacity(trace.steps.len() * 500 + 30_000);
    let story: BTreeSet<usize> = findings.iter().flat_map(|f| relevant::steps(f, trace)).collect();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>\n{}</style></head>\n<body>\n",
        escape(title),
        include_str!("style.css")
    );
    header(&mut out, title, trace, findings, story.len());
    out.push_str("<div id=\"work\">\n");
    lanes::write(&mut out, trace, findings, &story);
    out.push_str(include_str!("panel.html"));
    let _ = write!(out, "</div>\n<script>\n{}</script>\n</body></html>\n", include_str!("step.js"));
    out
}

fn header(out: &mut String, title: &str, trace: &Trace, findings: &[Finding], story: usize) {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let _ = writeln!(
        out,
        "<header><div id=\"top\"><h1>{}</h1><p>{} <i></i> {} <i></i> {}</p>",
        escape(title),
        count(trace.steps.len(), "step"),
        count(trace.cpus.into(), "CPU"),
        count(findings.len(), "finding"),
    );
    if story > 0 && story < trace.steps.len() {
        let _ = writeln!(
            out,
            "<button id=\"story\" aria-pressed=\"false\" title=\"key r\">Only what led to it ({story})</button>"
        );
    }
    out.push_str("</div>\n");
    for (n, finding) in findings.iter().enumerate() {
        let _ = writeln!(
            out,
            "<section class=\"finding\"><h2><b>{}</b> {}</h2>\n<ol>",
            finding.kind,
            escape(&finding.headline)
        );
        for (i, party) in finding.parties.iter().enumerate() {
            let text = said(finding, i, party);
            let _ = match event(trace, party) {
                Some(at) => writeln!(
                    out,
                    "<li><a href=\"#s{at}\" data-finding=\"{n}\">{text} <u>step {}</u></a></li>",
                    at + 1
                ),
                None => writeln!(out, "<li>{text}</li>"),
            };
        }
        let _ = writeln!(
            out,
            "<li><details><summary>Report</summary><pre>{}</pre></details></li></ol></section>",
            escape(splat::finding(finding, trace).trim_end())
        );
    }
    out.push_str("</header>\n");
}

/// One party in a line.
fn said(finding: &Finding, n: usize, party: &Party) -> String {
    let what = lanes::mark(finding, n);
    let func =
        party.stack.first().map_or(String::new(), |f| format!(" in <code>{}()</code>", escape(f)));
    match party.event {
        Some(_) => format!(
            "<em>{}</em> by <code>{}</code>{func}: <code>{}</code>",
            escape(&what),
            escape(&party.agent),
            escape(&party.op)
        ),
        None => format!("<em>{}</em> by {}", escape(&what), escape(&party.agent)),
    }
}

/// The step of a party, where the trace has it.
fn event(trace: &Trace, party: &Party) -> Option<usize> {
    party.event.map(|e| e as usize).filter(|&e| e < trace.steps.len())
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

/// The rail of bars that belongs to one lane: the bars, each with its column.
fn rail(all: &[spans::Span], cpu: Option<u16>) -> Vec<(&spans::Span, usize)> {
    let mine: Vec<&spans::Span> = all.iter().filter(|s| s.cpu == cpu).collect();
    let columns = spans::columns(mine.iter().copied());
    mine.into_iter().zip(columns).collect()
}
