//! Going forward and back in one run. Going back is taking the recorded decisions again from the
//! start, which is cheap because a run is a pure function of them. [`Session`] gives all of it words.

mod breakpoint;
mod inspect;
mod memory;
mod session;

pub use breakpoint::Breakpoint;
pub use session::{Load, Reply, Session};

use super::execute::Execution;
use super::params::Params;
use super::scenario::Scenario;
use super::sim::Stop;
use crate::base::event::Event;
use crate::base::finding::Finding;
use crate::choice::exact::{Recorder, Taken};
use crate::choice::strategy::Strategy;
use crate::kernel::System;
use crate::trace::Trace;
use breakpoint::Break;
use memory::Thing;

/// One run, and a position in it: so many events have happened.
#[derive(Debug)]
pub struct Debugger<'s> {
    execution: Execution<'s>,
    log: Vec<Taken>,
    trace: Trace,
    findings: Vec<Finding>,
    stop: Stop,
    /// All objects of the whole run.
    things: Vec<Thing>,
    at: u32,
    /// How many decisions lead to `at`.
    taken: usize,
    breaks: Vec<Break>,
    next_break: u32,
}

/// Why a movement ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// The last event fits the breakpoint with this number.
    Breakpoint(u32),
    /// The run is over.
    End,
    /// Nothing has happened yet.
    Start,
}

impl<'s> Debugger<'s> {
    /// The run that this strategy makes of the scenario, at its start.
    pub fn new<S: Strategy + ?Sized>(
        scenario: &'s Scenario,
        params: Params,
        strategy: &mut S,
        seed: u64,
        index: u64,
    ) -> Debugger<'s> {
        let mut execution = Execution::with_params(scenario, params);
        let mut recorder = Recorder::new(strategy);
        let stop = execution.run(&mut recorder, seed, index);
        let log = recorder.log;
        let sim = execution.sim();
        let (trace, findings) = (sim.trace(), sim.system().findings.clone());
        let things = memory::things(sim.system());
        let breaks = Vec::new();
        let mut debugger = Debugger {
            execution,
            log,
            trace,
            findings,
            stop,
            things,
            at: 0,
            taken: 0,
            breaks,
            next_break: 1,
        };
        debugger.restart();
        debugger
    }

    /// What runs.
    pub fn scenario(&self) -> &'s Scenario {
        self.execution.scenario
    }

    /// With which parameters.
    pub fn params(&self) -> &Params {
        &self.execution.params
    }

    /// The whole run.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What the whole run shows.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Why the whole run ends.
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// How many events have happened.
    pub fn at(&self) -> u32 {
        self.at
    }

    /// How many events the whole run has.
    pub fn end(&self) -> u32 {
        self.trace.steps.len() as u32
    }

    /// The state at this position.
    pub fn system(&self) -> &System {
        self.execution.sim().system()
    }

    /// The events so far.
    pub fn events(&self) -> &[Event] {
        &self.system().events
    }

    /// Moves so that exactly `events` events have happened (or all there are).
    ///
    /// # Panics
    /// When the scenario is not deterministic.
    pub fn go_to(&mut self, events: u32) {
        let events = events.min(self.end()) as usize;
        if events < self.events().len() {
            self.restart();
        }
        let sim = self.execution.sim_mut();
        while sim.system().events.len() < events
            && let Some(&(agent, outcome)) = self.log.get(self.taken)
        {
            assert!(sim.system().m.enabled.contains(agent), "the scenario is not deterministic");
            sim.step(agent, outcome);
            sim.stalls();
            sim.stop();
            self.taken += 1;
        }
        self.at = sim.system().events.len() as u32;
    }

    fn restart(&mut self) {
        self.execution.start();
        self.execution.sim_mut().stop();
        (self.at, self.taken) = (0, 0);
    }

    /// `n` events forward.
    pub fn step(&mut self, n: u32) {
        self.go_to(self.at.saturating_add(n));
    }

    /// `n` events back.
    pub fn step_back(&mut self, n: u32) {
        self.go_to(self.at.saturating_sub(n));
    }

    /// Forward to just after the next event that fits a breakpoint, or to the end.
    pub fn proceed(&mut self) -> Halt {
        let next = |b: &Break| Some((b.first_from(self.at)?, b.id));
        self.halt(self.breaks.iter().filter_map(next).min(), Halt::End)
    }

    /// Back to just after the last event before this position that fits a breakpoint, or to the
    /// start.
    pub fn go_back(&mut self) -> Halt {
        let before = self.at.saturating_sub(1);
        let last = |b: &Break| Some((b.last_before(before)?, std::cmp::Reverse(b.id)));
        let hit = self.breaks.iter().filter_map(last).max().map(|(event, id)| (event, id.0));
        self.halt(hit, Halt::Start)
    }

    fn halt(&mut self, hit: Option<(u32, u32)>, otherwise: Halt) -> Halt {
        match hit {
            Some((event, id)) => {
                self.go_to(event + 1);
                Halt::Breakpoint(id)
            }
            None => {
                self.go_to(if otherwise == Halt::End { self.end() } else { 0 });
                otherwise
            }
        }
    }

    /// Adds a breakpoint; replies its number, counted from 1, and how many steps of the run fit it.
    ///
    /// # Errors
    /// When it names an object or field that the run does not have.
    pub fn add(&mut self, breakpoint: Breakpoint) -> Result<(u32, usize), String> {
        let hits = breakpoint.hits(self)?;
        let (id, count) = (self.next_break, hits.len());
        self.next_break += 1;
        self.breaks.push(Break { id, breakpoint, hits });
        Ok((id, count))
    }

    /// Deletes the breakpoint with this number; was there one?
    pub fn delete(&mut self, id: u32) -> bool {
        let before = self.breaks.len();
        self.breaks.retain(|b| b.id != id);
        self.breaks.len() < before
    }

    /// The breakpoints, each with its number and how many steps of the run fit it.
    pub fn breakpoints(&self) -> impl Iterator<Item = (u32, &Breakpoint, usize)> {
        self.breaks.iter().map(|b| (b.id, &b.breakpoint, b.hits.len()))
    }
}
