//! JUnit's XML, as Jenkins, GitLab and others read it: a suite for each family of scenarios.

use super::{Case, Problem};
use std::fmt::Write;
use std::time::Duration;

/// The whole document.
pub(super) fn suites(cases: &[Case], missing: &[String]) -> String {
    let mut families: Vec<&str> =
        cases.iter().map(|c| family(&c.name)).chain(missing.iter().map(|n| family(n))).collect();
    families.sort_unstable();
    families.dedup();
    let of = |name: &str| {
        let mine: Vec<&Case> = cases.iter().filter(|c| family(&c.name) == name).collect();
        let missing: Vec<&String> = missing.iter().filter(|n| family(n) == name).collect();
        suite(name, &mine, &missing)
    };
    let totals = counts(cases, missing.len());
    let suites: String = families.into_iter().map(of).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ksim\" {totals}>\n{suites}\
         </testsuites>\n"
    )
}

fn suite(name: &str, cases: &[&Case], missing: &[&String]) -> String {
    let totals = counts(cases.iter().copied(), missing.len());
    let mut out = format!("  <testsuite name=\"{}\" {totals}>\n", escaped(name));
    for case in cases {
        let head = head(&case.name, case.time);
        if case.problems.is_empty() {
            _ = writeln!(out, "{head}/>");
            continue;
        }
        _ = writeln!(out, "{head}>");
        // Readers show only the first failure of a case, so all stand in one.
        let Problem { kind, title, .. } = &case.problems[0];
        let text: Vec<&str> = case.problems.iter().map(|p| p.text.as_str()).collect();
        let (title, text) = (escaped(title), escaped(&text.join("\n")).replace("&#10;", "\n"));
        _ = writeln!(out, "      <failure message=\"{title}\" type=\"{kind}\">{text}</failure>");
        out.push_str("    </testcase>\n");
    }
    for name in missing {
        let head = head(name, Duration::ZERO);
        _ = writeln!(out, "{head}>\n      <error message=\"interrupted\"/>\n    </testcase>");
    }
    out + "  </testsuite>\n"
}

fn counts<'c>(cases: impl IntoIterator<Item = &'c Case>, errors: usize) -> String {
    let (mut tests, mut failures, mut time) = (errors, 0, Duration::ZERO);
    for case in cases {
        tests += 1;
        failures += usize::from(!case.problems.is_empty());
        time += case.time;
    }
    let time = time.as_secs_f64();
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.3}\"")
}

/// `<testcase …`, not closed.
fn head(name: &str, time: Duration) -> String {
    let (class, name) = name.rsplit_once('/').unwrap_or(("", name));
    format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(&class.replace('/', ".")),
        escaped(name),
        time.as_secs_f64()
    )
}

fn family(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// Text in an attribute or an element. Characters that XML 1.0 cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => _ = write!(out, "&#{};", u32::from(c)),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        assert_eq!(
            super::escaped("a<b> & \"c\"\n\u{1b}"),
            "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}"
        );
    }
}
