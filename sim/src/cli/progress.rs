//! Progress on standard error: a bar on a terminal, a line every ten seconds elsewhere; the budget
//! of time; and Ctrl-C, which ends the hunt but not the report.

use super::style::counted;
use crate::run::{self, Hunted};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) const LINE_EVERY: Duration = Duration::from_secs(10);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C only asks to stop; the second one ends the process.
pub(super) fn catch_interrupts() {
    let caught = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(super::UNJUDGED));
        }
    });
    if let Err(error) = caught {
        anstream::eprintln!("warning: Ctrl-C will not print what was found: {error}");
    }
}

/// Has somebody pressed Ctrl-C?
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// How a command has come to its end.
pub(super) fn ended() -> &'static str {
    if interrupted() { "interrupted" } else { "done" }
}

/// A line of progress, at most one every ten seconds.
pub(super) fn note(start: Instant, text: &str) {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let seconds = start.elapsed().as_secs();
    let last = LAST.load(Ordering::Relaxed);
    let due = seconds >= last + LINE_EVERY.as_secs();
    if due && LAST.compare_exchange(last, seconds, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        anstream::eprintln!("{seconds} s: {text}");
    }
}

/// Watches the runs of one scenario.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    total: Option<u64>,
    until: Option<Instant>,
    start: Instant,
    bar: ProgressBar,
    last_line: Mutex<Instant>,
    /// Runs that an earlier process has made.
    before: u64,
    /// What is counted.
    unit: &'static str,
}

impl Watch {
    /// For a number of runs, or until a time; `before` were made earlier.
    pub(super) fn new(
        name: &str,
        total: Option<u64>,
        until: Option<Instant>,
        before: u64,
    ) -> Watch {
        let bar = match (std::io::stderr().is_terminal(), total) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(total)) => ProgressBar::new(total)
                .with_style(style("{prefix} {wide_bar} {pos}/{len} {msg} {eta}")),
            (true, None) => ProgressBar::new_spinner()
                .with_style(style("{prefix} {spinner} {pos} runs {msg} {elapsed}")),
        };
        bar.set_prefix(name.to_owned());
        bar.reset_eta();
        let start = Instant::now();
        let last_line = Mutex::new(start);
        Watch { name: name.to_owned(), total, until, start, bar, last_line, before, unit: "runs" }
    }

    /// For something else than runs, in which nothing is found.
    pub(super) fn of(name: &str, total: u64, unit: &'static str) -> Watch {
        Watch { unit, ..Watch::new(name, Some(total), None, 0) }
    }

    /// How fast it is, and what was found.
    fn message(&self, so_far: &Hunted, now: Instant) -> String {
        let millis = now.duration_since(self.start).as_millis().max(1) as u64;
        let rate = (so_far.runs - self.before).saturating_mul(1000) / millis;
        match self.unit {
            "runs" => format!("{rate}/s, {}", counted(so_far.found.len() as u64, "finding")),
            _ => format!("{rate}/s"),
        }
    }

    fn line(&self, so_far: &Hunted, now: Instant) {
        let Ok(mut last) = self.last_line.lock() else { return };
        if now.duration_since(*last) < LINE_EVERY {
            return;
        }
        *last = now;
        let of = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        let seconds = now.duration_since(self.start).as_secs();
        let (runs, message) = (so_far.runs, self.message(so_far, now));
        anstream::eprintln!("{}: {runs}{of} {}, {message}, {seconds} s", self.name, self.unit);
    }

    /// Removes the bar. Findings are shrunk now, which may take a while.
    pub(super) fn finish(&self, findings: usize) {
        self.bar.finish_and_clear();
        if self.start.elapsed() > LINE_EVERY && findings > 0 {
            anstream::eprintln!("{}: shrinking {}", self.name, counted(findings as u64, "finding"));
        }
    }
}

impl run::Watch for Watch {
    /// Shows how far it is; says whether to go on.
    fn see(&self, so_far: &Hunted) -> ControlFlow<()> {
        let now = Instant::now();
        if self.bar.is_hidden() {
            self.line(so_far, now);
        } else {
            self.bar.set_position(so_far.runs);
            self.bar.set_message(self.message(so_far, now));
        }
        match interrupted() || self.until.is_some_and(|until| now >= until) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant, and is right")
}
