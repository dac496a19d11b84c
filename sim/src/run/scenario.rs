//! A scenario: a name, what it is expected to show, and how to build its machine.

use super::params::{Param, Params};
use super::sim::Sim;
use crate::base::finding::Kind;
use crate::trace::Trace;
use std::sync::Arc;

/// What is known to be true of a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// No schedule shows anything.
    Nothing,
    /// Some schedule shows each of these kinds, and none shows any other.
    Finds(Vec<Kind>),
}

impl Expect {
    /// The kinds that must be found.
    pub fn kinds(&self) -> &[Kind] {
        match self {
            Expect::Nothing => &[],
            Expect::Finds(kinds) => kinds,
        }
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expect::Nothing => f.write_str("nothing"),
            Expect::Finds(kinds) => {
                let names: Vec<&str> = kinds.iter().map(|k| k.name()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// Something that a design costs, read off runs in which nothing was found.
#[derive(Copy, Clone, Debug)]
pub struct Cost {
    /// What, with its unit: `wasted bytes`.
    pub name: &'static str,
    /// How much, if the run says something about it.
    pub of: fn(&Trace) -> Option<u64>,
    /// Which of two runs counts: `u64::max` or `u64::min`.
    pub pick: fn(u64, u64) -> u64,
}

type Build = dyn Fn(&mut Sim, &Params) + Send + Sync;

/// A scenario.
#[derive(Clone)]
pub struct Scenario {
    /// Path-like name: `pte-free-defer/half-bits/free-exit`.
    pub name: String,
    /// One line: what happens in it.
    pub about: String,
    /// Where it comes from: kernel version, commit, mail.
    pub source: String,
    /// What it shows.
    pub expect: Expect,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Saved schedules that show what is too rare for a search to meet by chance.
    pub shown_by: Vec<&'static str>,
    /// Is it too large to be explored exhaustively?
    pub large: bool,
    /// What its runs cost.
    pub costs: &'static [Cost],
    /// Where its design stands in a matrix of the family.
    pub row: usize,
    build: Arc<Build>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Scenario {
    /// A scenario that is expected to show nothing; `build` makes its machine afresh for each run.
    pub fn new(
        name: impl Into<String>,
        about: impl Into<String>,
        build: impl Fn(&mut Sim, &Params) + Send + Sync + 'static,
    ) -> Scenario {
        Scenario {
            name: name.into(),
            about: about.into(),
            source: String::new(),
            expect: Expect::Nothing,
            params: Vec::new(),
            shown_by: Vec::new(),
            large: false,
            costs: &[],
            row: 0,
            build: Arc::new(build),
        }
    }

    /// With kinds that some schedule must show, and none besides.
    #[must_use]
    pub fn finds(mut self, kinds: &[Kind]) -> Scenario {
        self.expect = Expect::Finds(kinds.to_vec());
        self
    }

    /// With the text of a schedule file that shows an expected finding. For one so rare that no
    /// budget of a test meets it: a check replays the schedule, and still searches for what is not
    /// expected.
    #[must_use]
    pub fn shown_by(mut self, schedule: &'static str) -> Scenario {
        self.shown_by.push(schedule);
        self
    }

    /// With a note of where it comes from.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Scenario {
        self.source = source.into();
        self
    }

    /// With parameters.
    #[must_use]
    pub fn with_params(mut self, params: &[Param]) -> Scenario {
        self.params = params.to_vec();
        self
    }

    /// With another default for one of its parameters.
    ///
    /// # Panics
    /// When it has no such parameter, or the value is out of its range.
    #[must_use]
    #[track_caller]
    pub fn param(mut self, name: &str, value: u64) -> Scenario {
        if let Err(problem) = Params::defaults(&self.params).set(&self.params, name, value) {
            panic!("{}: {problem}", self.name);
        }
        let params = self.params.iter_mut().filter(|param| param.name == name);
        params.for_each(|param| param.default = value);
        self
    }

    /// Marked as too large to be explored exhaustively: a matrix hunts in it.
    #[must_use]
    pub fn large(mut self) -> Scenario {
        self.large = true;
        self
    }

    /// With what its runs cost.
    #[must_use]
    pub fn with_costs(mut self, costs: &'static [Cost]) -> Scenario {
        self.costs = costs;
        self
    }

    /// With the place of its design in a matrix of the family. Designs with the same one, and those
    /// without any, are sorted by name.
    #[must_use]
    pub fn row(mut self, row: usize) -> Scenario {
        self.row = row;
        self
    }

    /// The first part of its name.
    pub fn family(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// Between the family and the last part of its name: the design, of which the last part is one
    /// workload.
    pub fn design(&self) -> &str {
        let (_, rest) = self.name.split_once('/').unwrap_or(("", &self.name));
        rest.rsplit_once('/').map_or(rest, |(design, _)| design)
    }

    /// Is it `prefix`, or below it?
    pub fn is_below(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        self.name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Builds its machine for one run.
    pub fn build(&self, sim: &mut Sim, params: &Params) {
        sim.reset();
        (self.build)(sim, params);
    }
}
