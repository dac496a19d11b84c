//! The simulation of one run: the heart.

use crate::base::agent::AgentId;
use crate::base::finding::Alarm;
use crate::base::op::Call;
use crate::choice::strategy::Strategy;
use crate::detect::{Detector, Detectors, Watch};
use crate::kernel::System;
use crate::kernel::plain::Plain;
use crate::kernel::settings::RcuFlavour;
use crate::kernel::system::{Code, Start, Stepped};
use crate::program::kernel::Mailbox;
use crate::program::{Body, BoxFuture, Kernel};
use std::rc::Rc;

/// A handler that is started afresh at every entry.
pub(super) type Handler = Rc<dyn Fn(Kernel) -> BoxFuture>;
/// A check of the final state.
pub(super) type EndCheck = Box<dyn Fn(&super::final_state::End<'_>) -> Result<(), String>>;

/// A simulated machine with its programs. A scenario builds it; [`Sim::execute`] runs it. Storage
/// is reused from run to run.
#[derive(Default)]
pub struct Sim {
    pub(super) sys: System,
    pub(super) mailbox: Rc<Mailbox>,
    /// The program of each agent, by number.
    pub(super) bodies: Vec<Option<Body>>,
    pub(super) lines: Vec<(AgentId, Handler)>,
    pub(super) vectors: [Option<Handler>; 10],
    pub(super) end_checks: Vec<EndCheck>,
    detectors: Detectors,
    alarms: Vec<Alarm>,
    stall: super::stall::Stall,
    /// Programs that the last step has started.
    started: Vec<Start>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("steps", &self.sys.events.len()).finish_non_exhaustive()
    }
}

/// How a run ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Nothing was left to do.
    Finished,
    /// A finding ended it.
    Finding,
    /// It was cut at the step limit (`max_steps`).
    Cut,
}

impl Sim {
    /// An empty machine; a scenario fills it.
    pub fn new() -> Sim {
        let mut sim = Sim::default();
        sim.sys.symbols = sim.mailbox.symbols.clone();
        sim.reset();
        sim
    }

    /// Forgets the last run; keeps the storage.
    pub fn reset(&mut self) {
        self.bodies.fill_with(|| None);
        self.lines.clear();
        self.vectors = Default::default();
        self.end_checks.clear();
        self.alarms.clear();
        self.started.clear();
        self.mailbox.reset();
        self.detectors.reset();
        self.stall.reset();
        self.sys.reset();
    }

    /// Runs what was built until nobody can act, something fatal is found, or the limit is reached.
    pub fn execute<S: Strategy + ?Sized>(&mut self, strategy: &mut S) -> Stop {
        self.begin();
        let observes = strategy.observes();
        let stop = loop {
            if let Some(stop) = self.stop() {
                break stop;
            }
            let agent = strategy.pick(&self.sys);
            let first = self.sys.events.len();
            let quiet = self.act(agent, |sys| match sys.outcomes(agent) {
                1 => 0,
                n => strategy.outcome(sys, agent, n),
            });
            if !quiet || observes || self.detectors.watch_words() {
                self.detect(first, observes.then_some(&mut *strategy));
            }
            if self.stall.observe(&mut self.sys) {
                break Stop::Finding;
            }
        };
        let stop = self.conclude(stop);
        strategy.end(&self.sys, &self.sys.events, &self.sys.accesses);
        stop
    }

    /// Starts what was built. The parts of [`Sim::execute`], for those who steer step by step.
    pub(super) fn begin(&mut self) {
        self.detectors.set_watch(Watch {
            lockdep: self.sys.settings.lockdep,
            data_race: self.sys.settings.data_race,
            cooperative: !self.sys.m.preemptible,
            classic_rcu: self.sys.settings.rcu == RcuFlavour::Classic,
        });
        self.sys.static_words = self.sys.mem.words();
        self.start_contexts();
    }

    /// Brings the set of agents that can act up to date; says whether the run is over, and why.
    #[inline]
    pub(super) fn stop(&mut self) -> Option<Stop> {
        self.sys.settle();
        if self.sys.fatal {
            return Some(Stop::Finding);
        }
        if self.sys.m.enabled.is_empty() {
            self.sys.check_quiescent();
            return Some(Stop::Finished);
        }
        (self.sys.events.len() >= self.sys.settings.max_steps as usize).then_some(Stop::Cut)
    }

    /// One step of an agent that can act, for those who steer step by step.
    pub(super) fn step(&mut self, agent: AgentId, outcome: u32) {
        self.started.clear();
        let first = self.sys.events.len();
        if !self.act(agent, |_| outcome) || self.detectors.watch_words() {
            self.detect(first, None::<&mut crate::choice::canonical::Canonical>);
        }
    }

    /// One step of an agent, without the detectors; is it of interest to none of them but that of
    /// data races?
    #[inline]
    fn act(&mut self, agent: AgentId, outcome: impl FnOnce(&System) -> u32) -> bool {
        match self.sys.plain_step(agent) {
            Some(Plain { reply, quiet }) => {
                let goes_on = self.resume(agent, reply);
                if !quiet {
                    self.start_contexts();
                }
                goes_on && quiet
            }
            None => {
                let outcome = outcome(&self.sys);
                self.act_at_length(agent, outcome);
                false
            }
        }
    }

    #[inline(never)]
    fn act_at_length(&mut self, agent: AgentId, outcome: u32) {
        match self.sys.step(agent, outcome) {
            Stepped::Reply(reply) => _ = self.resume(agent, reply),
            Stepped::Waits | Stepped::Environment => {}
        }
        self.start_contexts();
    }

    /// Has the last step made a stall of it? For those who steer step by step.
    pub(super) fn stalls(&mut self) -> bool {
        self.stall.observe(&mut self.sys)
    }

    /// Final checks, if the run came to its end.
    pub(super) fn conclude(&mut self, stop: Stop) -> Stop {
        if stop == Stop::Finished && !self.sys.fatal {
            self.check_end();
        }
        if self.sys.fatal { Stop::Finding } else { stop }
    }

    /// Gives a program its reply and takes its next operation; false if that was its end.
    #[inline]
    fn resume(&mut self, agent: AgentId, reply: u64) -> bool {
        if let Some(Some(body)) = self.bodies.get_mut(agent.index()) {
            if body.resume(&self.mailbox, reply) {
                self.sys.set_pending(agent, self.mailbox.request.get());
                return true;
            }
            self.bodies[agent.index()] = None;
        }
        self.sys.finished(agent);
        false
    }

    /// Makes programs for the contexts that have begun, and runs each up to its first operation.
    #[inline]
    fn start_contexts(&mut self) {
        self.started.clear();
        while let Some(start) = self.sys.starts.pop() {
            self.start(start);
        }
    }

    fn start(&mut self, start: Start) {
        let kernel = Kernel::new(&self.mailbox);
        let future = match start.what {
            Code::Func(at, arg) => self.mailbox.call(at, kernel, arg),
            Code::Line => {
                let line = self.lines.iter().find(|(id, _)| *id == start.agent);
                line.map(|(_, handler)| handler(kernel))
            }
            Code::Vector(n) => self.vectors[usize::from(n)].as_ref().map(|make| make(kernel)),
        };
        self.started.push(start);
        self.set_body(start.agent, future.map(Body::Async));
        self.prime(start.agent);
    }

    /// The programs that the last step has started.
    pub(super) fn started(&self) -> &[Start] {
        &self.started
    }

    /// Is this agent in the middle of a program?
    pub(super) fn has_program(&self, agent: AgentId) -> bool {
        self.bodies.get(agent.index()).is_some_and(Option::is_some)
    }

    /// The state of the detectors, as far as later findings depend on it.
    pub(super) fn digest_detectors(&self, out: &mut Vec<u64>) {
        self.detectors.digest(&self.sys.events, out);
    }

    /// Grows whenever a step has changed what the detectors know of locks.
    pub(super) fn detector_changes(&self) -> u32 {
        self.detectors.changes()
    }

    pub(super) fn set_body(&mut self, agent: AgentId, body: Option<Body>) {
        if self.bodies.len() <= agent.index() {
            self.bodies.resize_with(agent.index() + 1, || None);
        }
        self.bodies[agent.index()] = body;
    }

    /// Starts a program that was given while building: takes its first operation.
    pub(super) fn prime(&mut self, agent: AgentId) {
        self.resume(agent, 0);
    }

    /// Shows the events from this one on to the detectors, and to a strategy that wants to see them.
    #[inline]
    fn detect<S: Strategy + ?Sized>(&mut self, first: usize, mut strategy: Option<&mut S>) {
        for at in first..self.sys.events.len() {
            if strategy.is_some() || self.detectors.concerned(&self.sys.events[at]) {
                self.show(at, strategy.as_deref_mut());
            }
        }
    }

    fn show<S: Strategy + ?Sized>(&mut self, at: usize, strategy: Option<&mut S>) {
        let event = &self.sys.events[at];
        let from = at.checked_sub(1).map_or(0, |last| self.sys.events[last].accesses_end);
        let accesses = &self.sys.accesses[from as usize..event.accesses_end as usize];
        self.detectors.observe(at as u32, event, accesses, &mut self.alarms);
        if let Some(strategy) = strategy {
            strategy.observe(&self.sys, event, accesses);
        }
        if !self.alarms.is_empty() {
            for alarm in std::mem::take(&mut self.alarms) {
                self.sys.report_alarm(alarm, at as u32);
            }
        }
    }

    /// What happened, what was found, what is left.
    pub fn system(&self) -> &System {
        &self.sys
    }

    /// The operation with which a program would go on now.
    pub fn pending(&self, agent: AgentId) -> &Call {
        &self.sys.m.agent(agent).pending
    }
}
