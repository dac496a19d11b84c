//! A hunt on one thread and the same hunt on two.

use ::ksim::program::{Kernel, Mutex, Object, Var};
use ::ksim::run::{Hunt, Hunted, Params, Scenario, Shard};
use rustix::time::ClockId;
use std::ops::ControlFlow;
use std::time::Duration;

const RUNS: u64 = 30_000;

/// What a hunt has brought, and what it took.
pub(crate) struct Hunting {
    pub(crate) hunted: Hunted,
    /// On the clock on the wall.
    pub(crate) wall: Duration,
    /// Of all processors together.
    pub(crate) cpu: Duration,
}

ksim::kernel_fn! {
    static WORK = work
}

ksim::kernel_struct! {
    /// What the tasks share.
    struct Shared("shared", Slab) { lock: Mutex, count: Var<u64> }
}

async fn work(k: &Kernel, shared: Shared) {
    for _ in 0..20 {
        k.mutex_lock(shared.lock()).await;
        k.mutex_unlock(shared.lock()).await;
    }
    // The bug: not under the lock.
    let seen = k.read(shared.count()).await;
    k.write(shared.count(), seen + 1).await;
}

/// `lockpp`, at whose end each task counts itself without the lock, so that some runs fail.
pub(crate) fn scenario() -> Scenario {
    Scenario::new("hunted", "", |sim, _| {
        sim.cpus(4);
        let shared: Shared = sim.object("shared");
        super::ksim::on_tasks(sim, 3, &WORK, shared.ptr());
        sim.at_end(move |end| match end.get(shared.count()) {
            3 => Ok(()),
            count => Err(format!("3 tasks have counted to {count}")),
        });
    })
}

pub(crate) fn on(scenario: &Scenario, jobs: u32) -> Hunting {
    let params = Params::defaults(&scenario.params);
    let (params, strategy, shard) = (&params, "random", Shard::WHOLE);
    let hunt = Hunt { scenario, params, strategy, seed: 1, shard, jobs };
    let (wall, cpu) = (now(ClockId::Monotonic), now(ClockId::ProcessCPUTime));
    let hunted = hunt.run(0..RUNS, &|_: &Hunted| ControlFlow::Continue(()));
    Hunting {
        hunted,
        wall: now(ClockId::Monotonic) - wall,
        cpu: now(ClockId::ProcessCPUTime) - cpu,
    }
}

fn now(clock: ClockId) -> Duration {
    Duration::try_from(rustix::time::clock_gettime(clock)).expect("a clock that started at zero")
}
