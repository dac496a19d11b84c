//! The report of a finding, in the kernel's own form.

use super::lockdep::lockdep;
use super::meaning::meaning;
use super::race::race;
use super::relevant::root;
use super::stack::{by_task, call_trace, cpu_of, frames, indented, stack_of};
use super::text::fill;
use crate::base::finding::{Finding, Kind, Party};
use crate::trace::Trace;

/// The report of a finding: what the kernel would print, with names in place of addresses; what it
/// means; the race diagram.
///
/// ```text
/// ==================================================================
/// BUG: KASAN: slab-use-after-free in pte_free_now
/// Write of size 8 at addr mm.lock by task munmap (softirq:rcu on cpu0)
///
/// Call Trace:
///  <IRQ>
///  spin_lock_bh
///  pte_free_now
///  rcu_do_batch
///  </IRQ>
///
/// Allocated by setup
///
/// Freed by task exit on cpu1:
///  kmem_cache_free
///  __mmdrop
///  mmdrop
///
/// The buggy address belongs to the object mm
///  which belongs to the cache mm_struct of size 32
/// The buggy address is located 0 bytes inside of
///  freed 32-byte region of mm
/// ==================================================================
///
/// What this means: …
///
/// How it happens: …
/// ```
pub fn finding(finding: &Finding, trace: &Trace) -> String {
    let mut out = match Form::of(finding) {
        Form::Kasan => kasan(finding, trace),
        Form::Kcsan => kcsan(finding, trace),
        Form::Kmemleak => kmemleak(finding, trace),
        Form::Lockdep => lockdep(finding, trace),
        Form::Cut => cut_here(finding, trace),
        Form::Plain => plain(finding, trace),
    };
    out.push_str("\nWhat this means:\n\n");
    out.push_str(&fill(&meaning(finding)));
    out.push_str(
        "\nHow it happens (sequentially consistent memory: one order, seen by all CPUs):\n\n",
    );
    out.push_str(&race(finding, trace));
    out
}

/// How the kernel frames a report.
enum Form {
    /// Between lines of `=`: one access, and the history of its object.
    Kasan,
    /// Between lines of `=`: two accesses.
    Kcsan,
    /// An entry of kmemleak's file.
    Kmemleak,
    /// A headline between two lines.
    Lockdep,
    /// Behind "cut here".
    Cut,
    /// Not at all.
    Plain,
}

impl Form {
    fn of(finding: &Finding) -> Form {
        match finding.kind {
            Kind::UseAfterFree | Kind::DoubleFree => Form::Kasan,
            Kind::DataRace => Form::Kcsan,
            Kind::Leak => Form::Kmemleak,
            Kind::InconsistentLockState | Kind::LockInversion | Kind::SuspiciousRcu => {
                Form::Lockdep
            }
            Kind::ListCorruption | Kind::DoubleCallRcu | Kind::Refcount => Form::Cut,
            _ => Form::Plain,
        }
    }
}

/// A line of `=`.
fn frame() -> String {
    format!("{}\n", "=".repeat(66))
}

fn kasan(finding: &Finding, trace: &Trace) -> String {
    let mut out = format!("{}{}\n", frame(), finding.headline);
    let Some((first, others)) = finding.parties.split_first() else { return out };
    let by = by_task(first, trace);
    let mut notes = finding.notes.as_slice();
    match notes.split_first() {
        Some((access, rest)) if access.starts_with("Read ") || access.starts_with("Write ") => {
            out.push_str(&format!("{access} by {by}\n"));
            notes = rest;
        }
        _ if finding.kind == Kind::DoubleFree => {
            out.push_str(&format!("Free of addr {} by {by}\n", finding.object));
        }
        _ => out.push_str(&format!("{} by {by}\n", first.what)),
    }
    out.push('\n');
    out.push_str(&call_trace(first, trace));
    // As the kernel does: how it began comes before how it ended.
    let mut others: Vec<&Party> = others.iter().collect();
    others.sort_by_key(|p| !p.what.starts_with("Allocated"));
    for party in &others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    if !others.is_empty() {
        let object = root(&finding.object);
        out.push_str(&format!("\nThe buggy address belongs to the object {object}\n"));
    }
    notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    out + &frame()
}

/// Two accesses that nothing orders.
fn kcsan(finding: &Finding, trace: &Trace) -> String {
    let mut out = format!("{}{}\n", frame(), finding.headline);
    for party in &finding.parties {
        let by = by_task(party, trace);
        let stack = indented(&frames(party, trace));
        out.push_str(&format!("\n{} of 8 bytes by {by}:\n{stack}", party.what));
    }
    out.push_str("\nReported by Kernel Concurrency Sanitizer on:\n");
    let last = finding.parties.iter().max_by_key(|p| p.event);
    let cpu = last.and_then(|p| cpu_of(p, trace)).unwrap_or_default();
    out.push_str(&format!("CPU: {cpu}\n"));
    out + &frame()
}

/// What no pointer leads to, and who allocated it.
fn kmemleak(finding: &Finding, trace: &Trace) -> String {
    let mut out = format!("{}\n", finding.headline);
    finding.notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    let Some(by) = finding.parties.first() else { return out };
    let comm = by.agent.split_once('/').map_or(by.agent.as_str(), |(_, role)| role);
    out.push_str(&format!("  comm \"{comm}\"\n  backtrace:\n"));
    frames(by, trace).iter().for_each(|frame| out.push_str(&format!("    {frame}\n")));
    out
}

/// Behind "cut here", with where the WARN stands.
fn cut_here(finding: &Finding, trace: &Trace) -> String {
    let place = match finding.kind {
        Kind::Refcount => "lib/refcount.c refcount_warn_saturate",
        Kind::DoubleCallRcu => "lib/debugobjects.c debug_print_object",
        _ if finding.headline.starts_with("list_add") => "lib/list_debug.c __list_add_valid",
        _ => "lib/list_debug.c __list_del_entry_valid",
    };
    let mut out = format!("------------[ cut here ]------------\n{}\n", finding.headline);
    let Some((first, others)) = finding.parties.split_first() else { return out };
    let cpu = cpu_of(first, trace).unwrap_or_default();
    out.push_str(&format!("WARNING: CPU: {cpu} at {place}\n"));
    out.push_str(&call_trace(first, trace));
    out.push_str("---[ end trace ]---\n");
    finding.notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    for party in others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    out
}

fn plain(finding: &Finding, trace: &Trace) -> String {
    let mut out = format!("{}\n", finding.headline);
    finding.notes.iter().for_each(|note| out.push_str(&format!("{note}\n")));
    let Some((first, others)) = finding.parties.split_first() else { return out };
    if first.event.is_some() {
        out.push_str(&call_trace(first, trace));
    }
    for party in others {
        out.push_str(&format!("\n{}", stack_of(party, trace)));
    }
    out
}
