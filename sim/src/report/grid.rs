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
    /// Break lines that are wider than their column (otherwise they reach into the next, which is
    /// empty there).
    pub(super) wrap: bool,
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
                    let width = if self.wrap { self.column - 1 } else { usize::MAX };
                    for part in wrapped(&line.text, width) {
                        let margin = " ".repeat(self.column * column);
                        out.push_str(&format!("{margin}{part}\n"));
                    }
                }
            }
        }
        out
    }
}

/// Breaks a line at spaces, or at dots or parentheses where there are none; what follows is indented deeper.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.to_owned();
    while rest.chars().count() > width {
        let indent = rest.len() - rest.trim_start().len();
        let room: String = rest.chars().take(width).collect();
        let at_space = room.rfind(' ').map(|i| i + 1).filter(|&i| i > indent + 8);
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
        let deep = format!("{}{}", " ".repeat(60), "x".repeat(99));
        let parts = wrapped(&deep, 20);
        assert!(parts.iter().all(|part| part.len() <= 20), "{parts:?}");
        assert_eq!(parts.concat().replace(' ', ""), "x".repeat(99));
        assert_eq!(wrapped(&format!("{}short", " ".repeat(60)), 20), [format!("{:>20}", "short")]);
    }
}
