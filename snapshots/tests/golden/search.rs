//! From a scenario to a small example of each thing it shows: a search with a fixed seed, then
//! shrinking. The result is the same on every machine.

use ksim::base::finding::{Finding, Kind, Signature};
use ksim::choice::shrink::shrink;
use ksim::choice::{RandomWalk, Schedule};
use ksim::run::{Execution, Scenario, replay};
use ksim::trace::Trace;
use std::collections::BTreeMap;

/// The seed of every search.
pub(crate) const SEED: u64 = 7;
/// Runs of a search.
const RUNS: u64 = 3000;

/// The end of the verdict of a kind that is no longer found.
pub(crate) const LOST: &str = "is no longer found";

/// Runs that are shrunk for each signature, the shortest first. With one alone it would be chance
/// which way to the finding is shown, and a small change of the scenario would change the report.
const SHRUNK: usize = 4;

/// The smallest of some runs in which the scenario shows this kind, after shrinking; if the search
/// hits on any.
pub(crate) fn example(scenario: &Scenario, kind: Kind) -> Option<(Finding, Trace)> {
    let mut execution = Execution::new(scenario);
    let hits = hits(&mut execution, kind);
    let each = hits.into_iter().flat_map(|(signature, schedules)| {
        schedules.into_iter().map(move |(_, schedule)| (signature.clone(), schedule))
    });
    let examples = each.map(|(signature, schedule)| {
        let mut shows = |s: &_| {
            let (ended, _) = execution.follow(s);
            ended.findings.iter().any(|f| f.signature() == signature)
        };
        let small = if shows(&schedule) { shrink(&schedule, shows) } else { schedule };
        execution.follow(&small);
        let findings = &execution.sim().system().findings;
        let finding = findings.iter().find(|f| f.signature() == signature)?;
        let steps = execution.sim().steps_to(finding);
        let size = (steps, small.len(), small.lines().collect::<Vec<_>>());
        Some((size, finding.clone(), execution.sim().trace()))
    });
    let smallest = examples.flatten().min_by(|(a, ..), (b, ..)| a.cmp(b));
    smallest.map(|(_, finding, trace)| (finding, trace))
}

/// What is too rare for a search: from the schedules that the scenario has saved.
pub(crate) fn saved(scenario: &Scenario, kind: Kind) -> Option<(Finding, Trace)> {
    let all = replay::saved(scenario).unwrap_or_default();
    all.into_iter().find(|(finding, _)| finding.kind == kind)
}

/// Schedules of the shortest runs that show the kind, by signature, with their steps.
fn hits(execution: &mut Execution<'_>, kind: Kind) -> BTreeMap<Signature, Vec<(u32, Schedule)>> {
    let mut walk = RandomWalk::default();
    let mut hits: BTreeMap<Signature, Vec<(u32, Schedule)>> = BTreeMap::new();
    for index in 0..RUNS {
        execution.run(&mut walk, SEED, index);
        let sim = execution.sim();
        let Some(finding) = sim.system().findings.iter().find(|f| f.kind == kind) else { continue };
        let steps = sim.steps_to(finding);
        let kept = hits.entry(finding.signature()).or_default();
        if kept.len() < SHRUNK || kept.last().is_some_and(|(longest, _)| steps < *longest) {
            kept.truncate(SHRUNK - 1);
            let place = kept.partition_point(|(s, _)| *s <= steps);
            kept.insert(place, (steps, sim.lift()));
        }
    }
    hits
}
