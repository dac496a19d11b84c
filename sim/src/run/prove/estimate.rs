//! How many runs there are in all, by Knuth's probes: the product of the numbers of ways along a
//! random run has the number of runs as its mean.

use super::walker::{Choice, Walker};
use crate::choice::rng::Stream;
use crate::run::params::Params;
use crate::run::scenario::Scenario;

/// An estimate of the number of interleavings. For people: nothing is decided by it.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Estimate {
    /// The mean over the probes.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// How many probes there were.
    pub probes: u32,
}

impl Estimate {
    /// From so many random runs.
    pub fn new(scenario: &Scenario, params: &Params, probes: u32, seed: u64) -> Estimate {
        let mut walker = Walker::new(scenario, params);
        let (mut sum, mut squares) = (0.0, 0.0);
        for index in 0..probes {
            let mut random = Stream::new(seed, index.into(), "knuth");
            let ways = probe(&mut walker, &mut random);
            sum += ways;
            squares += ways * ways;
        }
        let n = f64::from(probes.max(1));
        let mean = sum / n;
        let variance = (squares / n - mean * mean).max(0.0);
        Estimate { mean, error: (variance / (n - 1.0).max(1.0)).sqrt(), probes }
    }
}

fn probe(walker: &mut Walker<'_>, random: &mut Stream) -> f64 {
    let mut product = 1.0;
    walker.restart();
    while walker.stop().is_none() {
        let sys = walker.system();
        let outcomes = |a| sys.outcomes(a);
        let ways: u32 = sys.enabled_set().iter().map(outcomes).sum();
        let mut drawn = random.below(ways);
        let mut choice = None;
        for agent in sys.enabled_set().iter() {
            if drawn < outcomes(agent) {
                choice = Some(Choice { agent, outcome: drawn as u16 });
                break;
            }
            drawn -= outcomes(agent);
        }
        let Some(choice) = choice else { break };
        product *= f64::from(ways);
        walker.step(choice);
    }
    product
}
