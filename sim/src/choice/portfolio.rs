//! The strategy for hunts: the default policy and its opposite, reversals of single conflicts, the
//! most promising first, and samplers; every third run is an independent sample.
//!
//! It learns from its first runs only, taken in the order of their indexes; what it then knows is
//! fixed, and each later run is a function of (seed, index) again.

use super::canonical::{Canonical, Reverse};
use super::flip::Flip;
use super::frontier::{Frontier, Plan};
use super::guided::Guided;
use super::pct::Pct;
use super::pos::Pos;
use super::profile::{Known, Owners, Profile, Profiles};
use super::record::Record;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use super::surw::Surw;
use super::urw::Urw;
use crate::base::agent::AgentId;
use crate::base::event::Event;
use crate::base::footprint::Access;
use std::sync::Arc;

/// How many runs it learns from.
pub const LEARNING: u64 = 256;

/// The run that does the opposite of the default policy.
const REVERSE: u64 = 7;

/// The samplers in rotation: SURW, POS, PCT-2, PCT-3, URW.
const SAMPLERS: u64 = 5;

/// What the first run looked like: step counts are taken from it.
#[derive(Clone, Debug, Default)]
struct First {
    agents: Vec<Known>,
    events: Vec<Event>,
    accesses: Vec<Access>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Now {
    Canonical,
    Reverse,
    Sampler(usize),
    Flip,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Portfolio {
    seed: u64,
    /// Runs it has learned from.
    next: u64,
    now: Now,
    /// Learns from the run in progress?
    learns: bool,
    first: First,
    owners: Owners,
    profiles: Profiles,
    frontier: Frontier,
    stream: Stream,
    canonical: Canonical,
    reverse: Reverse,
    surw: Guided<Surw>,
    pos: Guided<Pos>,
    pct2: Guided<Pct>,
    pct3: Guided<Pct>,
    urw: Guided<Urw>,
    flip: Flip,
}

impl Default for Portfolio {
    fn default() -> Portfolio {
        Portfolio {
            seed: 0,
            next: 0,
            now: Now::Canonical,
            learns: false,
            first: First::default(),
            owners: Owners::default(),
            profiles: Profiles::default(),
            frontier: Frontier::default(),
            stream: Stream::new(0, 0, "portfolio"),
            canonical: Canonical::default(),
            reverse: Reverse::default(),
            surw: Guided::new(Surw::default()),
            pos: Guided::new(Pos::new(true)),
            pct2: Guided::new(Pct::new(2)),
            pct3: Guided::new(Pct::new(3)),
            urw: Guided::new(Urw::default()),
            flip: Flip::default(),
        }
    }
}

impl Portfolio {
    /// Every third run is drawn by a sampler, whatever the others have found.
    fn is_reserved(index: u64) -> bool {
        index >= 4 && index.is_multiple_of(3)
    }

    fn spread(&mut self) {
        self.surw.set_profiles(&self.profiles);
        self.pos.set_profiles(&self.profiles);
        self.pct2.set_profiles(&self.profiles);
        self.pct3.set_profiles(&self.profiles);
        self.urw.set_profiles(&self.profiles);
    }

    fn choose(&mut self, index: u64) -> Now {
        match index {
            0 => return Now::Canonical,
            1 => return Now::Sampler(0),
            REVERSE => return Now::Reverse,
            _ => {}
        }
        let rotation = (index / 3 % SAMPLERS) as usize;
        if Portfolio::is_reserved(index) {
            return Now::Sampler(rotation);
        }
        // Later each change that is left is tried once.
        let plan: Option<Plan> = match index.checked_sub(LEARNING) {
            None => {
                let salt = self.stream.next_u32().into();
                self.frontier.next(salt)
            }
            Some(later) if later % 3 == 1 => self.frontier.left(later / 3).cloned(),
            Some(_) => None,
        };
        match plan {
            Some(plan) => {
                self.flip.set(plan);
                Now::Flip
            }
            None => Now::Sampler((rotation + 2) % SAMPLERS as usize),
        }
    }

    fn inner(&mut self) -> &mut dyn Strategy {
        match self.now {
            Now::Canonical => &mut self.canonical,
            Now::Reverse => &mut self.reverse,
            Now::Flip => &mut self.flip,
            Now::Sampler(0) => &mut self.surw,
            Now::Sampler(1) => &mut self.pos,
            Now::Sampler(2) => &mut self.pct2,
            Now::Sampler(3) => &mut self.pct3,
            Now::Sampler(_) => &mut self.urw,
        }
    }

    fn learn_owners(&mut self, events: &[Event], accesses: &[Access]) {
        if !self.owners.learn(events, accesses) {
            return;
        }
        let first = &self.first;
        let profile = |owners| {
            let agents = first.agents.clone();
            Arc::new(Profile::of(agents, &first.events, &first.accesses, owners))
        };
        self.profiles.shared = profile(self.owners.clone());
        if self.profiles.all.agents.is_empty() {
            self.profiles.all = profile(Owners::default());
        }
        self.spread();
    }
}

impl Strategy for Portfolio {
    fn begin(&mut self, seed: u64, index: u64) {
        if index == 0 {
            *self = Portfolio::default();
        }
        self.seed = seed;
        self.learns = index < LEARNING;
        self.stream.aim(seed, index, "portfolio");
        self.now = self.choose(index);
        self.inner().begin(seed, index);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        self.inner().pick(view)
    }

    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32 {
        self.inner().outcome(view, agent, n)
    }

    fn missing(&self, seed: u64, index: u64) -> Option<u64> {
        if index == 0 {
            return None;
        }
        let needed = index.min(LEARNING);
        match self.next {
            next if self.seed != seed || next > needed => Some(0),
            next => (next < needed).then_some(next),
        }
    }

    fn learning(&self) -> u64 {
        LEARNING
    }

    fn fork(&self) -> Option<Box<dyn Strategy + Send>> {
        Some(Box::new(self.clone()))
    }

    /// While it learns, the samplers learn too.
    fn is_independent(&self, index: u64) -> bool {
        index >= LEARNING && Portfolio::is_reserved(index)
    }

    fn observes(&self) -> bool {
        self.now == Now::Flip
    }

    fn observe(&mut self, view: &dyn View, event: &Event, accesses: &[Access]) {
        self.inner().observe(view, event, accesses);
    }

    fn end(&mut self, view: &dyn View, events: &[Event], accesses: &[Access]) {
        if !self.learns {
            return;
        }
        self.next += 1;
        let statics = view.static_words();
        if self.first.agents.is_empty() {
            self.owners.grow(statics);
            let agents = Profile::agents_of(view);
            let (events, accesses) = (events.to_vec(), accesses.to_vec());
            self.first = First { agents, events, accesses };
        }
        self.learn_owners(events, accesses);
        let record = Record::new(view, events, accesses, Frontier::LENGTH);
        // What a sampler shows may be in other company than after a reversal.
        let covers = matches!(self.now, Now::Canonical | Now::Flip);
        self.frontier.learn(record, statics, covers);
    }
}
