//! The Kernel Test Anything Protocol, version 1 (Documentation/dev-tools/ktap.rst, v6.6).

use super::Case;
use std::fmt::Write;

/// Version and plan.
pub(super) fn head(count: usize) -> String {
    format!("KTAP version 1\n1..{count}\n")
}

/// Diagnostic lines, then the result.
pub(super) fn case(number: usize, case: &Case) -> String {
    let mut out = String::new();
    for line in case.problems.iter().flat_map(|problem| problem.text.lines()) {
        _ = writeln!(out, "# {line}");
    }
    let out = out.replace("# \n", "#\n");
    match case.problems.first() {
        None => format!("{out}ok {number} {} # {}\n", described(&case.name), case.note),
        Some(first) => {
            format!("{out}not ok {number} {} # {}\n", described(&case.name), first.title)
        }
    }
}

/// Those that did not run.
pub(super) fn missing(first: usize, names: &[String]) -> String {
    let line = |(i, name): (usize, &String)| {
        format!("not ok {} {} # ERROR interrupted\n", first + i, described(name))
    };
    names.iter().enumerate().map(line).collect()
}

/// A description, which ends at a hash sign.
fn described(name: &str) -> String {
    name.replace(['#', '\n'], "_")
}
