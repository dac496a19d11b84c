//! Explanations, as people read them: a use-after-free and a deadlock of the first design.

use ksim::base::finding::Kind;
use ksim::choice::{Origin, strategies};
use ksim::run::{Execution, explain, reduce};

/// Runs before a search gives up.
const RUNS: u64 = 1000;
/// Random continuations from each point.
const CONTINUATIONS: u32 = 50;

/// The explanation of the first finding of a kind.
fn explained(scenario: &str, kind: Kind) -> String {
    let all = ksim_scenarios::all();
    let scenario = all.iter().find(|s| s.name == scenario).expect("there is such a scenario");
    let mut execution = Execution::new(scenario);
    let mut strategy = strategies::by_name("pos").expect("it has this name");
    let found = (0..RUNS).find_map(|index| {
        execution.run(&mut *strategy, 7, index);
        let findings = &execution.sim().system().findings;
        findings.iter().find(|f| f.kind == kind).map(|f| (index, f.signature()))
    });
    let (index, signature) = found.expect("a short search shows it");
    let origin = Origin { strategy: "pos".to_owned(), seed: 7, index };
    let (reduced, _) = reduce::from_seed(&mut execution, &origin, &signature);
    let schedule = reduced.expect("the run has the form of a schedule").schedule;
    let explained = explain::explain(&mut execution, &schedule, &signature, CONTINUATIONS);
    format!("{signature}\n\n{}", explained.expect("the schedule shows it"))
}

#[test]
fn explanations_are_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../explain");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (workload, kind) in
        [("defer-callback-exit", Kind::UseAfterFree), ("flush-callback", Kind::Deadlock)]
    {
        let scenario = format!("pte-free-defer/half-bits/{workload}");
        let text = explained(&scenario, kind);
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(110), "a line is too long for a commit message:\n{text}");
        settings.set_description(scenario);
        settings.bind(|| insta::assert_snapshot!(format!("half-bits__{kind}"), text));
    }
}
