//! A machine of any size, whose runs take the same number of steps whatever its size.

use ::ksim::program::{SpinLock, Var};
use ::ksim::run::Scenario;
use std::rc::Rc;

ksim::kernel_struct! {
    /// What the tasks work on.
    struct Thing("thing", Slab) { lock: SpinLock, value: Var<u64> }
}

/// Steps of a run, over all tasks.
const STEPS: usize = 64_000;
const STEPS_PER_OBJECT: usize = 4;

/// As many objects, and on each CPU a task that goes from one to the next, starting far from where
/// the others start.
pub(crate) fn machine(cpus: u16, objects: usize) -> Scenario {
    Scenario::new(format!("{cpus} CPUs, {objects} objects"), "", move |sim, _| {
        sim.cpus(cpus);
        sim.settings().max_steps = u32::MAX;
        let things: Rc<[Thing]> = (0..objects).map(|_| sim.object("thing")).collect();
        let visits = STEPS / STEPS_PER_OBJECT / usize::from(cpus);
        for cpu in 0..cpus {
            let first = usize::from(cpu) * objects / usize::from(cpus);
            let all = Rc::clone(&things);
            sim.task(cpu, "worker", move |k| async move {
                for visit in 0..visits {
                    let thing = all[(first + visit) % all.len()];
                    k.spin_lock(thing.lock()).await;
                    let seen = k.read(thing.value()).await;
                    k.write(thing.value(), seen + 1).await;
                    k.spin_unlock(thing.lock()).await;
                }
            });
        }
    })
}
