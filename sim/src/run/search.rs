//! What a strategy is given to start with: the profile of a scenario.

use super::execute::Execution;
use crate::choice::RandomWalk;
use crate::choice::canonical::{Canonical, Reverse};
use crate::choice::profile::{Owners, Profile, Profiles};
use crate::choice::strategy::{Strategy, View};
use std::sync::Arc;

/// Random walks that look for words that several contexts touch, besides the two canonical runs.
const WALKS: u64 = 4;

impl Execution<'_> {
    /// The profiles of the scenario with its parameters, from a few runs that do not depend on any
    /// seed: who shares what from all of them, step counts from the canonical one.
    pub(super) fn profiles(&mut self) -> Profiles {
        let mut owners = Owners::default();
        self.learn_owners(&mut Reverse::default(), 0, &mut owners);
        for walk in 0..WALKS {
            self.learn_owners(&mut RandomWalk::default(), walk, &mut owners);
        }
        self.learn_owners(&mut Canonical::default(), 0, &mut owners);
        let sys = self.sim().system();
        let profile = |owners| Arc::new(Profile::new(sys, &sys.events, &sys.accesses, owners));
        Profiles { shared: profile(owners), all: profile(Owners::default()) }
    }

    fn learn_owners(&mut self, strategy: &mut dyn Strategy, index: u64, owners: &mut Owners) {
        self.run_once(strategy, 0, index);
        let sys = self.sim().system();
        owners.grow(sys.static_words());
        owners.learn(&sys.events, &sys.accesses);
    }
}
