//! The transcripts in README.md and docs/ are what the commands really print.
//!
//! A block ```` ```console ```` holds commands (`$ ksim …`), each with its standard output below it.
//! The blocks of a file run in order, in one folder that holds nothing but the golden files. A line
//! `[...]` stands for any number of lines. `; echo $?` after a command shows its exit code; without
//! it the code must be 0 or 1. A block ```` ```console,slow ```` is not run, and the test says so.
//!
//! `KSIM_WRITE_DOCS=1 cargo test -p ksim-scenarios --test docs` writes the real output in place of
//! what differs; read the diff, and elide again.

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

const ELISION: &str = "[...]";

#[test]
fn transcripts_are_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rewrite = std::env::var_os("KSIM_WRITE_DOCS").is_some();
    let mut problems = String::new();
    for path in pages(&root) {
        let text = std::fs::read_to_string(&path).expect("a page can be read");
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let real = page(&name, &text, &root, &mut problems);
        if rewrite && real != text {
            std::fs::write(&path, real).expect("a page can be written");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages = vec![root.join("README.md")];
    let docs = std::fs::read_dir(root.join("docs")).expect("there is a folder docs");
    pages.extend(docs.map(|entry| entry.expect("an entry can be read").path()));
    pages.retain(|path| path.extension().is_some_and(|e| e == "md"));
    pages.sort();
    pages
}

/// Runs the commands of a page. Returns it with real output.
fn page(name: &str, text: &str, root: &Path, problems: &mut String) -> String {
    let folder = common::folder(&format!("docs-{name}"));
    copy_snapshots(root, &folder);
    let mut out = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        _ = writeln!(out, "{line}");
        let Some(language) = line.strip_prefix("```") else { continue };
        let mut block = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("```")) {
            block.push(line);
        }
        let at = format!("{name}.md:{}", at + 1);
        match language {
            "console" => out.push_str(&console(&block, &at, &folder, problems)),
            "console,slow" => eprintln!("{at}: marked as slow, not run"),
            _ if block.iter().any(|line| line.starts_with("$ ksim")) => {
                _ = writeln!(problems, "{at}: a transcript stands in a block ```console");
            }
            _ => {}
        }
        if language != "console" {
            block.iter().for_each(|line| _ = writeln!(out, "{line}"));
        }
        out.extend(lines.next().map(|(_, line)| format!("{line}\n")));
    }
    out
}

fn copy_snapshots(root: &Path, folder: &Path) {
    let to = folder.join("snapshots");
    std::fs::create_dir(&to).expect("a folder can be made");
    let from = std::fs::read_dir(root.join("snapshots")).expect("there are snapshots");
    for path in from.map(|entry| entry.expect("an entry can be read").path()) {
        if path.extension().is_some_and(|e| e == "snap") {
            let name = path.file_name().expect("a file has a name");
            std::fs::copy(&path, to.join(name)).expect("a golden file can be copied");
        }
    }
}

/// Runs the commands of a block. Returns it with real output.
fn console(block: &[&str], at: &str, folder: &Path, problems: &mut String) -> String {
    let mut out = String::new();
    let mut lines = block.iter().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else {
            _ = writeln!(problems, "{at}: output without a command: {line}");
            _ = writeln!(out, "{line}");
            continue;
        };
        _ = writeln!(out, "{line}");
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected.push(*line);
        }
        let real = match run(command, folder) {
            Ok(real) => real,
            Err(problem) => {
                _ = writeln!(problems, "{at}: {command}: {problem}");
                continue;
            }
        };
        let real: Vec<&str> = real.lines().map(str::trim_end).collect();
        let shown = if matches(&expected, &real) { &expected } else { &real };
        if shown != &expected {
            _ = writeln!(problems, "{at}: {command} prints\n{}\n", real.join("\n"));
        }
        shown.iter().for_each(|line| _ = writeln!(out, "{line}"));
    }
    out
}

/// Standard output of a command, and its exit code where the line asks for it.
fn run(line: &str, folder: &Path) -> Result<String, String> {
    let (command, asks) = match line.strip_suffix("; echo $?") {
        Some(command) => (command, true),
        None => (line, false),
    };
    let words = words(command);
    let Some(("ksim", args)) = words.split_first().map(|(first, args)| (first.as_str(), args))
    else {
        return Err("only `ksim` can be run here".to_owned());
    };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, out, err) = common::ksim(folder, &args);
    match (asks, code) {
        (true, _) => Ok(format!("{out}{code}\n")),
        (false, 0 | 1) => Ok(out),
        (false, _) => Err(format!("exit code {code}: {err}")),
    }
}

/// Words as a shell takes them: single and double quotes, and nothing else.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ' ' => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Do the lines match, where `[...]` stands for any number of them?
fn matches(expected: &[&str], real: &[&str]) -> bool {
    match expected.split_first() {
        None => real.is_empty(),
        Some((&ELISION, rest)) => (0..=real.len()).any(|skip| matches(rest, &real[skip..])),
        Some((first, rest)) => real.first() == Some(first) && matches(rest, &real[1..]),
    }
}

#[test]
fn transcripts_are_compared_line_by_line() {
    assert!(matches(&["a", ELISION, "c"], &["a", "b", "b", "c"]));
    assert!(matches(&[ELISION], &[]));
    assert!(!matches(&["a", ELISION, "c"], &["a", "c", "d"]));
    assert!(!matches(&["a"], &["a", "b"]));
    assert_eq!(
        words("ksim debug f -e 'go finding' \"\" a'b'c"),
        ["ksim", "debug", "f", "-e", "go finding", "", "abc"]
    );
    let mut problems = String::new();
    let text = "```console\n$ ksim list qqqqqq; echo $?\n0\n$ rm x\n```\n```sh\n$ ksim\n```\n";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let real = page("test", text, &root, &mut problems);
    assert_eq!(real, text.replace("0\n", "125\n"));
    for problem in
        ["ksim list qqqqqq; echo $? prints\n125\n", "only `ksim`", "test.md:6: a transcript"]
    {
        assert!(problems.contains(problem), "{problems}");
    }
}
