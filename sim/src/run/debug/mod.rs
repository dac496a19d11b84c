//! Going forward and back in one run. Going back is running again from the start, which is cheap
//! because a run is a pure function of its decisions.

mod breakpoint;
mod inspect;
mod memory;

pub use breakpoint::Breakpoint;

use super::execute::Execution;
use super::params::Params;
use super::scenario::Scenario;
use crate::base::event::Event;
use crate::choice::exact::{Exact, Recorder, Taken};
use crate::choice::strategy::Strategy;
use crate::kernel::System;

/// One run, and a position in it: so many events have happened.
#[derive(Debug)]
pub struct Debugger<'s> {
    execution: Execution<'s>,
    log: Vec<Taken>,
    /// Number of events of the whole run.
    end: u32,
    at: u32,
    /// Where [`Debugger::proceed`] and [`Debugger::go_back`] stop.
    pub breakpoints: Vec<Breakpoint>,
}

/// Why a movement ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// The next event fits this breakpoint (its index).
    Breakpoint(usize),
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
        execution.run(&mut recorder, seed, index);
        let log = recorder.log;
        let end = execution.sim().system().events.len() as u32;
        let mut debugger = Debugger { execution, log, end, at: end, breakpoints: Vec::new() };
        debugger.go_to(0);
        debugger
    }

    /// How many events have happened.
    pub fn at(&self) -> u32 {
        self.at
    }

    /// How many events the whole run has.
    pub fn end(&self) -> u32 {
        self.end
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
    pub fn go_to(&mut self, events: u32) {
        let events = events.min(self.end);
        self.execution.run_until(&mut Exact::new(&self.log), events);
        self.at = self.system().events.len() as u32;
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
        let from = self.at;
        self.go_to(self.end);
        let hit = (from as usize..self.events().len())
            .find_map(|i| self.breakpoint_at(i).map(|b| (i, b)));
        match hit {
            Some((i, b)) => {
                self.go_to(i as u32 + 1);
                Halt::Breakpoint(b)
            }
            None => Halt::End,
        }
    }

    /// Back to just after the last event before this position that fits a breakpoint, or to the
    /// start.
    pub fn go_back(&mut self) -> Halt {
        let before = self.at.saturating_sub(1) as usize;
        let hit = (0..before).rev().find_map(|i| self.breakpoint_at(i).map(|b| (i, b)));
        match hit {
            Some((i, b)) => {
                self.go_to(i as u32 + 1);
                Halt::Breakpoint(b)
            }
            None => {
                self.go_to(0);
                Halt::Start
            }
        }
    }

    fn breakpoint_at(&self, event: usize) -> Option<usize> {
        self.breakpoints.iter().position(|b| b.fits(self.system(), event))
    }
}
