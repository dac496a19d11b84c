//! From a scenario to a small example of each thing it shows: a search with a fixed seed, then
//! shrinking. The result is the same on every machine.

use ksim::base::finding::{Finding, Kind};
use ksim::choice::RandomWalk;
use ksim::choice::shrink::shrink;
use ksim::run::{Execution, Scenario};
use ksim::trace::Trace;

/// The seed of every search.
pub(crate) const SEED: u64 = 7;
/// Runs before a search gives up.
const RUNS: u64 = 3000;

/// The smallest run that shrinking finds in which the scenario shows this kind, if the search hits
/// on it at all.
pub(crate) fn example(scenario: &Scenario, kind: Kind) -> Option<(Finding, Trace)> {
    let mut execution = Execution::new(scenario);
    let mut walk = RandomWalk::default();
    let found = (0..RUNS).find_map(|index| {
        execution.run(&mut walk, SEED, index);
        let findings = &execution.sim().system().findings;
        findings.iter().find(|f| f.kind == kind).map(|f| f.signature())
    })?;
    let schedule = execution.sim().lift();
    let mut shows = |s: &_| {
        let (ended, _) = execution.follow(s);
        ended.findings.iter().any(|f| f.signature() == found)
    };
    let small = if shows(&schedule) { shrink(&schedule, shows) } else { schedule };
    execution.follow(&small);
    let sim = execution.sim();
    let finding = sim.system().findings.iter().find(|f| f.signature() == found)?;
    Some((finding.clone(), sim.trace()))
}
