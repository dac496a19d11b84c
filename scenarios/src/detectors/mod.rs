//! `detectors/…`: for each rule that a detector watches, the smallest program that breaks it and a
//! near twin that does not.
//!
//! Expected: `detectors/X/bug` shows what its last part says; `detectors/X/fix` shows nothing.
//!
//! Source: Linux v6.3, the files named at each scenario.

mod context;
mod idle;
mod lockdep;
mod race;
mod rcu;
mod rwlock;
mod stall;

use ksim::base::finding::Kind;
use ksim::run::{Params, Scenario, Sim};

/// All of the family.
pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        context::scenarios(),
        idle::scenarios(),
        lockdep::scenarios(),
        race::scenarios(),
        rcu::scenarios(),
        rwlock::scenarios(),
        stall::scenarios(),
    ]
    .concat()
}

/// A scenario and its twin: `build` is told whether to make the mistake.
fn twins(
    name: &str,
    about: &str,
    source: &str,
    finds: &[Kind],
    build: impl Fn(&mut Sim, bool) + Copy + Send + Sync + 'static,
) -> [Scenario; 2] {
    let one = |which: &str, bug: bool| {
        let name = format!("detectors/{name}/{which}");
        Scenario::new(name, about, move |sim: &mut Sim, _: &Params| build(sim, bug)).source(source)
    };
    [one("bug", true).finds(finds), one("fix", false)]
}
