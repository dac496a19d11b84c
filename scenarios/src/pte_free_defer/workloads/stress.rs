//! A mix of processes on four CPUs that map, unmap, fork, exit and collapse, like the mm tests of LTP,
//! for which nobody wrote the interleaving: every choice is the schedule's.
//!
//! Three threads share an mm; each has a slot, two of the slots map a file whose tables khugepaged
//! retracts. Each run draws which operations there are at all (swarm testing): a bug that one
//! operation hides is met where that operation is off.

use super::super::collapse::{collapse, retract_page_tables};
use super::super::design::{Design, On};
use super::super::process::{AddressSpace, exit_mm, fault, free_rcu, pmd};
use super::super::tlb::finish_arch_post_lock_switch;
use super::super::world::{Start, World};
use super::scenario;
use ksim::program::mm::MmStruct;
use ksim::program::{Kernel, Object, Var};
use ksim::run::{Param, Scenario};

const OPERATIONS: Param = Param {
    name: "operations",
    about: "how many operations a thread carries out before it ends",
    default: 3,
    min: 1,
    max: 20,
};
const BATCH: Param =
    Param { name: "batch", about: "how many tables a batch holds", default: 2, min: 1, max: 8 };

/// What a thread may do, and khugepaged.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Operation {
    /// A page fault where there is no table, `munmap()` where there is one.
    Map,
    Fork,
    /// `madvise(MADV_COLLAPSE)`.
    Collapse,
    /// A context switch, which may flush the TLB.
    Switch,
    /// `retract_page_tables()`, by khugepaged alone.
    Retract,
}

impl Operation {
    /// Those of a thread.
    const OF_THREADS: [Operation; 4] =
        [Operation::Map, Operation::Fork, Operation::Collapse, Operation::Switch];

    fn is_in(self, drawn: u64) -> bool {
        drawn >> self as u64 & 1 != 0
    }
}

/// What all threads share.
#[derive(Copy, Clone)]
struct Load {
    mm: MmStruct,
    file: AddressSpace,
    /// The operations that this run has drawn, as bits; 0 as long as nothing is drawn.
    drawn: Var,
    operations: u64,
    batch: u64,
}

/// The one of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let about = "threads and khugepaged on 4 CPUs map, unmap, fork, exit and collapse";
    let stress = scenario::<D>("stress", about, |sim, params| {
        sim.cpus(4);
        sim.settings().alloc_may_fail = true;
        let world = World::new::<D>(sim, 3, Start::Both);
        let load = Load {
            mm: world.mm,
            file: world.map_file(sim),
            drawn: sim.word("operations", 0),
            operations: params.get("operations"),
            batch: params.get("batch"),
        };
        sim.set(load.mm.map_count(), 3);
        sim.must_be_freed(load.mm);
        // The mm_slot of khugepaged holds the struct.
        sim.set(load.mm.mm_count(), 2);
        sim.task(0, "khugepaged", move |k| async move { khugepaged::<D>(&k, load).await });
        for slot in 0..3 {
            sim.task(slot + 1, "thread", move |k| async move {
                thread::<D>(&k, load, slot.into()).await;
            });
        }
    });
    let stress = stress.with_params(&[OPERATIONS, BATCH]).large();
    vec![D::SAVED.iter().fold(stress, |stress, saved| stress.shown_by(saved))]
}

async fn khugepaged<D: Design>(k: &Kernel, load: Load) {
    let all = (1 << (Operation::Retract as u32 + 1)) - 1;
    let drawn = 1 + k.choose(all).await;
    k.write_once(load.drawn, drawn).await;
    if D::DEFERS && Operation::Retract.is_in(drawn) {
        for _ in 0..load.operations {
            let slot = k.choose(2).await as usize;
            k.mutex_lock(load.file.page_lock()).await;
            retract_page_tables::<D>(k, load.file, slot).await;
            k.mutex_unlock(load.file.page_lock()).await;
        }
    }
    if k.mmget_not_zero(load.mm).await {
        k.mmput::<On<D>>(load.mm).await;
    }
    k.mmdrop::<On<D>>(load.mm).await;
}

async fn thread<D: Design>(k: &Kernel, load: Load, slot: usize) {
    let drawn = k.wait_event_not(load.drawn, 0).await;
    for _ in 0..load.operations {
        let able = || Operation::OF_THREADS.into_iter().filter(|o| o.is_in(drawn));
        let n = able().count();
        if n == 0 {
            break; // All that it does is exit.
        }
        let nth = k.choose(n as u32).await as usize;
        match able().nth(nth) {
            Some(Operation::Map) => map::<D>(k, load, slot).await,
            Some(Operation::Fork) => fork_and_exit::<D>(k).await,
            Some(Operation::Collapse) => madvise_collapse::<D>(k, load, slot).await,
            Some(Operation::Switch) => finish_arch_post_lock_switch::<D>(k, load.mm).await,
            Some(Operation::Retract) | None => {}
        }
    }
    exit_mm::<D>(k, load.mm).await;
}

/// With `i_mmap_rwsem`, as the unlinking of a mapping takes it, so that khugepaged does not retract the
/// table at the same time.
async fn map<D: Design>(k: &Kernel, load: Load, slot: usize) {
    let Load { mm, file, batch, .. } = load;
    if k.read_once(pmd(mm, slot)).await.is_null() {
        k.down_read(mm.mmap_lock()).await;
        fault::<D>(k, mm, slot).await;
        k.up_read(mm.mmap_lock()).await;
    } else {
        k.down_write(mm.mmap_lock()).await;
        k.down_write(file.i_mmap_rwsem()).await;
        let mapped = !k.read_once(pmd(mm, slot)).await.is_null();
        if mapped {
            free_rcu::<D>(k, mm, slot, batch).await;
        }
        k.up_write(file.i_mmap_rwsem()).await;
        k.up_write(mm.mmap_lock()).await;
    }
}

async fn madvise_collapse<D: Design>(k: &Kernel, load: Load, slot: usize) {
    k.mutex_lock(load.file.page_lock()).await;
    let mapped = !k.read_once(pmd(load.mm, slot)).await.is_null();
    if mapped {
        collapse::<D>(k, load.mm, slot).await;
    }
    k.mutex_unlock(load.file.page_lock()).await;
}

/// A child: a new mm with two tables, which ends at once.
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
