//! An exhaustive search of a scenario, of one of two kinds.

use super::dpor::Dpor;
use super::graph::Graph;
use super::outcome::{Found, Outcome};
use super::settings::Settings;
use super::walker::Walker;
use crate::run::params::Params;
use crate::run::scenario::Scenario;

/// Steps between two looks at whether to go on.
const MOMENT: u64 = 4096;

/// What is searched: states, or classes of equivalent runs.
#[derive(Debug)]
enum Engine<'s> {
    States(Box<Graph<'s>>),
    Classes(Box<Dpor<'s>>),
}

/// A search that can be stopped and gone on with.
#[derive(Debug)]
pub struct Search<'s> {
    scenario: &'s Scenario,
    params: Params,
    settings: Settings,
    engine: Engine<'s>,
    outcome: Outcome,
}

impl<'s> Search<'s> {
    /// A search that is at its start.
    pub fn new(scenario: &'s Scenario, params: &Params, settings: Settings) -> Search<'s> {
        let mut outcome = Outcome::default();
        let engine = if settings.by_class() {
            let walker = Walker::new(scenario, params);
            Engine::Classes(Box::new(Dpor::new(walker, settings)))
        } else {
            let graph = Graph::new(scenario, params, settings, &mut outcome);
            Engine::States(Box::new(graph))
        };
        let mut search = Search { scenario, params: params.clone(), settings, engine, outcome };
        search.judge();
        search
    }

    /// What is known so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Searches on until all is covered, the limit is reached, or `go_on`, asked now and then,
    /// says no.
    pub fn run(&mut self, mut go_on: impl FnMut(&Outcome) -> bool) -> &Outcome {
        while !self.is_over() && go_on(&self.outcome) {
            self.advance();
        }
        self.outcome()
    }

    /// Searches on for a moment: some thousand steps at least, unless it is over.
    pub fn advance(&mut self) {
        let from = self.outcome.steps;
        while !self.is_over() && self.outcome.steps < from + MOMENT {
            match &mut self.engine {
                Engine::States(graph) => graph.advance(&mut self.outcome),
                Engine::Classes(dpor) => dpor.advance(&mut self.outcome),
            }
        }
        self.judge();
    }

    fn judge(&mut self) {
        self.outcome.complete = self.is_explored() && self.outcome.cut == 0;
    }

    /// Is there nothing left to do: all is explored, or the limit is reached?
    pub fn is_over(&self) -> bool {
        let over = self.settings.limit.is_some_and(|l| self.outcome.executions >= l);
        over || self.is_explored()
    }

    /// After how many steps runs are cut: `max_steps` of the scenario's settings.
    pub fn max_steps(&self) -> u32 {
        let mut walker = Walker::new(self.scenario, &self.params);
        walker.restart();
        walker.system().settings.max_steps
    }

    /// Takes up what an earlier search of the same kind wrote down ([`Search::take_journal`]); how
    /// many bytes of it were whole.
    ///
    /// # Errors
    /// A line that no search has written, or a search of classes, which cannot be gone on with.
    pub fn take_up(&mut self, text: &str) -> Result<usize, String> {
        match &mut self.engine {
            Engine::States(graph) => {
                let read = graph.take_up(text, &mut self.outcome);
                self.judge();
                read
            }
            Engine::Classes(_) => Err("a search of classes of runs is not kept".to_owned()),
        }
    }

    /// What was found out since this was last called, as text to be appended; from the first call
    /// on. Always empty for a search of classes.
    pub fn take_journal(&mut self) -> String {
        match &mut self.engine {
            Engine::States(graph) => graph.take_journal(),
            Engine::Classes(_) => String::new(),
        }
    }

    fn is_explored(&self) -> bool {
        match &self.engine {
            Engine::States(graph) => graph.is_over(),
            Engine::Classes(dpor) => dpor.is_over(),
        }
    }

    /// A walker at the end of the run that shows a finding.
    pub fn replay(&self, found: &Found) -> Walker<'s> {
        let mut walker = Walker::new(self.scenario, &self.params);
        walker.go(&found.choices);
        if let Some(stop) = walker.stop() {
            walker.conclude(stop);
        }
        walker
    }
}
