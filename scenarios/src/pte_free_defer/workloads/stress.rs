//! A mix of processes on four CPUs that fault, unmap, fork, exit and have their tables retracted, for
//! which nobody wrote the interleaving: every choice is the schedule's.
//!
//! Each process has an mm and a mapping of a file of its own; khugepaged retracts tables of all of
//! them. A fork takes the place of the child that `dup_mm()` makes and that exits at once.

use super::super::design::{Design, On};
use super::super::process::{AddressSpace, exit_mm, fault, free_rcu, pmd, retract_page_tables};
use super::super::world::Start;
use super::super::world::World;
use super::scenario;
use ksim::program::mm::MmStruct;
use ksim::program::{Kernel, Object};
use ksim::run::{Param, Scenario};

const OPERATIONS: Param = Param {
    name: "operations",
    about: "how many operations a process carries out before it ends",
    default: 3,
    min: 1,
    max: 20,
};
const BATCH: Param =
    Param { name: "batch", about: "how many tables a batch holds", default: 2, min: 1, max: 8 };

/// The one of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let about = "processes on 4 CPUs fault, unmap, fork, exit and are collapsed";
    let stress = scenario::<D>("stress", about, |sim, params| {
        let (operations, batch) = (params.get("operations"), params.get("batch"));
        sim.cpus(4);
        sim.settings().alloc_may_fail = true;
        let world = World::new::<D>(sim, 2, Start::Both);
        let mm = world.mm;
        let file = world.map_file(sim);
        sim.set(mm.map_count(), 3);
        sim.must_be_freed(mm);
        sim.task(0, "khugepaged", move |k| async move {
            for _ in 0..2 {
                let slot = k.choose(2).await as usize;
                if D::DEFERS {
                    retract_page_tables::<D>(&k, file, slot).await;
                }
            }
        });
        for (cpu, slot) in [(1, 0), (2, 1)] {
            sim.task(cpu, "thread", move |k| async move {
                process::<D>(&k, mm, file, slot, operations, batch).await;
            });
        }
        // Whoever tries mmget_not_zero() holds the struct itself.
        let holders = sim.get(mm.mm_count()) + 1;
        sim.set(mm.mm_count(), holders);
        sim.task(3, "reclaim", move |k| async move {
            if k.mmget_not_zero(mm).await {
                k.cond_resched().await;
                k.mmput::<On<D>>(mm).await;
            }
            k.mmdrop::<On<D>>(mm).await;
        });
    });
    vec![stress.with_params(&[OPERATIONS, BATCH])]
}

/// A thread: its slot of the file, and a private one that nobody retracts.
async fn process<D: Design>(
    k: &Kernel,
    mm: MmStruct,
    file: AddressSpace,
    slot: usize,
    operations: u64,
    batch: u64,
) {
    for _ in 0..operations {
        match k.choose(3).await {
            0 => unmap_or_fault::<D>(k, mm, file, slot, batch).await,
            1 => fork_and_exit::<D>(k).await,
            _ => k.relax().await,
        }
    }
    exit_mm::<D>(k, mm).await;
}

/// Under `i_mmap_rwsem`, so that khugepaged does not take the table at the same time.
async fn unmap_or_fault<D: Design>(
    k: &Kernel,
    mm: MmStruct,
    file: AddressSpace,
    slot: usize,
    batch: u64,
) {
    k.down_write(file.i_mmap_rwsem()).await;
    if k.read_once(pmd(mm, slot)).await.is_null() {
        fault::<D>(k, mm, slot).await;
    } else {
        free_rcu::<D>(k, mm, slot, batch).await;
    }
    k.up_write(file.i_mmap_rwsem()).await;
}

/// A child: a new mm with one table, which ends at once.
async fn fork_and_exit<D: Design>(k: &Kernel) {
    let k = &k.func("dup_mm");
    let mm: MmStruct = k.kzalloc().await;
    if mm.ptr().is_null() {
        return;
    }
    k.atomic_set(mm.mm_users(), 1).await;
    k.atomic_set(mm.mm_count(), 1).await;
    k.write(mm.map_count(), 2).await;
    D::init_new_context(k, mm).await;
    fault::<D>(k, mm, 0).await;
    fault::<D>(k, mm, 1).await;
    exit_mm::<D>(k, mm).await;
}
