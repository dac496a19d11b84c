//! The other users of `context.lock` against the callback of a table that was freed before on the
//! same CPU: a lazy TLB flush at a context switch, `gmap_create()`, `gmap_remove()`.

use super::super::design::Design;
use super::super::tlb::{Gmap, finish_arch_post_lock_switch, gmap_create, gmap_remove};
use super::super::world::{Start, World};
use super::{Action, scenario};
use ksim::program::Kernel;
use ksim::program::mm::MmStruct;
use ksim::run::{Scenario, Sim};

/// All of a design.
pub(super) fn scenarios<D: Design>() -> Vec<Scenario> {
    let mut all = vec![
        on_cpu0::<D>("flush-callback", "a lazy TLB flush at a context switch", |sim, mm| {
            sim.task(0, "switch", move |k| async move {
                free_rcu::<D>(&k, mm).await;
                finish_arch_post_lock_switch::<D>(&k, mm).await;
            });
        }),
        on_cpu0::<D>("gmap-create-callback", "a new guest address space", |sim, mm| {
            sim.task(0, "gmap", move |k| async move {
                free_rcu::<D>(&k, mm).await;
                gmap_create::<D>(&k, mm, 0x1000).await;
            });
        }),
        on_cpu0::<D>("gmap-remove-callback", "the end of a guest address space", |sim, mm| {
            let gmap: Gmap = sim.object("gmap");
            sim.set(gmap.mm(), mm);
            sim.set(gmap.ref_count(), 1);
            sim.list_add_tail(gmap.list(), mm.context().gmap_list());
            sim.task(0, "gmap", move |k| async move {
                free_rcu::<D>(&k, mm).await;
                gmap_remove::<D>(&k, gmap).await;
            });
        }),
    ];
    if D::DEFERS {
        all.push(on_cpu0::<D>("flush-defer-callback", "a lazy TLB flush", |sim, mm| {
            sim.task(0, "switch", move |k| async move {
                Action::Defer.perform::<D>(&k, mm, 0).await;
                finish_arch_post_lock_switch::<D>(&k, mm).await;
            });
        }));
    }
    all
}

async fn free_rcu<D: Design>(k: &Kernel, mm: MmStruct) {
    Action::FreeRcu.perform::<D>(k, mm, 0).await;
}

fn on_cpu0<D: Design>(
    workload: &str,
    what: &str,
    build: impl Fn(&mut Sim, MmStruct) + Send + Sync + 'static,
) -> Scenario {
    let about = format!("{what} against the callback of a table on the same CPU");
    scenario::<D>(workload, &about, move |sim, _| {
        sim.cpus(1);
        let world = World::new::<D>(sim, 1, Start::Both);
        build(sim, world.mm);
    })
}
