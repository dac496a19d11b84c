//! Executions of one scenario, one after the other, in the same storage.

use super::end::Ended;
use super::params::Params;
use super::scenario::Scenario;
use super::sim::{Sim, Stop};
use crate::choice::follow::Follow;
use crate::choice::profile::Profiles;
use crate::choice::schedule::Schedule;
use crate::choice::strategy::Strategy;
use crate::kernel::settings::Broken;

/// A scenario with parameters, ready to run any number of times.
#[derive(Debug)]
pub struct Execution<'s> {
    /// What runs.
    pub scenario: &'s Scenario,
    /// With which parameters.
    pub params: Params,
    /// A fault of the simulator itself, for its tests.
    pub broken: Option<Broken>,
    sim: Sim,
    runs: u64,
    /// What samplers know, and of which parameters and fault.
    profiles: Option<((Params, Option<Broken>), Profiles)>,
}

impl<'s> Execution<'s> {
    /// With default parameters.
    pub fn new(scenario: &'s Scenario) -> Execution<'s> {
        Execution::with_params(scenario, Params::defaults(&scenario.params))
    }

    /// With these parameters.
    pub fn with_params(scenario: &'s Scenario, params: Params) -> Execution<'s> {
        Execution { scenario, params, broken: None, sim: Sim::new(), runs: 0, profiles: None }
    }

    /// One run under a strategy: a pure function of (scenario, parameters, strategy, seed, index).
    pub fn run<S: Strategy + ?Sized>(&mut self, strategy: &mut S, seed: u64, index: u64) -> Stop {
        if strategy.wants_profiles() {
            strategy.set_profiles(&self.known_profiles());
        }
        while let Some(earlier) = strategy.missing(seed, index) {
            self.run_once(strategy, seed, earlier);
        }
        self.run_once(strategy, seed, index)
    }

    /// Lets a strategy learn what it can from the first runs of a campaign.
    pub(super) fn learn<S: Strategy + ?Sized>(&mut self, strategy: &mut S, seed: u64) {
        while let Some(earlier) = strategy.missing(seed, u64::MAX) {
            self.run_once(strategy, seed, earlier);
        }
    }

    /// One run, whatever the strategy should have been given before.
    pub(super) fn run_once<S: Strategy + ?Sized>(
        &mut self,
        strategy: &mut S,
        seed: u64,
        index: u64,
    ) -> Stop {
        self.build();
        strategy.begin(seed, index);
        self.runs += 1;
        self.sim.execute(strategy)
    }

    /// The profiles, made when first needed and again when what they are of has changed.
    fn known_profiles(&mut self) -> Profiles {
        let of = (self.params.clone(), self.broken);
        if let Some((known, profiles)) = &self.profiles
            && *known == of
        {
            return profiles.clone();
        }
        let profiles = self.profiles();
        self.profiles = Some((of, profiles.clone()));
        profiles
    }

    /// Builds the machine, as for a run.
    pub(super) fn build(&mut self) {
        self.scenario.build(&mut self.sim, &self.params);
        self.sim.settings().broken = self.broken;
    }

    /// One run that follows a schedule; also the first deviation that did not fit.
    pub fn follow(&mut self, schedule: &Schedule) -> (Ended, Option<usize>) {
        let mut follow = Follow::new(schedule);
        let stop = self.run(&mut follow, 0, 0);
        (self.sim.ended(stop), follow.diverged())
    }

    /// Builds the machine for a run that is steered step by step.
    pub(super) fn start(&mut self) {
        self.scenario.build(&mut self.sim, &self.params);
        self.sim.settings().broken = self.broken;
        self.sim.begin();
    }

    /// The run that is being steered.
    pub(super) fn sim_mut(&mut self) -> &mut Sim {
        &mut self.sim
    }

    /// How many runs it has made, replays included.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The last run.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }
}
