//! The tables of docs/detectors.md are true: each row's scenario shows its kind in its words, and
//! its twin is silent.

use ksim::base::finding::{Finding, Kind};
use ksim::choice::RandomWalk;
use ksim::run::{Execution, Scenario};
use std::collections::BTreeSet;

/// Runs of a scenario.
const RUNS: u64 = 300;

struct Row {
    kind: Kind,
    says: String,
    scenario: String,
}

/// The cells of a row that are code.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split(" | ").collect();
    let code = |cell: &str| Some(cell.split('`').nth(1)?.to_owned());
    let first = code(cells.first()?)?;
    let kind = Kind::from_name(&first).unwrap_or_else(|| panic!("{first} is no kind"));
    Some(Row { kind, says: code(cells[1])?, scenario: code(cells[3])? })
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string("../docs/detectors.md").expect("the page exists");
    text.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

fn says(finding: &Finding, text: &str) -> bool {
    finding.headline.contains(text) || finding.notes.iter().any(|note| note.contains(text))
}

/// Is a row true in one of some runs?
fn is_shown(scenario: &Scenario, row: &Row) -> bool {
    let mut execution = Execution::new(scenario);
    let mut walk = RandomWalk::default();
    (0..RUNS).any(|index| {
        execution.run(&mut walk, 5, index);
        let mut findings = execution.sim().system().findings.iter();
        findings.any(|f| f.kind == row.kind && says(f, &row.says))
    })
}

#[test]
fn every_row_is_true() {
    let all = ksim_scenarios::all();
    let find = |name: &str| all.iter().find(|s| s.name == name);
    let mut wrong = String::new();
    for row in rows() {
        let Some(scenario) = find(&row.scenario) else {
            wrong.push_str(&format!("there is no {}\n", row.scenario));
            continue;
        };
        if !is_shown(scenario, &row) {
            wrong.push_str(&format!("{} does not say {:?}\n", row.scenario, row.says));
        }
        // That the twin shows nothing is what `verdicts.rs` checks.
        let twin = find(&row.scenario.replace("/bug", "/fix"));
        if twin.is_none_or(|twin| !twin.expect.kinds().is_empty()) {
            wrong.push_str(&format!("{} has no silent twin\n", row.scenario));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_kind_and_every_detector_has_a_row() {
    let rows = rows();
    let kinds: BTreeSet<Kind> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, BTreeSet::from(Kind::ALL));
    for bug in ksim_scenarios::all().iter().filter(|s| s.name.starts_with("detectors/")) {
        let row = rows.iter().find(|row| row.scenario == bug.name);
        assert!(row.is_some() || bug.name.ends_with("/fix"), "{} is not told of", bug.name);
    }
}
