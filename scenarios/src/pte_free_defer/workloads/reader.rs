//! Walkers without locks against an operation that takes their table away, and an allocation that
//! would give it to somebody else.
//!
//! * `reader-defer`: `pte_offset_map()`, a reader of RCU, against `pte_free_defer()`.
//! * `gup-free-rcu`: `gup_fast`, with interrupts off, against an unmap whose batch may fail.
//!
//! Expected of a design that keeps its promise: the walker sees empty entries or those of its table,
//! and never touches memory that was freed.

use super::super::design::Design;
use super::super::process::{fault, pmd};
use super::super::s390::EMPTY;
use super::super::world::{Start, World};
use super::{Action, scenario};
use ksim::program::Kernel;
use ksim::program::mm::MmStruct;
use ksim::run::Scenario;

/// Page-table entries that somebody else puts into the tables that he allocates.
const FOREIGN: u64 = 0x2000;

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let mut all = vec![walk::<D>("gup-free-rcu", Action::FreeRcu, true)];
    if D::DEFERS {
        all.push(walk::<D>("reader-defer", Action::Defer, false));
    }
    all
}

fn walk<D: Design>(workload: &str, action: Action, irqs_off: bool) -> Scenario {
    let about = "a walker without locks while its table is freed and another one is allocated";
    scenario::<D>(workload, about, move |sim, _| {
        sim.cpus(3);
        sim.settings().alloc_may_fail = true;
        let World { mm, .. } = World::new::<D>(sim, 3, Start::Both);
        sim.task(0, "walker", move |k| async move {
            if irqs_off { gup_fast(&k, mm).await } else { pte_offset_map(&k, mm).await }
        });
        sim.task(1, action.name(), move |k| async move {
            action.perform::<D>(&k, mm, 0).await;
        });
        sim.task(2, "fault", move |k| async move {
            fault::<D>(&k, mm, 2).await;
            let table = k.read_once(pmd(mm, 2)).await;
            k.write_once(table.entry(0), FOREIGN).await;
        });
    })
}

async fn pte_offset_map(k: &Kernel, mm: MmStruct) {
    let k = &k.func("pte_offset_map");
    k.rcu_read_lock().await;
    look(k, mm).await;
    k.rcu_read_unlock().await;
}

async fn gup_fast(k: &Kernel, mm: MmStruct) {
    let k = &k.func("gup_pte_range");
    k.local_irq_disable().await;
    look(k, mm).await;
    k.local_irq_enable().await;
}

async fn look(k: &Kernel, mm: MmStruct) {
    let table = k.read_once(pmd(mm, 0)).await;
    if !table.is_null() {
        let entry = k.read_once(table.entry(0)).await;
        k.assert(entry == EMPTY, "a walker sees only entries of its own table").await;
    }
}
