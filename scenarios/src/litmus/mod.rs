//! `litmus/…`: small shapes of RCU and locking under sequential consistency.
//!
//! Expected: each shape comes with the set of all its outcomes. `litmus/X/forbidden` ends in exactly
//! these; `litmus/X/allowed` drops what forbids one, and shows what is not among them as an
//! assertion. A test computes both sets by exhaustive search.
//!
//! Source: tools/memory-model/litmus-tests and Documentation/RCU/Design/Requirements, v6.3.
//! Sequential consistency is stronger than the kernel's model: `+onceonce` shapes that LKMM allows
//! by reordering do not appear here.

mod order;
mod rcu;

use ksim::base::finding::Kind;
use ksim::program::Var;
use ksim::run::{Scenario, Sim};
use std::sync::Arc;

/// All of the family.
pub fn scenarios() -> Vec<Scenario> {
    shapes().iter().flat_map(Shape::scenarios).collect()
}

/// All shapes.
pub fn shapes() -> Vec<Shape> {
    vec![
        order::message_passing(),
        order::store_buffering(),
        order::load_buffering(),
        order::message_passing_locked(),
        rcu::rcu_message_passing(),
        rcu::rcu_store_buffering(),
        rcu::rcu_nested(),
        rcu::rcu_overlapping(),
        rcu::preempt_off(),
        rcu::rcu_two_updates(),
        rcu::rcu_callback(),
        rcu::rcu_barrier(),
        rcu::callback_order(),
    ]
}

/// A set of outcomes: what the processes have read, one digit each.
pub type Outcomes = &'static [&'static str];

type Build = dyn Fn(&mut Sim, bool) -> Vec<Var> + Send + Sync;

/// A shape with what forbids an outcome, and without.
#[derive(Clone)]
pub struct Shape {
    /// `rcu-mp`.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// All outcomes: as it is, and without what forbids some.
    pub outcomes: [Outcomes; 2],
    build: Arc<Build>,
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shape").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shape {
    /// As scenarios: each ends in an assertion where its outcome is not one of the first set.
    pub fn scenarios(&self) -> [Scenario; 2] {
        let known = self.outcomes[0];
        let one = |allowed: bool| self.scenario(allowed, move |seen| !known.contains(&seen));
        [one(false), one(true).finds(&[Kind::Assertion])]
    }

    /// A scenario in which every end is an assertion that tells the outcome.
    pub fn telling(&self, allowed: bool) -> Scenario {
        self.scenario(allowed, |_| true)
    }

    fn scenario(
        &self,
        allowed: bool,
        tells: impl Fn(&str) -> bool + Copy + Send + Sync + 'static,
    ) -> Scenario {
        let build = self.build.clone();
        let which = if allowed { "allowed" } else { "forbidden" };
        let name = format!("litmus/{}/{which}", self.name);
        let build = move |sim: &mut Sim, _: &ksim::run::Params| {
            let results = build(sim, allowed);
            sim.at_end(move |end| {
                let seen: String = results.iter().map(|&r| end.get(r).to_string()).collect();
                if tells(&seen) { Err(format!("the outcome is {seen}")) } else { Ok(()) }
            });
        };
        Scenario::new(name, self.about, build).source(self.source)
    }
}

fn shape(
    name: &'static str,
    about: &'static str,
    source: &'static str,
    outcomes: [Outcomes; 2],
    build: impl Fn(&mut Sim, bool) -> Vec<Var> + Send + Sync + 'static,
) -> Shape {
    Shape { name, about, source, outcomes, build: Arc::new(build) }
}

/// Words that hold what each process read, set to 9 before.
fn results<const N: usize>(sim: &mut Sim, roles: [&'static str; N]) -> [Var; N] {
    roles.map(|role| sim.word(role, 9u64))
}
