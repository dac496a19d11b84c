//! The uniform random walk: every agent that can act is equally likely.

use super::guided::Sampler;
use super::profile::Profile;
use super::rng::Stream;
use super::strategy::{Strategy, View};
use crate::base::agent::AgentId;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub struct RandomWalk {
    seed: u64,
    index: u64,
    who: Option<Stream>,
    outcomes: Option<Stream>,
}

impl Strategy for RandomWalk {
    fn begin(&mut self, seed: u64, index: u64) {
        match &mut self.who {
            Some(stream) if self.seed == seed => stream.restart(index, "schedule"),
            stream => *stream = Some(Stream::new(seed, index, "schedule")),
        }
        (self.seed, self.index) = (seed, index);
        self.outcomes = None;
    }

    #[inline]
    fn pick(&mut self, view: &dyn View) -> AgentId {
        let enabled = view.enabled();
        let n = enabled.len();
        match &mut self.who {
            Some(stream) if n > 1 => enabled.nth(stream.below(n)),
            _ => enabled.nth(0),
        }
    }

    fn outcome(&mut self, _: &dyn View, _: AgentId, n: u32) -> u32 {
        let (seed, index) = (self.seed, self.index);
        self.outcomes.get_or_insert_with(|| Stream::new(seed, index, "outcomes")).below(n)
    }
}

impl Sampler for RandomWalk {
    fn set_profile(&mut self, _: &Arc<Profile>) {}
}
