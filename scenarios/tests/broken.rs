//! The tests of the tests: with one service of the simulator broken on purpose, at least one
//! scenario's verdict must be wrong. Otherwise nothing would notice if it broke by accident.

use ksim::base::finding::Kind;
use ksim::choice::RandomWalk;
use ksim::kernel::settings::Broken;
use ksim::run::{Execution, Scenario};
use std::collections::BTreeSet;
use std::path::Path;

/// Runs of each scenario.
const RUNS: u64 = 60;

/// What the scenario shows in a few runs.
fn shows(scenario: &Scenario, broken: Option<Broken>) -> BTreeSet<Kind> {
    let mut execution = Execution::new(scenario);
    execution.broken = broken;
    let mut strategy = RandomWalk::default();
    let mut kinds = BTreeSet::new();
    for index in 0..RUNS {
        execution.run(&mut strategy, 3, index);
        kinds.extend(execution.sim().system().findings.iter().map(|f| f.kind));
    }
    kinds
}

/// Each fault, with a scenario that notices it, and whether it shows what it must not (or does not
/// show what it must).
const NOTICED: [(Broken, &str, bool); Broken::ALL.len()] = [
    (Broken::GracePeriodEndsEarly, "services/typesafe-ends/fix", true),
    (Broken::SoftirqInsideBhDisabled, "services/bh-region/fix", true),
    (Broken::SoftirqLost, "detectors/race-rcu/fix", true),
    (Broken::ListDelSkipsWrite, "services/list-fifo", true),
    (Broken::LockAdmitsTwo, "detectors/race-no-lock/fix", true),
    (Broken::CallbackLost, "detectors/rcu-lost-callback/fix", true),
    (Broken::CallbackEarly, "detectors/gp-links-in-table/fix", true),
    (Broken::CallbacksOutOfOrder, "services/rcu-callback-order/fix", true),
    (Broken::BarrierDoesNotWait, "services/rcu-barrier/fix", true),
    (Broken::WakeupLost, "services/mutex", true),
    (Broken::InterruptInsideIrqsOff, "detectors/race-irq/fix", true),
    (Broken::PreemptedInsideRegion, "services/preempt-region/fix", true),
    (Broken::IrqRestoreEnables, "services/irqsave-nested/fix", true),
    (Broken::WorkLost, "services/work-flush/fix", true),
    (Broken::TickLost, "detectors/rcu-lost-callback/fix", true),
    (Broken::FreeForgotten, "services/double-free/bug", false),
];

#[test]
fn each_broken_service_is_noticed() {
    let all = ksim_scenarios::all();
    for (broken, name, too_much) in NOTICED {
        let scenario = all.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name}"));
        let expected: BTreeSet<Kind> = scenario.expect.kinds().iter().copied().collect();
        assert_eq!(shows(scenario, None), expected, "{name}, with nothing broken");
        let found = shows(scenario, Some(broken));
        let (more, less) = (found.difference(&expected), expected.difference(&found));
        let noticed = if too_much { more.count() } else { less.count() };
        assert_ne!(noticed, 0, "{name} does not notice {broken:?}: {found:?}");
    }
}

#[test]
fn the_table_has_each_fault() {
    for (row, broken) in NOTICED.iter().zip(Broken::ALL) {
        assert_eq!(row.0, broken);
    }
}

/// No scenario and no part of the command line can break a service.
#[test]
fn only_tests_break_services() {
    for folder in ["../sim/src/cli", "../sim/src/program", "src"] {
        let mut todo = vec![Path::new(folder).to_owned()];
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).expect("a folder can be listed");
                todo.extend(entries.map(|e| e.expect("an entry can be read").path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("source is text");
            assert!(!text.contains("Broken::"), "{} breaks a service", path.display());
        }
    }
}
