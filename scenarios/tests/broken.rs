//! The tests of the tests: with one service of the simulator broken on purpose, at least one
//! scenario's verdict must be wrong. Otherwise nothing would notice if it broke by accident.

use ksim::choice::RandomWalk;
use ksim::kernel::settings::Broken;
use ksim::run::{Execution, Scenario};

/// Does the broken machine show something that the scenario does not expect?
fn is_wrong(scenario: &Scenario, broken: Broken) -> bool {
    let mut execution = Execution::new(scenario);
    execution.broken = Some(broken);
    let mut strategy = RandomWalk::default();
    let expected = scenario.expect.kinds();
    (0..100).any(|index| {
        execution.run(&mut strategy, 3, index);
        execution.sim().system().findings.iter().any(|f| !expected.contains(&f.kind))
    })
}

#[test]
fn each_broken_service_is_noticed() {
    let services: Vec<Scenario> =
        ksim_scenarios::all().into_iter().filter(|s| s.family() == "services").collect();
    let mut unnoticed = Vec::new();
    for broken in Broken::ALL {
        match services.iter().find(|s| is_wrong(s, broken)) {
            Some(scenario) => println!("{broken:?} is noticed by {}", scenario.name),
            None => unnoticed.push(broken),
        }
    }
    assert!(unnoticed.is_empty(), "nothing noticed {unnoticed:?}");
}
