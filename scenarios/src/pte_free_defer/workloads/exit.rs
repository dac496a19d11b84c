//! An operation on one half against the exit of the process, which frees the other half and then
//! the mm; everything must be free at the end.
//!
//! * `free-exit`: two threads; one frees a table and ends, the other takes a page fault and ends.
//! * `callback-exit`, `defer-callback-exit`: the table is freed and queued before the exit begins on
//!   another CPU: an unmap holds the mm, so only its callback can run beside the exit.
//! * `defer-exit`, `defer-exit-first`: khugepaged retracts a table of the file while the only thread
//!   ends; the other half of the page is in use, or was never handed out.
//! * `collapse-exit`: the same by `collapse_pte_mapped_thp()`, which looks up the mm by itself.

use super::super::collapse::{collapse, retract_page_tables};
use super::super::design::{Design, On};
use super::super::process::exit_mm;
use super::super::world::{Start, World};
use super::{Action, scenario};
use ksim::program::mm::MmStruct;
use ksim::program::{Array, Kernel};
use ksim::run::{Param, Params, Scenario, Sim};

const REUSE: Param = Param {
    name: "reuse",
    about: "what becomes of the memory of the mm: 0 nothing, 1 another mm, 2 something else",
    default: 0,
    min: 0,
    max: 2,
};

ksim::kernel_struct! {
    /// Whatever else an mm's memory may become.
    pub struct Buffer("buffer", Slab) {
        data: Array<40>,
    }
}

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let mut all = vec![
        thread::<D>(),
        callback::<D>(Action::FreeRcu, "callback-exit"),
        collapse_while_exit::<D>(),
    ];
    if D::DEFERS {
        all.push(khugepaged::<D>("defer-exit", Start::Both));
        all.push(khugepaged::<D>("defer-exit-first", Start::First));
        all.push(callback::<D>(Action::Defer, "defer-callback-exit"));
    }
    all.into_iter().map(|s| s.with_params(&[REUSE])).collect()
}

fn world<D: Design>(sim: &mut Sim, params: &Params, users: u64, start: Start) -> World {
    sim.cpus(2);
    sim.reuse_memory(params.get("reuse") != 0);
    let world = World::new::<D>(sim, users, start);
    sim.must_be_freed(world.mm);
    world
}

fn thread<D: Design>() -> Scenario {
    let about = "a thread frees a table and ends, the other takes a page fault and ends";
    scenario::<D>("free-exit", about, move |sim, params| {
        let World { mm, .. } = world::<D>(sim, params, 2, Start::Both);
        sim.set(mm.map_count(), 3);
        sim.task(0, "free", move |k| async move {
            Action::Free.perform::<D>(&k, mm, 0).await;
            exit_mm::<D>(&k, mm).await;
        });
        let reuse = params.get("reuse");
        sim.task(1, "exit", move |k| async move {
            Action::Alloc.perform::<D>(&k, mm, 2).await;
            exit::<D>(&k, mm, reuse).await;
        });
    })
}

/// Ends the process; something else may come and go in its memory.
async fn exit<D: Design>(k: &Kernel, mm: MmStruct, reuse: u64) {
    exit_mm::<D>(k, mm).await;
    if reuse == 1 {
        let k = &k.func("dup_mm");
        let mm: MmStruct = k.kzalloc().await;
        D::init_new_context(k, mm).await;
        D::destroy_context(k, mm).await;
        k.kmem_cache_free(mm).await;
    } else if reuse == 2 {
        let buffer: Buffer = k.kzalloc().await;
        k.kfree(buffer).await;
    }
}

fn khugepaged<D: Design>(workload: &str, start: Start) -> Scenario {
    let about = "khugepaged retracts a table while the process ends";
    scenario::<D>(workload, about, move |sim, params| {
        let world = world::<D>(sim, params, 1, start);
        let file = world.map_file(sim);
        sim.task(0, "khugepaged", move |k| async move {
            retract_page_tables::<D>(&k, file, 0).await;
        });
        let reuse = params.get("reuse");
        sim.task(1, "exit", move |k| async move { exit::<D>(&k, world.mm, reuse).await });
    })
}

fn collapse_while_exit<D: Design>() -> Scenario {
    let about = "khugepaged collapses a range while the process ends";
    scenario::<D>("collapse-exit", about, move |sim, params| {
        let World { mm, .. } = world::<D>(sim, params, 1, Start::Both);
        // The mm_slot of khugepaged holds the struct.
        sim.set(mm.mm_count(), 2);
        sim.task(0, "khugepaged", move |k| async move {
            collapse::<D>(&k, mm, 0).await;
            k.mmdrop::<On<D>>(mm).await;
        });
        let reuse = params.get("reuse");
        sim.task(1, "exit", move |k| async move { exit::<D>(&k, mm, reuse).await });
    })
}

fn callback<D: Design>(action: Action, workload: &str) -> Scenario {
    let about = "a table was freed and waits for its grace period while the process ends";
    scenario::<D>(workload, about, move |sim, params| {
        let World { mm, .. } = world::<D>(sim, params, 1, Start::Both);
        let reuse = params.get("reuse");
        let thread = sim.task(0, action.name(), move |k| async move {
            action.perform::<D>(&k, mm, 0).await;
        });
        sim.task(1, "exit", move |k| async move {
            k.kthread_join(thread).await;
            exit::<D>(&k, mm, reuse).await;
        });
    })
}
