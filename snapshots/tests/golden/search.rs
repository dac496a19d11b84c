//! From a scenario to a small example of each thing it shows: a search with a fixed seed, then
//! shrinking. The result is the same on every machine.

use ksim::base::finding::{Finding, Kind, Signature};
use ksim::choice::shrink::shrink;
use ksim::choice::{RandomWalk, Schedule};
use ksim::run::{Execution, Scenario};
use ksim::trace::Trace;
use std::collections::BTreeMap;

/// The seed of every search.
pub(crate) const SEED: u64 = 7;
/// Runs before a search gives up.
const RUNS: u64 = 3000;

/// The end of the verdict of a kind that is no longer found.
pub(crate) const LOST: &str = "is no longer found";

/// Runs after the first that shows a kind, and how many of them are shrunk for each signature. With
/// one alone it would be chance which way to the finding is shown, and a small change of the
/// scenario would change the whole report.
const MORE: u64 = 500;
const SHRUNK: usize = 4;

/// The smallest of some runs in which the scenario shows this kind, after shrinking; if the search
/// hits on any.
pub(crate) fn example(scenario: &Scenario, kind: Kind) -> Option<(Finding, Trace)> {
    let mut execution = Execution::new(scenario);
    let hits = hits(&mut execution, kind);
    let examples = hits.into_iter().map(|(_, signature, schedule)| {
        let mut shows = |s: &_| {
            let (ended, _) = execution.follow(s);
            ended.findings.iter().any(|f| f.signature() == signature)
        };
        let small = if shows(&schedule) { shrink(&schedule, shows) } else { schedule };
        execution.follow(&small);
        let findings = &execution.sim().system().findings;
        let finding = findings.iter().find(|f| f.signature() == signature)?;
        let size =
            (small.len(), execution.sim().steps_to(finding), small.lines().collect::<Vec<_>>());
        Some((size, finding.clone(), execution.sim().trace()))
    });
    let smallest = examples.flatten().min_by(|(a, ..), (b, ..)| a.cmp(b));
    smallest.map(|(_, finding, trace)| (finding, trace))
}

/// Runs that show the kind, with the number of steps: the shortest of each signature.
fn hits(execution: &mut Execution<'_>, kind: Kind) -> Vec<(u32, Signature, Schedule)> {
    let mut walk = RandomWalk::default();
    let mut hits: Vec<(u32, Signature, Schedule)> = Vec::new();
    let (mut index, mut end) = (0, RUNS);
    while index < end {
        execution.run(&mut walk, SEED, index);
        let sim = execution.sim();
        if let Some(finding) = sim.system().findings.iter().find(|f| f.kind == kind) {
            if hits.is_empty() {
                end = end.min(index + MORE);
            }
            hits.push((sim.steps_to(finding), finding.signature(), sim.lift()));
        }
        index += 1;
    }
    hits.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    let mut kept: BTreeMap<Signature, usize> = BTreeMap::new();
    hits.retain(|(_, signature, _)| {
        let count = kept.entry(signature.clone()).or_default();
        *count += 1;
        *count <= SHRUNK
    });
    hits
}
