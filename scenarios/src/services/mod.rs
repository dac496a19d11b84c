//! `services/…`: what each service of the simulated kernel does, and each rule that a detector
//! watches.
//!
//! Expected: a scenario `services/X/bug` shows what its last part says; its near twin
//! `services/X/fix` differs in one step and shows nothing. A scenario without such a pair shows that
//! a service does what the kernel's does.
//!
//! Source: Linux v6.3, the files named at each scenario.

mod context;
mod list;
mod lock;
mod memory;
mod page;
mod rcu;
mod refcount;
mod sched;
mod sleep;

use ksim::base::finding::Kind;
use ksim::run::{Params, Scenario, Sim};

/// All of the family.
pub fn scenarios() -> Vec<Scenario> {
    [
        context::scenarios(),
        list::scenarios(),
        lock::scenarios(),
        memory::scenarios(),
        page::scenarios(),
        rcu::scenarios(),
        refcount::scenarios(),
        sched::scenarios(),
        sleep::scenarios(),
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
) -> Vec<Scenario> {
    let one = |which: &str, bug: bool| {
        Scenario::new(
            format!("services/{name}/{which}"),
            about,
            move |sim: &mut Sim, _: &Params| {
                build(sim, bug);
            },
        )
        .source(source)
    };
    vec![one("bug", true).finds(finds), one("fix", false)]
}

/// A scenario that shows nothing.
fn works(
    name: &str,
    about: &str,
    source: &str,
    build: impl Fn(&mut Sim) + Send + Sync + 'static,
) -> Vec<Scenario> {
    let name = format!("services/{name}");
    vec![Scenario::new(name, about, move |sim: &mut Sim, _: &Params| build(sim)).source(source)]
}

/// What a final check says of a value that is not what it must be.
fn expect(what: &str, is: u64, must: u64) -> Result<(), String> {
    if is == must { Ok(()) } else { Err(format!("{what} is {is}, must be {must}")) }
}
