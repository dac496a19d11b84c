//! The reports, as people read them: one for each class of finding, and one for each scenario that
//! shows something. `cargo insta review` shows what has changed; without it,
//! `INSTA_UPDATE=always cargo test -p ksim-snapshots` and `git diff`.

mod classes;
mod debug;
mod insertion;
mod search;
mod verdicts;

use ksim::base::finding::Kind;
use ksim::report;
use ksim::run::Scenario;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

/// A report with the name of its file.
struct Golden {
    name: String,
    about: String,
    text: String,
}

impl Golden {
    /// The report of the first of these scenarios that shows the kind. If none does, the file says
    /// so, and [`stored`] refuses it.
    fn of(name: &str, kind: Kind, scenarios: &[&Scenario]) -> Golden {
        let example = |s: &&Scenario| {
            let found = search::example(s, kind).map(|e| (format!("seed {}", search::SEED), e));
            let saved = || Some(("a saved schedule".to_owned(), search::saved(s, kind)?));
            Some((s.name.clone(), found.or_else(saved)?))
        };
        let (about, text) = match scenarios.iter().find_map(example) {
            Some((scenario, (origin, (finding, trace)))) => {
                let (verdict, report) = (finding.signature(), report::finding(&finding, &trace));
                let text = format!("scenario: {scenario}\nverdict:  {verdict}\n\n{report}");
                (format!("{scenario}, {origin}"), text)
            }
            None => {
                let scenario = scenarios.first().map_or("", |s| s.name.as_str());
                let text = format!("scenario: {scenario}\nverdict:  {kind} {}\n", search::LOST);
                (scenario.to_owned(), text)
            }
        };
        Golden { name: name.replace('/', "__"), about, text }
    }
}

fn goldens() -> &'static [Golden] {
    static ALL: OnceLock<Vec<Golden>> = OnceLock::new();
    ALL.get_or_init(|| classes().into_iter().chain(scenarios()).collect())
}

fn classes() -> Vec<Golden> {
    let all = classes::all();
    all.iter().map(|s| Golden::of(&s.name, s.expect.kinds()[0], &[s])).collect()
}

/// Every kind that a design of the mail thread shows.
fn scenarios() -> Vec<Golden> {
    let all = ksim_scenarios::all();
    expected(&all)
        .iter()
        .map(|((design, kind), scenarios)| {
            Golden::of(&format!("{design}/{kind}"), *kind, scenarios)
        })
        .collect()
}

/// The designs of the thread with each kind that they are expected to show, and the workloads that
/// are expected to show it.
fn expected(all: &[Scenario]) -> BTreeMap<(&str, Kind), Vec<&Scenario>> {
    let mut expected: BTreeMap<(&str, Kind), Vec<&Scenario>> = BTreeMap::new();
    for scenario in all.iter().filter(|s| s.family() == "pte-free-defer") {
        let design = scenario.name.rsplit_once('/').map_or("", |(design, _)| design);
        for &kind in scenario.expect.kinds() {
            expected.entry((design, kind)).or_default().push(scenario);
        }
    }
    expected
}

/// Golden files that are no report of a finding; tests of their own make them.
const OTHERS: &[&str] = &[debug::NAME];

/// The golden reports as they are stored, by name.
fn stored() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).expect("the folder of this package can be listed");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let snaps = paths.filter(|path| path.extension().is_some_and(|e| e == "snap"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a golden file can be read"))
    };
    snaps.map(read).filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect()
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
    let made: BTreeSet<&str> = goldens().iter().map(|g| g.name.as_str()).collect();
    let stored = stored();
    let dead: Vec<&String> = stored.keys().filter(|name| !made.contains(name.as_str())).collect();
    assert!(dead.is_empty(), "no test makes these any more; delete them: {dead:?}");
}

/// A verdict is changed in the scenario. Whoever accepts or deletes golden files without that fails
/// here.
#[test]
fn stored_verdicts_are_those_that_the_scenarios_expect() {
    let all: Vec<Scenario> = ksim_scenarios::all().into_iter().chain(classes::all()).collect();
    let problems = verdicts::problems(&stored(), &all);
    assert!(problems.is_empty(), "change what the scenario expects, or mend it:\n{problems:#?}");
}

#[test]
fn every_kind_has_a_class() {
    let all = classes::all();
    let mut kinds: Vec<Kind> = all.iter().flat_map(|s| s.expect.kinds()).copied().collect();
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
