//! Text in columns.

/// A line of text in one column, or across all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Which column; none: centered over all.
    pub(super) column: Option<usize>,
    /// Its text, indented within the column.
    pub(super) text: String,
}

/// Columns of equal width. Nothing depends on the contents, so that one line more is one line more.
#[derive(Copy, Clone, Debug)]
pub(super) struct Grid {
    /// Characters in each column, the gap included.
    pub(super) column: usize,
    /// Break lines that are wider than their column, or than this at the right edge. Otherwise they
    /// reach into the next column, which is empty there.
    pub(super) width: Option<usize>,
}

impl Grid {
    /// Lines below headers.
    pub(super) fn render(self, headers: &[String], lines: &[Line]) -> String {
        let mut out = String::new();
        let rules = headers.iter().map(|h| "-".repeat(h.chars().count())).collect::<Vec<_>>();
        for row in [headers, rules.as_slice()] {
            let cells: String = row.iter().map(|h| format!("{h:<w$}", w = self.column)).collect();
            out.push_str(cells.trim_end());
            out.push('\n');
        }
        for line in lines {
            match line.column {
                None => {
                    let text = format!("~~~ {} ~~~", line.text);
                    let width = self.column * headers.len();
                    let margin = width.saturating_sub(text.chars().count()) / 2;
                    out.push_str(&format!("{}{text}\n", " ".repeat(margin)));
                }
                Some(column) => {
                    let left = self.column * column;
                    let room = match self.width {
                        None => usize::MAX,
                        Some(width) if column + 1 == headers.len() => width - left,
                        Some(_) => self.column - 1,
                    };
                    for part in wrapped(&line.text, room) {
                        let margin = " ".repeat(left);
                        out.push_str(&format!("{margin}{part}\n"));
                    }
                }
            }
        }
        out
    }
}

/// Breaks a line at spaces, but not before or after an arrow if it can be helped; or at dots or
/// parentheses where there are none. What follows is indented deeper.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.to_owned();
    while rest.chars().count() > width {
        let indent = rest.len() - rest.trim_start().len();
        let room: String = rest.chars().take(width).collect();
        let more: String = rest.chars().take(width + 1).collect();
        let free = |i: usize| !rest[i..].starts_with(" ->") && !rest[..i].ends_with("->");
        let spaces = || more.rmatch_indices(' ').map(|(i, _)| i).filter(|i| *i > indent + 8);
        let at_space = spaces().find(|i| free(*i)).or_else(|| spaces().next()).map(|i| i + 1);
        let cut = at_space.or_else(|| room.rfind('.').filter(|&i| i > indent + 4));
        let after_paren = room.rfind('(').map(|i| i + 1).filter(|&i| i > indent + 4);
        let cut = cut.or(after_paren).or_else(|| (indent == 0).then_some(room.len()));
        let Some(cut) = cut else {
            // Too deep: stand as far to the right as there is room.
            let body = rest.trim_start().to_owned();
            rest = " ".repeat(width.saturating_sub(body.chars().count())) + &body;
            continue;
        };
        let tail = rest.split_off(cut);
        parts.push(rest.trim_end().to_owned());
        let deeper = if parts.len() == 1 { (indent + 4).min(width / 2) } else { indent };
        rest = format!("{}{tail}", " ".repeat(deeper));
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_loses_nothing() {
        let text = "    list_add(page@cpu0/alloc.lru, mm.context.pgtable_list)";
        let parts = wrapped(text, 40);
        assert_eq!(
            parts,
            ["    list_add(page@cpu0/alloc.lru,", "        mm.context.pgtable_list)"]
        );
        assert_eq!(wrapped(text, 100), [text]);
        let change = "atomic_xor_bits(page._refcount, 0x22): 0x12 -> 0x30";
        assert_eq!(wrapped(change, 46), [&change[..38], "    0x12 -> 0x30"]);
        let deep = format!("{}{}", " ".repeat(60), "x".repeat(99));
        let parts = wrapped(&deep, 20);
        assert!(parts.iter().all(|part| part.len() <= 20), "{parts:?}");
        assert_eq!(parts.concat().replace(' ', ""), "x".repeat(99));
        assert_eq!(wrapped(&format!("{}short", " ".repeat(60)), 20), [format!("{:>20}", "short")]);
    }
}
