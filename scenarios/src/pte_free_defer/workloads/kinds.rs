//! The same operations under other settings: a host of guests (PGSTE), callbacks in a kthread,
//! several operations in a row, a watch for data races; and one table freed while the other stays, or
//! after the other, to see what that costs.

use super::super::design::Design;
use super::super::process::exit_mm;
use super::super::world::{Start, World};
use super::{Action, frees, scenario};
use ksim::program::Kernel;
use ksim::program::mm::MmStruct;
use ksim::run::{Param, Scenario, Sim};

const OPERATIONS: Param = Param {
    name: "operations",
    about: "how many operations each CPU carries out",
    default: 2,
    min: 1,
    max: 3,
};

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    vec![pgste::<D>(), offload::<D>(), row::<D>(), races::<D>(), one::<D>(), both::<D>()]
}

fn pgste<D: Design>() -> Scenario {
    let about = "a host of guests allocates whole pages as tables, frees one and ends";
    scenario::<D>("pgste", about, |sim, _| {
        sim.cpus(1);
        let World { mm, .. } = World::new::<D>(sim, 1, Start::First);
        sim.task(0, "host", move |k| async move {
            // As KVM does, before it has any guest: the tables made so far stay as they are.
            Action::Free.perform::<D>(&k, mm, 0).await;
            k.write(mm.context().alloc_pgste(), true).await;
            for &action in frees::<D>() {
                Action::Alloc.perform::<D>(&k, mm, 1).await;
                action.perform::<D>(&k, mm, 1).await;
            }
            Action::Alloc.perform::<D>(&k, mm, 1).await;
            exit_mm::<D>(&k, mm).await;
        });
        sim.must_be_freed(mm);
    })
}

fn offload<D: Design>() -> Scenario {
    let about = "a table was freed while the process ends; callbacks run in a kthread";
    scenario::<D>("callback-exit-offload", about, |sim, _| {
        sim.cpus(2);
        sim.settings().rcu_offload = true;
        let World { mm, .. } = World::new::<D>(sim, 1, Start::Both);
        sim.must_be_freed(mm);
        let thread = sim.task(0, "free-rcu", move |k| async move {
            Action::FreeRcu.perform::<D>(&k, mm, 0).await;
        });
        sim.task(1, "exit", move |k| async move {
            k.kthread_join(thread).await;
            exit_mm::<D>(&k, mm).await;
        });
    })
}

/// The way to free a table that the thread was about, or the next best.
fn last_way<D: Design>() -> Action {
    frees::<D>()[frees::<D>().len() - 1]
}

fn one<D: Design>() -> Scenario {
    let about = "one table is freed after a grace period, the other stays in use";
    scenario::<D>("one", about, |sim, _| {
        sim.cpus(1);
        let World { mm, .. } = World::new::<D>(sim, 1, Start::Both);
        sim.task(0, "thread", move |k| async move {
            last_way::<D>().perform::<D>(&k, mm, 0).await;
        });
    })
    .with_costs(D::COSTS)
}

fn both<D: Design>() -> Scenario {
    let about = "one table is freed after a grace period, then an unmap frees the other";
    scenario::<D>("both", about, |sim, _| {
        sim.cpus(1);
        let World { mm, .. } = World::new::<D>(sim, 1, Start::Both);
        sim.task(0, "thread", move |k| async move {
            last_way::<D>().perform::<D>(&k, mm, 0).await;
            Action::FreeRcu.perform::<D>(&k, mm, 1).await;
        });
    })
    .with_costs(D::COSTS)
}

fn row<D: Design>() -> Scenario {
    let about = "operations in a row on each of two CPUs, chosen by the schedule";
    scenario::<D>("row", about, |sim, params| {
        threads::<D>(sim, params.get("operations"));
    })
    .with_params(&[OPERATIONS])
    .large()
}

/// A workload of its own: the clocks of that detector leave nothing for a proof to reduce.
fn races<D: Design>() -> Scenario {
    let about = "one operation on each of two CPUs, chosen by the schedule, watched for data races";
    scenario::<D>("races", about, |sim, _| {
        sim.settings().data_race = true;
        threads::<D>(sim, 1);
    })
}

fn threads<D: Design>(sim: &mut Sim, operations: u64) {
    sim.cpus(2);
    let World { mm, .. } = World::new::<D>(sim, 2, Start::Both);
    for slot in 0..2 {
        sim.task(slot, "thread", move |k| async move {
            let mut mapped = true;
            for _ in 0..operations {
                step::<D>(&k, mm, slot.into(), &mut mapped).await;
            }
        });
    }
}

/// A slot without a table gets one; a table is freed in one of the ways that the design has.
async fn step<D: Design>(k: &Kernel, mm: MmStruct, slot: usize, mapped: &mut bool) {
    let action = if *mapped {
        let ways = frees::<D>();
        ways[k.choose(ways.len() as u32).await as usize]
    } else {
        Action::Alloc
    };
    action.perform::<D>(k, mm, slot).await;
    *mapped = !*mapped;
}
