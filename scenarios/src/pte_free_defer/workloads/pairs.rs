//! Every pair of operations on the two halves of one page, on two CPUs; with both tables in use,
//! and with an allocation on a third CPU or in place of the second operation.
//!
//! The tasks are threads of the mm, so that it stays; each has its own slot, as the pmd lock sees to.

use super::super::design::Design;
use super::super::world::{Start, World};
use super::{Action, frees, scenario};
use ksim::run::{Scenario, Sim};

/// All pairs of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let mut all = vec![pair::<D>(Action::Alloc, Action::Alloc, Start::First, false)];
    let frees = frees::<D>();
    for (i, &first) in frees.iter().enumerate() {
        all.push(pair::<D>(Action::Alloc, first, Start::First, false));
        for &second in &frees[i..] {
            all.push(pair::<D>(first, second, Start::Both, false));
            all.push(pair::<D>(first, second, Start::Both, true));
        }
    }
    all
}

fn pair<D: Design>(first: Action, second: Action, start: Start, alloc: bool) -> Scenario {
    let third = if alloc { "-alloc" } else { "" };
    let workload = format!("{}-{}{third}", first.name(), second.name());
    let about = match (start, alloc) {
        (Start::First, _) => "one table of a page in use, the other free and listed",
        (Start::Both, false) => "both tables of a page, one operation each",
        (Start::Both, true) => "both tables of a page, one operation each, and an allocation",
    };
    scenario::<D>(&workload, about, move |sim, _| {
        sim.cpus(if alloc { 3 } else { 2 });
        let world = World::new::<D>(sim, 3, start);
        if start == Start::First {
            // An allocation, and something on the table that is in use; or two allocations.
            task::<D>(sim, world, 0, first, 1);
            task::<D>(sim, world, 1, second, if second == Action::Alloc { 2 } else { 0 });
        } else {
            task::<D>(sim, world, 0, first, 0);
            task::<D>(sim, world, 1, second, 1);
        }
        if alloc {
            task::<D>(sim, world, 2, Action::Alloc, 2);
        }
    })
}

fn task<D: Design>(sim: &mut Sim, world: World, cpu: u16, action: Action, slot: usize) {
    sim.task(cpu, action.name(), move |k| async move {
        action.perform::<D>(&k, world.mm, slot).await;
    });
}
