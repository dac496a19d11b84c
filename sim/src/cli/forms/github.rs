//! Annotations of a GitHub workflow, beside the lines of code that they are about.

use super::{Case, Problem};
use std::path::Path;

/// The annotations of a case, then a line for its log.
pub(super) fn case(case: &Case) -> String {
    let errors: String = case.problems.iter().map(|problem| error(&case.name, problem)).collect();
    match case.problems.first() {
        None => format!("ok {}: {}\n", case.name, case.note),
        Some(first) => format!("{errors}not ok {}: {}\n", case.name, first.title),
    }
}

fn error(name: &str, problem: &Problem) -> String {
    // A file elsewhere than below the checkout belongs to a dependency.
    let place = problem.place.filter(|place| Path::new(place.file()).is_relative());
    let place = place.map_or_else(String::new, |place| {
        format!("file={},line={},col={},", property(place.file()), place.line(), place.column())
    });
    let title = property(&format!("{}: {name}", problem.kind));
    let more = if problem.text == problem.title { "" } else { &problem.text };
    format!("::error {place}title={title}::{}\n", data(&format!("{}\n{more}", problem.title)))
}

/// The message of a command.
fn data(text: &str) -> String {
    text.trim_end().replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
