//! Strategies by the names that people type.

use super::delay::Delay;
use super::guided::Guided;
use super::pct::Pct;
use super::portfolio::Portfolio;
use super::pos::Pos;
use super::random::RandomWalk;
use super::strategy::Strategy;
use super::surw::Surw;
use super::urw::Urw;

/// The strategies that have a name, with what each does.
pub const NAMES: &[(&str, &str)] = &[
    ("portfolio", "canonical runs, reversals of single conflicts, and samplers in rotation"),
    ("random", "uniform random walk over everything enabled"),
    ("walk", "random walk over operations on what others touch"),
    ("pct2", "random priorities with one change (pct1 to pct9: depth - 1 changes)"),
    ("pct3", "random priorities with two changes"),
    ("pos", "partial order sampling: random priorities of operations, redrawn at conflicts"),
    ("urw", "uniform random walk: by how many steps each context has left"),
    ("surw", "uniform orders of the accesses to one lock or word, drawn for each run"),
    ("delay2", "run to block, with at most two delays (delay1 to delay9)"),
];

/// The strategy that is used unless another is named.
pub const DEFAULT: &str = "portfolio";

/// The strategy with this name.
pub fn by_name(name: &str) -> Option<Box<dyn Strategy + Send>> {
    let number = |prefix: &str| {
        let digit = name.strip_prefix(prefix)?.parse().ok()?;
        (1..=9).contains(&digit).then_some(digit)
    };
    Some(match name {
        "portfolio" => Box::new(Portfolio::default()),
        "random" => Box::new(RandomWalk::default()),
        "walk" => Box::new(Guided::new(RandomWalk::default())),
        "pos" => Box::new(Guided::new(Pos::new(true))),
        "urw" => Box::new(Guided::new(Urw::default())),
        "surw" => Box::new(Guided::new(Surw::default())),
        _ => match (number("pct"), number("delay")) {
            (Some(depth), _) => Box::new(Guided::new(Pct::new(depth))),
            (_, Some(bound)) => Box::new(Guided::new(Delay::new(bound))),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_works() {
        for (name, _) in NAMES {
            assert!(by_name(name).is_some(), "{name}");
        }
        assert!(by_name(DEFAULT).is_some() && by_name("no-such").is_none());
    }
}
