//! Walkers without locks against an operation that takes their table away, and an allocation that
//! would give it to somebody else.
//!
//! * `gup-free-rcu`: `gup_fast`, with interrupts off, against an unmap.
//! * `gup-batch-failure`: the same, when there is no memory for the batch: the table is freed at once,
//!   after an empty function call to all other CPUs has waited for gup_fast.
//! * `gup-collapse`, `walker-collapse`: `gup_fast` and `pte_offset_map()` against THP collapse.
//!
//! Expected of a design that keeps its promise: the walker sees empty entries or those of its table,
//! never touches memory that was freed, and nobody writes to the table before the grace period ends.

use super::super::collapse::collapse;
use super::super::design::Design;
use super::super::process::{fault, free_rcu, pmd, unmap_region};
use super::super::s390::EMPTY;
use super::super::world::{Start, World};
use super::scenario;
use ksim::program::Kernel;
use ksim::program::gather::MAX_TABLE_BATCH;
use ksim::program::mm::MmStruct;
use ksim::run::Scenario;

/// Page-table entries that somebody else puts into the tables that he allocates.
const FOREIGN: u64 = 0x2000;

/// What takes the table away.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Taker {
    Unmap,
    UnmapWithoutBatch,
    Collapse,
}

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    vec![
        walk::<D>("gup-free-rcu", Taker::Unmap, true),
        walk::<D>("gup-batch-failure", Taker::UnmapWithoutBatch, true),
        walk::<D>("gup-collapse", Taker::Collapse, true),
        walk::<D>("walker-collapse", Taker::Collapse, false),
    ]
}

fn walk<D: Design>(workload: &str, taker: Taker, irqs_off: bool) -> Scenario {
    let about = "a walker without locks while its table is freed and another one is allocated";
    scenario::<D>(workload, about, move |sim, _| {
        sim.cpus(3);
        sim.settings().alloc_may_fail = taker == Taker::UnmapWithoutBatch;
        let World { mm, .. } = World::new::<D>(sim, 3, Start::Both);
        sim.task(0, "walker", move |k| async move {
            if irqs_off { gup_fast(&k, mm).await } else { pte_offset_map::<D>(&k, mm).await }
        });
        sim.task(1, "taker", move |k| async move {
            match taker {
                Taker::Unmap => unmap_region::<D>(&k, mm, 0, MAX_TABLE_BATCH, true).await,
                Taker::UnmapWithoutBatch => free_rcu::<D>(&k, mm, 0, MAX_TABLE_BATCH).await,
                Taker::Collapse => collapse::<D>(&k, mm, 0).await,
            }
        });
        sim.task(2, "fault", move |k| async move {
            fault::<D>(&k, mm, 2).await;
            let table = k.read_once(pmd(mm, 2)).await;
            k.write_once(table.entry(0), FOREIGN).await;
        });
    })
}

/// Since the series `rcu_read_lock()` is enough; before it walkers had to hold `mmap_lock`.
async fn pte_offset_map<D: Design>(k: &Kernel, mm: MmStruct) {
    let k = &k.func("pte_offset_map");
    if !D::DEFERS {
        k.down_read(mm.mmap_lock()).await;
    }
    k.rcu_read_lock().await;
    look(k, mm).await;
    k.rcu_read_unlock().await;
    if !D::DEFERS {
        k.up_read(mm.mmap_lock()).await;
    }
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
