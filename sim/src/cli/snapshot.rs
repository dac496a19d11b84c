//! Golden reports, as `ksim-snapshots` and other users of insta write them, read back.

use super::error::Error;
use std::path::Path;

/// A golden report.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The scenario, if the file names one.
    pub scenario: Option<String>,
    /// The signature of its finding, or at least its headline.
    pub verdict: String,
    /// The first line of the report.
    pub headline: String,
    /// What each context does in the diagram, in order.
    pub contexts: Vec<(String, Vec<String>)>,
    /// The text below the metadata.
    pub text: String,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Snapshot, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::Read { path: path.to_owned(), error })?;
    parse(&text).ok_or_else(|| Error::Snapshot { path: path.to_owned() })
}

/// Takes a file of insta apart: metadata between lines of dashes, then the text. A file with
/// conflict markers, or of something else, is none.
fn parse(file: &str) -> Option<Snapshot> {
    let file = file.replace("\r\n", "\n");
    let (_, text) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
    let field = |name: &str| {
        let line = text.lines().take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    };
    let scenario = field("scenario:");
    let report = if scenario.is_some() { text.split_once("\n\n")?.1 } else { text };
    let is_frame = |line: &str| line.is_empty() || line.starts_with(['=', '-']);
    let headline = report.lines().find(|line| !is_frame(line))?.to_owned();
    Some(Snapshot {
        scenario,
        verdict: field("verdict:").unwrap_or_else(|| headline.clone()),
        headline,
        contexts: contexts(report),
        text: text.to_owned(),
    })
}

/// The columns of the diagram, each line whole again.
fn contexts(report: &str) -> Vec<(String, Vec<String>)> {
    let Some((_, diagram)) = report.split_once("\nHow it happens") else { return Vec::new() };
    let mut lines = diagram.lines().skip(1).filter(|line| !line.is_empty());
    let Some(header) = lines.next() else { return Vec::new() };
    let starts: Vec<usize> = header.match_indices("CPU").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([header.len()]);
    let names = starts.iter().zip(ends).map(|(&from, to)| header[from..to].trim().to_owned());
    let mut columns: Vec<(String, Vec<String>)> = names.map(|name| (name, Vec::new())).collect();
    let mut beside = Vec::new();
    // Column and indentation of the line before.
    let mut last = (usize::MAX, 0);
    for line in lines.skip(1) {
        let text = line.trim();
        if text.starts_with("~~~") {
            beside.push(text.trim_matches(['~', ' ']).to_owned());
            last = (usize::MAX, 0);
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let Some(column) = starts.iter().rposition(|&start| start <= indent) else { continue };
        let mine = &mut columns[column].1;
        match mine.last_mut() {
            // The rest of a line that was too long.
            Some(before) if last.0 == column && indent >= last.1 + 4 && !is_entry(text) => {
                let glued = before.ends_with('(') || text.starts_with('.');
                before.push_str(if glued { "" } else { " " });
                before.push_str(text);
            }
            _ => {
                mine.push(text.to_owned());
                last = (column, indent);
            }
        }
    }
    if !beside.is_empty() {
        columns.push(("beside the CPUs".to_owned(), beside));
    }
    columns
}

/// Does the line begin something, however deep it stands?
fn is_entry(text: &str) -> bool {
    text.starts_with('<') || text.ends_with("()")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "---\nsource: main.rs\n---\nscenario: a/b\nverdict:  deadlock l in f:g\n\n\
        ====\nBUG: it hangs\n====\n\nHow it happens (somehow):\n\n\
        CPU0 [a]   CPU1 [b]\n--------   --------\nf()\n lock(l,\n     m)\n           f()\n\
        \x20           lock(l)\n    ~~~ time passes ~~~\n unlock(l)\n";

    #[test]
    fn files_are_taken_apart() {
        let snapshot = parse(FILE).expect("it is one");
        assert_eq!(snapshot.scenario.as_deref(), Some("a/b"));
        assert_eq!(snapshot.verdict, "deadlock l in f:g");
        assert_eq!(snapshot.headline, "BUG: it hangs");
        let text = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let expected = [
            ("CPU0 [a]".to_owned(), text(&["f()", "lock(l, m)", "unlock(l)"])),
            ("CPU1 [b]".to_owned(), text(&["f()", "lock(l)"])),
            ("beside the CPUs".to_owned(), text(&["time passes"])),
        ];
        assert_eq!(snapshot.contexts, expected);
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in ["", "---\n", "---\na\n", "int main;\n", "---\na\n---\n", "---\na\n---\n===\n"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
