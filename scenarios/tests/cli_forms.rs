//! The forms of `hunt` and `check` for CI, read by something else than what wrote them.

mod common;

use common::{folder, ksim};
use roxmltree::{Document, Node};

/// One that fails and one that does not.
const HUNT: [&str; 6] = ["hunt", "services/rcu-irq", "--runs", "300", "--strategy", "random"];
const CHECK: [&str; 6] = ["check", "services/rcu-irq", "--runs", "300", "--strategy", "random"];

fn output(test: &str, args: &[&str], form: &str) -> (i32, String) {
    let (code, out, err) = ksim(&folder(test), &[args, &["--format", form]].concat());
    assert!(code < 2, "{err}");
    (code, out)
}

/// A result line of KTAP.
#[derive(PartialEq, Debug)]
struct Result<'o> {
    ok: bool,
    name: &'o str,
    data: &'o str,
}

/// Parses KTAP without subtests by its grammar: version, plan, then results in order, with
/// diagnostic lines anywhere. Nothing else may come.
fn ktap(out: &str) -> Vec<Result<'_>> {
    let mut lines = out.lines().filter(|line| *line != "#" && !line.starts_with("# "));
    assert_eq!(lines.next(), Some("KTAP version 1"));
    let plan = lines.next().and_then(|line| line.strip_prefix("1..")).expect("a plan");
    let results: Vec<Result<'_>> = lines
        .enumerate()
        .map(|(i, line)| {
            let (ok, rest) = match line.strip_prefix("not ok ") {
                Some(rest) => (false, rest),
                None => (true, line.strip_prefix("ok ").unwrap_or_else(|| panic!("{line}"))),
            };
            let (number, rest) = rest.split_once(' ').expect("a number");
            assert_eq!(number, (i + 1).to_string());
            let (name, data) = rest.split_once(" # ").unwrap_or((rest, ""));
            assert!(!name.contains('#'));
            Result { ok, name, data }
        })
        .collect();
    assert_eq!(plan, results.len().to_string());
    results
}

#[test]
fn ktap_follows_its_grammar() {
    let (code, out) = output("forms-ktap", &HUNT, "ktap");
    let results = ktap(&out);
    assert_eq!(code, 1);
    let fix = Result { ok: true, name: "services/rcu-irq/fix", data: "300 runs" };
    assert_eq!(results.len(), 2);
    assert_eq!((results[0].ok, results[0].name), (false, "services/rcu-irq/bug"));
    assert_eq!(results[1], fix);
    assert!(out.contains("# ") && out.contains(&format!("{}\n", results[0].data)), "{out}");
    assert!(out.contains("\n# ksim replay ksim-out/"), "{out}");

    let (code, out) = output("forms-ktap-check", &CHECK, "ktap");
    let results = ktap(&out);
    assert_eq!((code, results.iter().all(|r| r.ok)), (0, true), "{out}");
}

fn attribute<'d>(node: Node<'_, 'd>, name: &str) -> String {
    node.attribute(name).unwrap_or_else(|| panic!("{name} is missing")).to_owned()
}

#[test]
fn junit_is_xml_and_counts_right() {
    let (code, out) = output("forms-junit", &HUNT, "junit");
    assert_eq!(code, 1);
    let document = Document::parse(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    let suites = document.root_element();
    assert!(suites.has_tag_name("testsuites"));
    for level in [suites, suites.first_element_child().expect("a suite")] {
        let counts = ["tests", "failures", "errors"].map(|name| attribute(level, name));
        assert_eq!(counts, ["2", "1", "0"]);
        assert!(attribute(level, "time").parse::<f64>().is_ok());
    }
    let cases: Vec<Node<'_, '_>> =
        document.descendants().filter(|n| n.has_tag_name("testcase")).collect();
    let names: Vec<String> = cases
        .iter()
        .map(|c| format!("{} {}", attribute(*c, "classname"), attribute(*c, "name")))
        .collect();
    assert_eq!(names, ["services.rcu-irq bug", "services.rcu-irq fix"]);
    let failure = cases[0].first_element_child().expect("it failed");
    assert!(failure.has_tag_name("failure"));
    assert!(!attribute(failure, "message").is_empty() && !attribute(failure, "type").is_empty());
    // The report with its angle brackets and line breaks.
    let text = failure.text().expect("a report");
    assert!(text.contains(&attribute(failure, "message")), "{text}");
    assert!(text.lines().count() > 10 && text.contains("<irq:"), "{text}");
    assert!(cases[1].first_element_child().is_none());
}

#[test]
fn github_annotates_the_operation_that_failed() {
    let (code, out) = output("forms-github", &HUNT, "github");
    assert_eq!(code, 1);
    let errors: Vec<&str> = out.lines().filter_map(|l| l.strip_prefix("::error ")).collect();
    assert_eq!(errors.len(), 1, "{out}");
    let (properties, message) = errors[0].split_once("::").expect("a message");
    let property = |name: &str| {
        let mut all = properties.split(',').filter_map(|p| p.split_once('='));
        all.find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name}: {properties}")).1
    };
    let file = property("file");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let source = std::fs::read_to_string(&source).expect("the file of the annotation is there");
    let line: usize = property("line").parse().expect("a number");
    let line = source.lines().nth(line - 1).expect("the file has that line");
    assert!(line.contains("k."), "{line} is no operation");
    assert!(property("title").contains("services/rcu-irq/bug"));
    assert!(message.contains("%0A"), "{message}");
    assert!(out.contains("\nok services/rcu-irq/fix: 300 runs\n"), "{out}");

    // In so few runs the bug is not seen, so there is no operation to point to.
    let few = ["check", "services/rcu-irq/bug", "--runs", "1", "--strategy", "delay1"];
    let (code, out) = output("forms-few", &few, "github");
    assert_eq!(code, 1);
    assert!(out.starts_with("::error title=missing%3A services/rcu-irq/bug::expected"), "{out}");
}

#[test]
fn json_has_a_form_of_its_own() {
    let (code, _, err) =
        ksim(&folder("forms-json"), &["hunt", "services", "--json", "--format", "ktap"]);
    assert_eq!(code, 125);
    assert!(err.contains("cannot be used with"), "{err}");
}
