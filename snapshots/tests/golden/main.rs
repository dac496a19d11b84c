//! The reports, as people read them: one for each class of finding, and one for each scenario that
//! shows something. `cargo insta review` shows what has changed; without it,
//! `INSTA_UPDATE=always cargo test -p ksim-snapshots` and `git diff`.

mod classes;
mod search;

use ksim::base::finding::Kind;
use ksim::report;
use ksim::run::Scenario;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// A report with the name of its file.
struct Golden {
    name: String,
    about: String,
    text: String,
}

impl Golden {
    fn of(name: &str, scenario: &Scenario, kind: Kind) -> Option<Golden> {
        let (finding, trace) = search::example(scenario, kind)?;
        Some(Golden {
            name: name.replace('/', "__"),
            about: format!("{}, seed {}", scenario.name, search::SEED),
            text: report::finding(&finding, &trace),
        })
    }
}

fn goldens() -> &'static [Golden] {
    static ALL: OnceLock<Vec<Golden>> = OnceLock::new();
    ALL.get_or_init(|| classes().into_iter().chain(scenarios()).collect())
}

fn classes() -> Vec<Golden> {
    let all = classes::all();
    let report = |(kind, scenario): &(Kind, Scenario)| {
        let golden = Golden::of(&scenario.name, scenario, *kind);
        golden.unwrap_or_else(|| panic!("{} does not show {kind}", scenario.name))
    };
    all.iter().map(report).collect()
}

/// Every kind that a design of the mail thread shows, by the first of its workloads for which a
/// short search hits on it.
fn scenarios() -> Vec<Golden> {
    let all = ksim_scenarios::all();
    let mut goldens: Vec<Golden> = Vec::new();
    for scenario in all.iter().filter(|s| s.family() == "pte-free-defer") {
        let design = scenario.name.rsplit_once('/').map_or("", |(design, _)| design);
        for &kind in scenario.expect.kinds() {
            let name = format!("{design}/{kind}");
            if goldens.iter().all(|g| g.name != name.replace('/', "__")) {
                goldens.extend(Golden::of(&name, scenario, kind));
            }
        }
    }
    goldens
}

#[test]
fn reports_are_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../..");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut changed = Vec::new();
    for golden in goldens() {
        settings.set_description(&golden.about);
        let check = || settings.bind(|| insta::assert_snapshot!(golden.name.as_str(), golden.text));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err() {
            changed.push(golden.name.as_str());
        }
    }
    assert!(changed.is_empty(), "changed or new: {changed:?}");
}

#[test]
fn every_file_is_the_report_of_something() {
    let expected: BTreeSet<String> = goldens().iter().map(|g| format!("{}.snap", g.name)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).expect("the folder of this package can be listed");
    let names = names.map(|entry| entry.expect("an entry can be read").file_name());
    let found: BTreeSet<String> =
        names.filter_map(|n| n.into_string().ok()).filter(|n| n.ends_with(".snap")).collect();
    let dead: Vec<&String> = found.difference(&expected).collect();
    assert!(dead.is_empty(), "no test makes these any more; delete them: {dead:?}");
}

#[test]
fn every_kind_has_a_class() {
    let mut kinds: Vec<Kind> = classes::all().iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, Kind::ALL);
}

#[test]
fn names_are_distinct() {
    let names: BTreeSet<&str> = goldens().iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names.len(), goldens().len());
}

#[test]
fn diagrams_fit_into_a_commit_message() {
    for golden in goldens() {
        let (_, diagram) = golden.text.split_once("How it happens").expect("there is a diagram");
        let width = if diagram.contains("CPU2") { 100 } else { 75 };
        for line in diagram.lines().skip(1) {
            assert!(line.chars().count() <= width, "{}: {line}", golden.name);
            assert_eq!(line, line.trim_end(), "{}", golden.name);
        }
    }
}

#[test]
fn reports_tell_no_addresses() {
    for golden in goldens() {
        let address = golden.text.lines().find(|l| l.contains("0x8") && l.contains('/'));
        assert_eq!(address, None, "{}", golden.name);
    }
}

#[test]
fn one_operation_more_is_one_line_more() {
    let (kind, plain) = (Kind::UseAfterFree, classes::use_after_free(false));
    let (before, short) = search::example(&plain, kind).expect("it is found");
    let more = classes::use_after_free(true);
    let (after, long) = search::example(&more, kind).expect("it is found again");
    assert_eq!(before.signature(), after.signature());
    assert_eq!(without(&report::columns(&long), "cpu_relax()"), report::columns(&short));
    assert_eq!(report::columns(&long).matches("cpu_relax()").count(), 1);
    // It has nothing to do with the finding, so the report only hints at it.
    let (shorter, longer) = (report::finding(&before, &short), report::finding(&after, &long));
    assert_eq!(added(&shorter, &longer), ["..."]);
}

/// The lines that the second text has in addition to the first.
fn added<'t>(shorter: &str, longer: &'t str) -> Vec<&'t str> {
    let mut rest = shorter.lines().peekable();
    let new =
        longer.lines().filter(|line| rest.next_if_eq(line).is_none()).map(str::trim).collect();
    assert_eq!(rest.next(), None, "a line is gone or changed\n{shorter}\n{longer}");
    new
}

/// The text without the lines that consist of this.
fn without(text: &str, line: &str) -> String {
    let lines = text.lines().filter(|l| l.trim() != line);
    lines.map(|l| format!("{l}\n")).collect()
}
