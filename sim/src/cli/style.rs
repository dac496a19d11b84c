//! Styles of the output. The streams of `anstream` drop them where they do not belong.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A finding, a failure.
pub(super) fn bad(text: impl Display) -> String {
    styled(BAD, text)
}

/// A success.
pub(super) fn good(text: impl Display) -> String {
    styled(GOOD, text)
}

/// Something that has changed.
pub(super) fn warn(text: impl Display) -> String {
    styled(WARN, text)
}

/// A name that heads something.
pub(super) fn title(text: impl Display) -> String {
    styled(TITLE, text)
}

/// What may be overlooked.
pub(super) fn faint(text: impl Display) -> String {
    styled(FAINT, text)
}

/// `1 run`, `2 runs`.
pub(super) fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
