//! `kernel/…`: real bugs, each with its fix.
//!
//! Expected: `kernel/X/bug` shows what the kernel's reporters saw; `kernel/X/fix`, with what the
//! commit named in its source changed, shows nothing.

mod lifetime;
mod locking;
mod mm;
mod rcu;
mod rmap;
mod watch;

use ksim::base::finding::Kind;
use ksim::run::{Params, Scenario, Sim};

/// All of the family.
pub fn scenarios() -> Vec<Scenario> {
    [
        lifetime::scenarios(),
        locking::scenarios(),
        mm::scenarios(),
        rcu::scenarios(),
        rmap::scenarios(),
        watch::scenarios(),
    ]
    .concat()
}

/// A bug and its fix: `build` is told whether to make the mistake.
fn twins(
    name: &str,
    about: &str,
    source: &str,
    finds: &[Kind],
    build: impl Fn(&mut Sim, bool) + Copy + Send + Sync + 'static,
) -> Vec<Scenario> {
    let one = |which: &str, bug: bool| {
        let build = move |sim: &mut Sim, _: &Params| build(sim, bug);
        Scenario::new(format!("kernel/{name}/{which}"), about, build).source(source)
    };
    vec![one("bug", true).finds(finds), one("fix", false)]
}
