//! The rules of the file tree, read off the source text: layers import downwards only, siblings do
//! not import one another in circles, and no file is long.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

/// The layers of `sim/src`, lowest first, and what each may import. `lib.rs` may import everything.
/// ARCHITECTURE.md shows the same table.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("choice", &["base"]),
    ("machine", &["base"]),
    ("kernel", &["base", "machine"]),
    ("detect", &["base"]),
    ("trace", &["base"]),
    ("report", &["base", "trace"]),
    ("program", &["base"]),
    ("run", &["base", "choice", "machine", "kernel", "detect", "trace", "report", "program"]),
    ("testing", &["base", "choice", "run"]),
    ("cli", &["base", "choice", "trace", "report", "run"]),
];

const MAX_LINES: usize = 500;

#[test]
fn the_source_obeys() {
    let mut files = Vec::new();
    for folder in ["../sim/src", "../scenarios/src"] {
        read(Path::new(folder), &mut files);
        assert!(files.iter().any(|(path, _)| path.starts_with(&folder[3..])), "{folder} is empty");
    }
    let problems = check(&files);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn layers_import_only_what_stands_before_them() {
    for (at, (layer, allowed)) in LAYERS.iter().enumerate() {
        for import in *allowed {
            assert!(LAYERS[..at].iter().any(|(name, _)| name == import), "{layer}: {import}");
        }
    }
}

#[test]
fn architecture_shows_the_same_table() {
    let text = fs::read_to_string("../ARCHITECTURE.md").expect("ARCHITECTURE.md exists");
    let (_, table) = text.split_once("<!-- layers:begin -->").expect("the begin marker exists");
    let (table, _) = table.split_once("<!-- layers:end -->").expect("the end marker exists");
    let header = 2;
    let shown: Vec<_> = table.trim().lines().skip(header).map(first_two_cells).collect();
    let expected: Vec<_> = LAYERS
        .iter()
        .map(|(layer, allowed)| match allowed {
            [] => format!("| {layer} | — |"),
            _ => format!("| {layer} | {} |", allowed.join(", ")),
        })
        .collect();
    assert_eq!(shown, expected, "ARCHITECTURE.md (left) and LAYERS (right) differ");
}

/// The row without backticks and further columns.
fn first_two_cells(row: &str) -> String {
    let cells: Vec<_> = row.split('|').map(|cell| cell.replace('`', "")).collect();
    assert!(cells.len() > 3, "not a row of two cells: {row}");
    format!("| {} | {} |", cells[1].trim(), cells[2].trim())
}

/// Adds every Rust file below `folder`, in order of name, with its path from the top of the project.
fn read(folder: &Path, files: &mut Vec<(String, String)>) {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is readable text");
            let path = path.to_str().expect("paths are ASCII").replace('\\', "/");
            files.push((path.trim_start_matches("../").to_owned(), text));
        }
    }
}

/// Checks (path, text) pairs, and returns a sentence for each problem.
fn check<S: AsRef<str>>(files: &[(S, S)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_ref(), text.as_ref())).collect();
    let modules: BTreeSet<_> = files.iter().filter_map(|(path, _)| module_of(path)).collect();
    let mut problems = Vec::new();
    let mut siblings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();

    for &(path, text) in &files {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            problems.push(format!("{path}: {lines} lines, more than {MAX_LINES}"));
        }
        let Some(module) = module_of(path) else { continue };
        let Some(&layer) = module.first() else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            problems.push(format!("{path}: `{layer}` is no layer"));
            continue;
        };
        for (line, import) in imports(&module, text) {
            let target = import.first().copied().unwrap_or("the crate root");
            if target == layer {
                let shared = module.iter().zip(&import).take_while(|(a, b)| a == b).count();
                let sibling = import.get(..=shared).filter(|sibling| modules.contains(*sibling));
                if let (Some(this), Some(sibling)) = (module.get(..=shared), sibling) {
                    siblings.entry(this.join("::")).or_default().insert(sibling.join("::"));
                }
            } else if ["kernel_struct", "kernel_fn", "VERSION"].contains(&target) {
                // Exported macros live at the crate root, as does the version.
            } else if !LAYERS.iter().any(|(name, _)| *name == target) {
                problems.push(format!("{path}:{line}: imports `{target}`, which is no layer"));
            } else if !allowed.contains(&target) {
                problems.push(format!("{path}:{line}: `{layer}` must not import `{target}`"));
            }
        }
    }
    problems.extend(cycles(&siblings).into_iter().map(|cycle| format!("import cycle: {cycle}")));
    problems
}

/// Where a file of the library stands in its module tree: nowhere for files elsewhere and for
/// `tests.rs`, at the empty path for `lib.rs`. A facade (`mod.rs`) stands above its siblings.
fn module_of(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix("sim/src/")?.strip_suffix(".rs")?;
    let mut module: Vec<_> = path.split('/').collect();
    match module.last() {
        Some(&"tests") => return None,
        Some(&("mod" | "lib")) => _ = module.pop(),
        _ => {}
    }
    Some(module)
}

/// The shortest cycle through each node that only visits later ones, so that each group of nodes in
/// a circle is named at least once.
fn cycles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for start in graph.keys() {
        let mut seen = BTreeSet::new();
        let mut walks = VecDeque::from([(start, start.clone())]);
        while let Some((node, walk)) = walks.pop_front() {
            let next = graph.get(node).into_iter().flatten();
            if next.clone().any(|next| next == start) {
                found.push(format!("{walk} -> {start}"));
                break;
            }
            for next in next.filter(|next| *next > start) {
                if seen.insert(next) {
                    walks.push_back((next, format!("{walk} -> {next}")));
                }
            }
        }
    }
    found
}

/// Every path of `text` that starts at `crate`, `super` or `self`, with its line, as it reads from
/// the crate root; `ksim` counts as `crate`. Items under `#[cfg(test)]` are left out.
fn imports<'a>(module: &[&'a str], text: &'a str) -> Vec<(usize, Vec<&'a str>)> {
    let tokens = tokens(text);
    let is = |at: usize, texts: &[&str]| {
        tokens.get(at..).is_some_and(|rest| {
            rest.len() >= texts.len() && rest.iter().zip(texts).all(|(a, b)| a.text == *b)
        })
    };
    let mut found = Vec::new();
    let mut scope = module.to_vec();
    let (mut depth, mut inline_modules) = (0_usize, Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "#" if is(at + 1, &["[", "cfg", "(", "test", ")", "]"]) => {
                at = end_of_item(&tokens, at + 7);
                continue;
            }
            "mod" if is(at + 2, &["{"]) => {
                scope.push(tokens[at + 1].text);
                inline_modules.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline_modules.pop_if(|opened| *opened == depth).is_some() {
                    scope.pop();
                }
            }
            "crate" | "ksim" | "super" | "self"
                if is(at + 1, &["::"]) && !(at > 0 && is(at - 1, &["::"])) =>
            {
                at = use_tree(&tokens, at, scope.clone(), &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Follows the path or group that starts at token `at` below `path`; returns where it ends.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    mut path: Vec<&'a str>,
    found: &mut Vec<(usize, Vec<&'a str>)>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = match tokens[at].text {
                        "," => at + 1,
                        "as" => at + 2,
                        _ => use_tree(tokens, at, path.clone(), found),
                    };
                }
                return at + 1;
            }
            "crate" | "ksim" => path.clear(),
            "super" => _ = path.pop(),
            "self" => {}
            name => path.push(name),
        }
        at += 1;
        let goes_on = tokens.get(at).is_some_and(|token| token.text == "::")
            && tokens.get(at + 1).is_some_and(|token| token.text != "<");
        if !goes_on {
            found.push((token.line, path));
            return at;
        }
        at += 1;
    }
    at
}

/// The token after the item that starts at `at`: behind its `;` or its closing brace.
fn end_of_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return at,
            "}" if depth == 1 => return at + 1,
            ")" | "]" | "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

struct Token<'a> {
    line: usize,
    text: &'a str,
}

/// Names, `::` and single signs of a source text, without comments and literals.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let in_name = |c: char| c.is_alphanumeric() || c == '_';
        let (length, kept) = if let Some(length) = comment_or_literal(rest) {
            (length, false)
        } else if in_name(first) {
            (rest.find(|c| !in_name(c)).unwrap_or(rest.len()), true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (token, after) = rest.split_at(length);
        if kept {
            tokens.push(Token { line, text: token });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the comment, string or character that `text` starts with.
fn comment_or_literal(text: &str) -> Option<usize> {
    let to = |end: Option<usize>| Some(end.unwrap_or(text.len()));
    if text.starts_with("//") {
        return to(text.find('\n'));
    }
    if text.starts_with("/*") {
        let (mut depth, mut at) = (0_usize, 0);
        while let Some(signs) = text.as_bytes().get(at..at + 2) {
            at += match signs {
                b"*/" if depth == 1 => return Some(at + 2),
                b"*/" => {
                    depth -= 1;
                    2
                }
                b"/*" => {
                    depth += 1;
                    2
                }
                _ => 1,
            };
        }
        return to(None);
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let mut inner = inner.char_indices();
        let first = inner.next()?.1;
        if first == '\\' {
            inner.next();
            return inner.find(|(_, c)| *c == '\'').map(|(at, _)| at + 2);
        }
        return inner.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2);
    }
    let quoted = text.trim_start_matches(['b', 'c']);
    let raw = quoted.strip_prefix('r').map(|raw| raw.trim_start_matches('#'));
    if let Some(inner) = raw.and_then(|raw| raw.strip_prefix('"')) {
        let start = text.len() - inner.len();
        let hashes = text[..start].matches('#').count();
        let end = format!("\"{}", "#".repeat(hashes));
        return to(inner.find(&end).map(|at| start + at + end.len()));
    }
    let inner = quoted.strip_prefix('"')?;
    let start = text.len() - inner.len();
    let mut escaped = false;
    let end = inner.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    to(end.map(|at| start + at + 1))
}

/// The tests of the checker.
mod checker {
    use super::{MAX_LINES, check};

    /// What is wrong with `text` as the file `choice/random.rs`, without the place.
    fn in_choice(text: &str) -> Vec<String> {
        let problems = check(&[("sim/src/choice/random.rs", text)]);
        problems.iter().map(|p| p.split_once(": ").expect("a place").1.to_owned()).collect()
    }

    #[test]
    fn names_file_and_line_of_an_upward_import() {
        let text = "use crate::base;\n\nuse crate::run;\n";
        let problems = check(&[("sim/src/choice/random.rs", text)]);
        assert_eq!(problems, ["sim/src/choice/random.rs:3: `choice` must not import `run`"]);
    }

    #[test]
    fn sees_through_every_spelling() {
        for text in [
            "use crate::run::Run;",
            "use crate::{base::op::{Op, Reply}, run as r};",
            "pub(crate) use super::super::run::*;",
            "use super::{super::run::{self}, pct};",
            "mod inner { mod deeper {} use super::super::super::run::Run; }",
            "mod inner { fn f() {} } use super::super::run::Run;",
            "fn f() { let run = crate::run::Run::new::<u8>('\\'', '\"', \"\\\"\"); }",
            "fn f<'a>(x: &'a str) -> crate::run::Run<'a> { /* it's */ }",
            "macro_rules! m { () => { $crate::run::go() } }",
            "use ksim::run::Run;",
            "#[cfg(test)] use crate::kernel::{Kernel, Page}; use crate::run::Run;",
            "#[cfg(test)] mod tests { fn f() {} } use crate::run::Run;",
        ] {
            assert_eq!(in_choice(text), ["`choice` must not import `run`"], "{text}");
        }
    }

    #[test]
    fn is_silent_about_what_is_allowed_or_not_code() {
        for text in [
            "use crate::base::op::Op; use super::pct::Pct; use self::inner::X;",
            "// use crate::run\n/// [`crate::run::Run`]\n/* /*/ */ use crate::run; */ fn f() {}",
            r####"const A: &str = "use crate::run"; const B: &str = r#"" use crate::run"#;"####,
            "#[cfg(test)]\n#[expect(unused)]\nmod tests { use crate::run::Run; fn f() {} }",
            "#[cfg(test)] mod tests; pub(crate) fn f() {}",
        ] {
            assert_eq!(in_choice(text), [""; 0], "{text}");
        }
        assert_eq!(check(&[("sim/src/lib.rs", "pub use crate::run::Run;")]), [""; 0]);
        assert_eq!(check(&[("sim/src/choice/tests.rs", "use crate::run::Run;")]), [""; 0]);
        assert_eq!(check(&[("scenarios/src/rcu/mod.rs", "use crate::anything;")]), [""; 0]);
    }

    #[test]
    fn notices_what_is_no_layer() {
        assert_eq!(in_choice("use crate::Seed;"), ["imports `Seed`, which is no layer"]);
        assert_eq!(in_choice("use crate::*;"), ["imports `*`, which is no layer"]);
        let problems = check(&[("sim/src/util/mod.rs", "")]);
        assert_eq!(problems, ["sim/src/util/mod.rs: `util` is no layer"]);
        let problems = check(&[("sim/src/util.rs", "")]);
        assert_eq!(problems, ["sim/src/util.rs: `util` is no layer"]);
    }

    #[test]
    fn notices_a_long_file() {
        let fits = "\n".repeat(MAX_LINES);
        for path in ["sim/src/lib.rs", "sim/src/run/mod.rs", "scenarios/src/litmus/mod.rs"] {
            assert_eq!(check(&[(path, fits.as_str())]), [""; 0]);
            let problems = check(&[(path, &format!("{fits}\n"))]);
            assert_eq!(problems, [format!("{path}: 501 lines, more than 500")]);
        }
    }

    #[test]
    fn notices_a_circle_of_siblings() {
        let facade = ("sim/src/kernel/mod.rs", "mod frag; use self::page::Page; pub struct Word;");
        let page = ("sim/src/kernel/page.rs", "use super::Word; use crate::kernel::arena::Arena;");
        let arena = ("sim/src/kernel/arena.rs", "use super::Word;");
        let frag = ("sim/src/kernel/frag.rs", "use super::page::Page;");
        assert_eq!(check(&[facade, page, arena, frag]), [""; 0]);

        let arena = ("sim/src/kernel/arena.rs", "use super::{Word, frag::Frag};");
        let circle = "kernel::arena -> kernel::frag -> kernel::page -> kernel::arena";
        assert_eq!(check(&[facade, page, arena, frag]), [format!("import cycle: {circle}")]);
    }

    #[test]
    fn notices_a_circle_through_a_folder() {
        let lock = ("sim/src/kernel/lock.rs", "use super::rcu::gp::Period;");
        let period = ("sim/src/kernel/rcu/gp.rs", "use super::super::lock::Lock;");
        let facade = ("sim/src/kernel/rcu/mod.rs", "mod gp;");
        let problems = check(&[lock, period, facade]);
        assert_eq!(problems, ["import cycle: kernel::lock -> kernel::rcu -> kernel::lock"]);
    }
}
