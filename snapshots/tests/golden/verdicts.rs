//! Golden files against what their scenarios expect.

use ksim::base::finding::Kind;
use ksim::run::Scenario;
use std::collections::BTreeMap;

/// What the stored files (by name) say otherwise than the scenarios.
pub(crate) fn problems(stored: &BTreeMap<String, String>, all: &[Scenario]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in stored {
        match verdict(text) {
            None => problems.push(format!("{name} names no scenario or no verdict")),
            Some((scenario, verdict)) => match all.iter().find(|s| s.name == scenario) {
                None => problems.push(format!("{name}: there is no scenario {scenario}")),
                Some(s) if !shows(s, verdict, name) => {
                    problems
                        .push(format!("{name} says {verdict:?}, {scenario} expects {}", s.expect));
                }
                Some(_) => {}
            },
        }
    }
    for (design, kind) in super::expected(all).keys() {
        let name = format!("{design}/{kind}").replace('/', "__");
        if !stored.contains_key(&name) {
            problems.push(format!("{design} expects {kind}, and {name} is missing"));
        }
    }
    problems
}

/// Is it a signature of a kind that the scenario expects, in the file that is called after it?
fn shows(scenario: &Scenario, verdict: &str, name: &str) -> bool {
    let kind = verdict.split(' ').next().and_then(Kind::from_name);
    kind.is_some_and(|kind| {
        scenario.expect.kinds().contains(&kind)
            && name.ends_with(&format!("__{kind}"))
            && !verdict.contains(super::search::LOST)
    })
}

/// The scenario and the verdict in a golden file.
fn verdict(file: &str) -> Option<(&str, &str)> {
    let (_, text) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
    let (scenario, text) = text.strip_prefix("scenario: ")?.split_once('\n')?;
    let (verdict, _) = text.strip_prefix("verdict:  ")?.split_once('\n')?;
    Some((scenario, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts this change of the stored files, as `cargo insta accept` would.
    fn after(change: impl FnOnce(&mut BTreeMap<String, String>)) -> Vec<String> {
        let all: Vec<Scenario> =
            ksim_scenarios::all().into_iter().chain(super::super::classes::all()).collect();
        let mut stored = super::super::stored();
        assert_eq!(problems(&stored, &all), [] as [String; 0]);
        change(&mut stored);
        problems(&stored, &all)
    }

    const NAME: &str = "pte-free-defer__half-bits__deadlock";

    #[test]
    fn another_verdict_cannot_be_accepted() {
        for other in ["use-after-free mm in f:g", "deadlock is no longer found", "nothing"] {
            let problems = after(|stored| {
                let file = stored.get_mut(NAME).expect("it is stored");
                let (_, old) = verdict(file).expect("it has a verdict");
                *file = file.replace(old, other);
            });
            let start =
                format!("{NAME} says {other:?}, pte-free-defer/half-bits/flush-callback expects");
            assert!(problems.len() == 1 && problems[0].starts_with(&start), "{problems:?}");
        }
    }

    #[test]
    fn a_deleted_file_is_missed() {
        let problems = after(|stored| _ = stored.remove(NAME));
        let expected = format!("pte-free-defer/half-bits expects deadlock, and {NAME} is missing");
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn a_file_without_a_verdict_is_refused() {
        let problems =
            after(|stored| _ = stored.insert(NAME.to_owned(), "---\nx\n---\ny\n".to_owned()));
        assert_eq!(problems, [format!("{NAME} names no scenario or no verdict")]);
    }
}
