//! Reports in lockdep's form (kernel/locking/lockdep.c, v6.3).

use super::meaning::who;
use super::stack::{call_trace, frames, stack_of};
use crate::base::finding::{Finding, Kind, Party};
use crate::trace::Trace;

/// A headline between two lines, what happened, how it could end, the stack.
pub(super) fn lockdep(finding: &Finding, trace: &Trace) -> String {
    let (title, rest) = split(&finding.headline);
    let width = title.chars().count();
    let mut out = format!("{}\n{title}\n{}\n", "=".repeat(width), "-".repeat(width));
    // The names of the locks are in the lines that follow.
    let names = finding.kind == Kind::LockInversion || !rest.ends_with(['.', '!']);
    if !rest.is_empty() && (!names || title.starts_with("WARNING: at ")) {
        out.push_str(&format!("{rest}\n"));
    }
    let Some((first, others)) = finding.parties.split_first() else { return out };
    let mut others = others.iter();
    let scenario = |n: &String| n.starts_with(" Possible") || n.starts_with("Chain exists");
    let held = |n: &String| n.contains(" held by ") && (n.ends_with(':') || n.starts_with("no "));
    let at = |f: &dyn Fn(&String) -> bool| finding.notes.iter().position(f);
    let end = finding.notes.len();
    let held = at(&held).unwrap_or(end);
    let scenario = at(&scenario).unwrap_or(held);
    for note in &finding.notes[..scenario] {
        out.push_str(&told(note, first, &mut others, trace));
    }
    for party in others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    if scenario != held {
        out.push_str("\nother info that might help us debug this:\n");
    }
    for note in &finding.notes[scenario..held] {
        let apart = [" ***", "       CPU0", " Possible", " May be", "Chain"];
        let apart = apart.iter().any(|start| note.starts_with(start));
        out.push_str(&format!("{}{note}\n", if apart { "\n" } else { "" }));
    }
    if held != end {
        out.push('\n');
    }
    finding.notes[held..].iter().for_each(|note| out.push_str(&format!("{note}\n")));
    out.push_str("\nstack backtrace:\n");
    out + &call_trace(first, trace)
}

/// The title, and what follows it: behind an exclamation mark, or the second colon.
fn split(headline: &str) -> (&str, &str) {
    if let Some((title, rest)) = headline.split_once("! ") {
        return (&headline[..=title.len()], rest);
    }
    match headline.match_indices(": ").nth(1) {
        Some((at, _)) => (&headline[..at], &headline[at + 2..]),
        None => (headline, ""),
    }
}

/// A note, with the stack that it announces.
fn told<'f>(
    note: &str,
    first: &Party,
    others: &mut impl Iterator<Item = &'f Party>,
    trace: &Trace,
) -> String {
    let chain = note.starts_with("-> #");
    if !chain && !note.ends_with(" at:") {
        return format!("{note}\n");
    }
    let party = if note.starts_with("-> #0") { Some(first) } else { others.next() };
    let Some(party) = party else { return format!("{note}\n") };
    let (text, end) = match note.strip_suffix(" at:") {
        Some(text) => (text, " at:"),
        None => (note.trim_end_matches(':'), ":"),
    };
    let (indent, comma) = if chain { ("       ", ",") } else { ("  ", "") };
    let frames = frames(party, trace);
    let stack: String = frames.iter().map(|frame| format!("{indent}{frame}\n")).collect();
    let gap = if chain { "\n" } else { "" };
    format!("{gap}{text}{comma} by {}{end}\n{stack}", who(party))
}
