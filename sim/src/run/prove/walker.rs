//! Walks through one scenario step by step, as often as asked, and knows at each point which state
//! it is in.

use super::effects::Before;
use crate::base::agent::AgentId;
use crate::base::event::Phase;
use crate::base::finding::Finding;
use crate::base::footprint::{Access, Mode, Object};
use crate::kernel::System;
use crate::kernel::system::{Code, Start};
use crate::run::execute::Execution;
use crate::run::params::Params;
use crate::run::scenario::Scenario;
use crate::run::sim::{Sim, Stop};
use xxhash_rust::xxh3::xxh3_128;

/// One decision: who acts, with which outcome where the step has several.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Choice {
    /// Who.
    pub agent: AgentId,
    /// Which outcome.
    pub outcome: u16,
}

/// A scenario that is walked through.
#[derive(Debug)]
pub struct Walker<'s> {
    execution: Execution<'s>,
    /// What each program has been told since it began; 0 where there is none.
    heard: Vec<u64>,
    numbers: Vec<u64>,
    bytes: Vec<u8>,
    /// Times that it began from the start.
    pub executions: u64,
    /// Steps taken.
    pub steps: u64,
}

fn mix(a: u64, b: u64) -> u64 {
    let x = u128::from(a ^ 0x9e37_79b9_7f4a_7c15)
        * u128::from(b.rotate_left(32) ^ 0xd6e8_feb8_6659_fd93);
    (x as u64) ^ (x >> 64) as u64 ^ a.rotate_left(17) ^ b
}

impl<'s> Walker<'s> {
    /// A walker through this scenario.
    pub fn new(scenario: &'s Scenario, params: &Params) -> Walker<'s> {
        Walker {
            execution: Execution::with_params(scenario, params.clone()),
            heard: Vec::new(),
            numbers: Vec::new(),
            bytes: Vec::new(),
            executions: 0,
            steps: 0,
        }
    }

    /// Goes to the point after these decisions; they must have been possible before.
    pub fn go(&mut self, path: &[Choice]) {
        self.restart();
        for &choice in path {
            let stop = self.stop();
            debug_assert_eq!(stop, None, "the run goes on after a prefix of it");
            self.step(choice);
        }
    }

    /// Goes to the start.
    pub fn restart(&mut self) {
        self.executions += 1;
        self.heard.clear();
        self.execution.start();
        self.note_starts();
    }

    /// The system as it is.
    pub fn system(&self) -> &System {
        self.sim().system()
    }

    /// The simulation.
    pub fn sim(&self) -> &Sim {
        self.execution.sim()
    }

    /// Is the run over, and why? Brings the set of agents that can act up to date.
    pub fn stop(&mut self) -> Option<Stop> {
        self.execution.sim_mut().stop()
    }

    /// Ends the run: final checks.
    pub fn conclude(&mut self, stop: Stop) -> Stop {
        self.execution.sim_mut().conclude(stop)
    }

    /// Findings of this run so far.
    pub fn findings(&self) -> &[Finding] {
        &self.system().findings
    }

    /// Takes one step.
    pub fn step(&mut self, choice: Choice) {
        self.steps += 1;
        let from = self.system().events.len();
        let sim = self.execution.sim_mut();
        sim.step(choice.agent, choice.outcome.into());
        // A stall is fatal, which `stop` sees.
        let _ = sim.stalls();
        self.hear(choice.agent, from);
        self.note_starts();
    }

    /// Takes one step; replaces `effects` by what it depends on and changes.
    pub fn step_with_effects(&mut self, choice: Choice, effects: &mut Vec<Access>) {
        let before = Before::new(self.system(), choice.agent);
        let known = self.sim().detector_changes();
        self.step(choice);
        before.effects(self.system(), effects);
        // What looks for data races keeps clocks, in which even the order of two reads can be seen.
        let clocks = self.system().settings.data_race;
        if clocks || self.sim().detector_changes() != known {
            effects.push(Access { object: Object::DETECTORS, mode: Mode::Write });
        }
    }

    fn hear(&mut self, agent: AgentId, from: usize) {
        let sim = self.execution.sim();
        let index = agent.index();
        if self.heard.len() <= index {
            self.heard.resize(index + 1, 0);
        }
        if !sim.has_program(agent) {
            self.heard[index] = 0;
        } else if let Some(event) =
            sim.system().events.get(from).filter(|e| e.phase != Phase::Begun)
        {
            let heard = if event.call.silent { 0 } else { event.reply };
            self.heard[index] = mix(self.heard[index] + 1, heard);
        }
    }

    fn note_starts(&mut self) {
        let sim = self.execution.sim();
        for Start { agent, what } in sim.started() {
            let index = agent.index();
            if self.heard.len() <= index {
                self.heard.resize(index + 1, 0);
            }
            self.heard[index] = match *what {
                _ if !sim.has_program(*agent) => 0,
                Code::Func(func, arg) => {
                    let name = sim.system().text_name(func);
                    mix(arg, name.bytes().fold(7, |sum, b| mix(sum, b.into())))
                }
                Code::Line => 1,
                Code::Vector(n) => 2 + u64::from(n),
            };
        }
    }

    /// What identifies the state: two points with equal keys have the same futures. `extra` is
    /// state of the search; `heard` says whether what the programs were told counts.
    pub fn key(&mut self, extra: u64, heard: bool) -> u128 {
        self.numbers.clear();
        self.numbers.push(extra);
        let sim = self.execution.sim();
        sim.system().digest(&mut self.numbers);
        sim.digest_detectors(&mut self.numbers);
        let agents = sim.system().m.agents.len();
        self.heard.resize(agents.max(self.heard.len()), 0);
        if heard {
            self.numbers.extend_from_slice(&self.heard);
        }
        self.bytes.resize(self.numbers.len() * 8, 0);
        for (bytes, number) in self.bytes.chunks_exact_mut(8).zip(&self.numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        xxh3_128(&self.bytes)
    }
}
