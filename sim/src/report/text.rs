//! Filled text.

/// Characters in a line of prose: what a commit message allows.
const PROSE: usize = 75;

/// Breaks prose into lines.
pub(super) fn fill(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let needed = word.chars().count();
        if width > 0 && width + 1 + needed > PROSE {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += needed;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn prose_is_filled() {
        let text = super::fill(&"word ".repeat(40));
        assert_eq!(text.split_whitespace().count(), 40);
        assert!(text.lines().all(|l| l.len() <= super::PROSE && !l.is_empty()));
        assert_eq!(text.lines().count(), 3);
    }
}
