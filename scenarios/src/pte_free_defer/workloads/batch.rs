//! The batch of a gather: its page may not be had, and then the table is freed at once in process
//! context, after an empty function call to all other CPUs.

use super::super::design::Design;
use super::super::process::{exit_mm, free_rcu};
use super::super::world::{Start, World};
use super::scenario;
use ksim::run::{Param, Scenario};

const BATCH: Param =
    Param { name: "batch", about: "how many tables a batch holds", default: 8, min: 1, max: 8 };

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let about = "two unmaps, whose batches may fail to be allocated";
    let pair = scenario::<D>("batch-failure", about, |sim, params| {
        let batch = params.get("batch");
        sim.cpus(2);
        sim.settings().alloc_may_fail = true;
        let World { mm, .. } = World::new::<D>(sim, 2, Start::Both);
        for slot in 0..2 {
            sim.task(slot, "unmap", move |k| async move {
                free_rcu::<D>(&k, mm, slot.into(), batch).await;
            });
        }
    });
    let about = "an unmap and then an exit, whose batches may fail to be allocated";
    let exit = scenario::<D>("batch-failure-exit", about, |sim, params| {
        let batch = params.get("batch");
        sim.cpus(2);
        sim.settings().alloc_may_fail = true;
        let World { mm, .. } = World::new::<D>(sim, 1, Start::Both);
        sim.must_be_freed(mm);
        let unmap = sim.task(0, "unmap", move |k| async move {
            free_rcu::<D>(&k, mm, 0, batch).await;
        });
        sim.task(1, "exit", move |k| async move {
            k.kthread_join(unmap).await;
            exit_mm::<D>(&k, mm).await;
        });
    });
    [pair, exit].map(|s| s.with_params(&[BATCH])).into()
}
