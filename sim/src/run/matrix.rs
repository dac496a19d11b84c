//! A matrix: the designs of a family against the kinds of finding, from an exhaustive search of each
//! scenario of a design, and hunts in those that are too large for one.
//!
//! The result depends on the settings alone, not on the number of threads.

use super::example::Example;
use super::execute::Execution;
use super::hunt::{Hunt, Hunted, Shard};
use super::params::Params;
use super::prove::{self, Search};
use super::scenario::Scenario;
use super::sim::{Sim, Stop};
use crate::base::finding::{Finding, Kind};
use crate::choice::canonical::Canonical;
use crate::choice::{ScheduleFile, strategies};
use crate::kernel::settings::Settings as RunSettings;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Examples of a kind that are shrunk, to keep the shortest of them.
const CANDIDATES: usize = 4;
/// Runs whose cost is taken, besides the canonical one.
const COST_RUNS: u64 = 64;

/// How much to do for a matrix.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Executions after which an exhaustive search is given up.
    pub limit: u64,
    /// Runs of a hunt.
    pub runs: u64,
    /// Leave out scenarios with more CPUs than this, and all that are too large to be explored.
    pub cpus: Option<u16>,
    /// Seed of the hunts.
    pub seed: u64,
    /// Strategy of the hunts ([`strategies::NAMES`]).
    pub strategy: String,
    /// Threads.
    pub jobs: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            limit: 2_000_000,
            runs: 20_000,
            cpus: None,
            seed: 1,
            strategy: strategies::DEFAULT.to_owned(),
            jobs: 1,
        }
    }
}

/// How a scenario was looked through.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Covered {
    /// Every schedule, in so many states with a choice.
    Complete {
        /// Different states with a choice.
        states: u64,
    },
    /// Not every schedule: the limit came first.
    Partly,
    /// A hunt with so many runs.
    Hunted {
        /// Runs.
        runs: u64,
    },
}

/// The shortest run that shows a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The scenario in which it was found.
    pub scenario: String,
    /// How to replay it, ready to be saved; `None` if its run does not follow from orderings alone.
    pub file: Option<ScheduleFile>,
    /// How many deviations from the default policy it needs, if it follows from some.
    pub deviations: Option<usize>,
    /// First line of the finding's report.
    pub headline: String,
    /// Steps up to the finding.
    pub steps: u32,
}

impl Shown {
    /// From an example, or from the finding alone.
    fn new(scenario: &Scenario, finding: &Finding, example: Option<Example>) -> Shown {
        let deviations = example.as_ref().and_then(Example::deviations);
        let (file, headline, steps) = match example {
            Some(Example { file, finding, steps, .. }) => (Some(file), finding.headline, steps),
            None => (None, finding.headline.clone(), finding.event + 1),
        };
        Shown { scenario: scenario.name.clone(), file, deviations, headline, steps }
    }

    fn rank(&self) -> (usize, u32, &str) {
        (self.deviations.unwrap_or(usize::MAX), self.steps, &self.scenario)
    }
}

/// What is known of one design and one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Some schedule shows it.
    Found(Box<Shown>),
    /// No schedule of the scenarios explored shows it, and no hunt did.
    Absent,
    /// Nobody knows: a search did not end, or no detector looked.
    Unknown,
}

/// A scenario that was looked through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looked {
    /// The last part of its name.
    pub workload: String,
    /// How.
    pub covered: Covered,
    /// What it shows.
    pub kinds: Vec<Kind>,
    /// For what there was a detector.
    pub watched: Vec<Kind>,
}

/// One design.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its name.
    pub design: String,
    /// Where it comes from.
    pub source: String,
    /// Its scenarios.
    pub scenarios: Vec<Looked>,
    /// What is known of each kind.
    pub cells: BTreeMap<Kind, Cell>,
    /// What it costs, in the order in which its scenarios name it.
    pub costs: Vec<(&'static str, u64)>,
}

impl Row {
    /// Was every exhaustive search brought to its end, and is there one?
    pub fn complete(&self) -> bool {
        complete(&self.scenarios)
    }
}

fn complete(scenarios: &[Looked]) -> bool {
    let searched = scenarios.iter().any(|l| matches!(l.covered, Covered::Complete { .. }));
    searched && scenarios.iter().all(|l| l.covered != Covered::Partly)
}

/// Scenarios by design, in the order of their rows ([`Scenario::row`]) and then as given; each has the
/// family's name in front.
pub fn designs<'s>(scenarios: &[&'s Scenario]) -> Vec<Vec<&'s Scenario>> {
    let mut rows: Vec<Vec<&Scenario>> = Vec::new();
    for &scenario in scenarios {
        match rows.iter_mut().find(|row| row[0].design() == scenario.design()) {
            Some(row) => row.push(scenario),
            None => rows.push(vec![scenario]),
        }
    }
    rows.sort_by_key(|row| row[0].row);
    rows
}

/// One row for each design. `go_on` is asked before each scenario, with its name and how many are
/// done; when it says no, the rest counts as not looked through.
///
/// # Panics
/// When there is no such strategy, and when a scenario misuses the library.
#[expect(
    clippy::disallowed_methods,
    reason = "the explorer may use threads: each row is whole on one, and rows are sorted"
)]
pub fn rows(
    designs: &[Vec<&Scenario>],
    settings: &Settings,
    go_on: &(dyn Fn(&str, usize) -> bool + Sync),
) -> Vec<Row> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::new(Vec::new());
    let jobs = (settings.jobs as usize).clamp(1, designs.len().max(1));
    let go_on = |name: &str| go_on(name, done.fetch_add(1, Ordering::Relaxed));
    let work = || {
        let of_row = Settings { jobs: settings.jobs / jobs as u32, ..settings.clone() };
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(design) = designs.get(at) else { break };
            let row = Building::new(&of_row).row(design, &go_on);
            rows.lock().expect("no worker has panicked").push((at, row));
        }
    };
    std::thread::scope(|scope| {
        (1..jobs).for_each(|_| _ = scope.spawn(work));
        work();
    });
    let mut rows = rows.into_inner().expect("all workers are done");
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// A row that is being made.
struct Building<'a> {
    settings: &'a Settings,
    scenarios: Vec<Looked>,
    found: BTreeMap<Kind, Shown>,
    costs: Vec<(&'static str, u64)>,
}

impl Building<'_> {
    fn new(settings: &Settings) -> Building<'_> {
        Building { settings, scenarios: Vec::new(), found: BTreeMap::new(), costs: Vec::new() }
    }

    fn row(mut self, design: &[&Scenario], go_on: &dyn Fn(&str) -> bool) -> Row {
        let mut sim = Sim::new();
        for scenario in design {
            let params = Params::defaults(&scenario.params);
            scenario.build(&mut sim, &params);
            let large = self.settings.cpus.is_some_and(|cpus| sim.cpu_count() > cpus);
            if large || (scenario.large && self.settings.cpus.is_some()) {
                continue;
            }
            let settings = *sim.settings();
            let watched = Kind::ALL.into_iter().filter(|kind| watches(&settings, *kind)).collect();
            let (covered, kinds) = match (go_on(&scenario.name), scenario.large) {
                (false, _) => (Covered::Partly, Vec::new()),
                (true, true) => self.hunt(scenario, &params),
                (true, false) => self.search(scenario, &params),
            };
            self.take_costs(scenario, &params);
            let workload = scenario.name.rsplit('/').next().unwrap_or_default().to_owned();
            self.scenarios.push(Looked { workload, covered, kinds, watched });
        }
        self.finish(design[0])
    }

    fn finish(self, first: &Scenario) -> Row {
        let complete = complete(&self.scenarios);
        let Building { mut found, scenarios, .. } = self;
        let watched = |kind| scenarios.iter().any(|looked| looked.watched.contains(&kind));
        let cell = |kind: Kind| match found.remove(&kind) {
            Some(example) => Cell::Found(Box::new(example)),
            None if complete && watched(kind) => Cell::Absent,
            None => Cell::Unknown,
        };
        let cells = Kind::ALL.into_iter().map(cell);
        Row {
            design: first.design().to_owned(),
            source: first.source.clone(),
            cells: Kind::ALL.into_iter().zip(cells).collect(),
            scenarios,
            costs: self.costs,
        }
    }

    fn search(&mut self, scenario: &Scenario, params: &Params) -> (Covered, Vec<Kind>) {
        let settings = prove::Settings {
            limit: Some(self.settings.limit),
            jobs: self.settings.jobs as usize,
            ..prove::Settings::default()
        };
        let mut search = Search::new(scenario, params, settings);
        let outcome = search.run(|_| true).clone();
        let mut found: Vec<_> = outcome.found.iter().collect();
        found.sort_by_key(|(_, found)| found.choices.len());
        for kind in Kind::ALL {
            let of_kind = found.iter().filter(|(_, found)| found.finding.kind == kind);
            for (signature, found) in of_kind.take(CANDIDATES) {
                let example = Example::of_proof(scenario, params, &search, signature, found);
                self.keep(kind, Shown::new(scenario, &found.finding, example));
            }
        }
        let covered = match outcome.complete {
            true => Covered::Complete { states: outcome.states },
            false => Covered::Partly,
        };
        (covered, kinds(found.iter().map(|(_, found)| found.finding.kind)))
    }

    fn hunt(&mut self, scenario: &Scenario, params: &Params) -> (Covered, Vec<Kind>) {
        let Settings { strategy, seed, runs, jobs, .. } = self.settings;
        let (seed, jobs) = (*seed, *jobs);
        let hunt = Hunt { scenario, params, strategy, seed, shard: Shard::WHOLE, jobs };
        let hunted = hunt.run(0..*runs, &|_: &Hunted| ControlFlow::Continue(()));
        let mut found: Vec<_> = hunted.found.iter().collect();
        found.sort_by_key(|(_, found)| found.steps);
        for kind in Kind::ALL {
            if self.found.contains_key(&kind) {
                continue; // A smaller scenario tells it better.
            }
            let of_kind = found.iter().filter(|(_, found)| found.finding.kind == kind);
            for (signature, found) in of_kind.take(CANDIDATES) {
                let example = Some(Example::of_hunt(&hunt, signature, found));
                self.keep(kind, Shown::new(scenario, &found.finding, example));
            }
        }
        let kinds = kinds(found.iter().map(|(_, found)| found.finding.kind));
        (Covered::Hunted { runs: hunted.runs }, kinds)
    }

    fn keep(&mut self, kind: Kind, example: Shown) {
        match self.found.get(&kind) {
            Some(known) if known.rank() <= example.rank() => {}
            _ => _ = self.found.insert(kind, example),
        }
    }

    fn take_costs(&mut self, scenario: &Scenario, params: &Params) {
        if scenario.costs.is_empty() {
            return;
        }
        let mut execution = Execution::with_params(scenario, params.clone());
        let mut random = strategies::by_name(strategies::DEFAULT).expect("the default is known");
        for index in 0..=COST_RUNS {
            let stop = match index {
                0 => execution.run(&mut Canonical::default(), 0, 0),
                _ => execution.run(&mut *random, self.settings.seed, index),
            };
            if stop != Stop::Finished || !execution.sim().system().findings.is_empty() {
                continue;
            }
            let trace = execution.sim().trace();
            for cost in scenario.costs {
                let Some(value) = (cost.of)(&trace) else { continue };
                match self.costs.iter_mut().find(|(name, _)| *name == cost.name) {
                    Some((_, known)) => *known = (cost.pick)(value, *known),
                    None => self.costs.push((cost.name, value)),
                }
            }
        }
    }
}

/// Each kind once, in order.
fn kinds(found: impl Iterator<Item = Kind>) -> Vec<Kind> {
    found.collect::<BTreeSet<Kind>>().into_iter().collect()
}

/// Does a detector look for this kind under these settings?
fn watches(settings: &RunSettings, kind: Kind) -> bool {
    match kind {
        Kind::DataRace => settings.data_race,
        Kind::Leak => settings.leaks,
        Kind::LockInversion | Kind::InconsistentLockState => settings.lockdep,
        Kind::Stall => settings.stall_repeats > 0,
        _ => true,
    }
}
