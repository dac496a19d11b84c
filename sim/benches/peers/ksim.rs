//! The programs of the peer comparison as scenarios of ksim, and ksim's rate on them: the random
//! walk as a hunt runs it, with the trace kept and all detectors on.

use super::Rate;
use super::shuttle::thread_time;
use ::ksim::base::ptr::Ptr;
use ::ksim::choice::RandomWalk;
use ::ksim::program::{Atomic, Func, Kernel, Mutex};
use ::ksim::run::sim::Stop;
use ::ksim::run::{Execution, Scenario, Sim};

const SEED: u64 = 1;

ksim::kernel_fn! {
    static COUNT = count;
    static LOCK_UNLOCK = lock_unlock;
    static ADD = add
}

async fn count(k: &Kernel, word: Atomic) {
    for _ in 0..10 {
        let seen = k.atomic_read(word).await;
        k.relax().await;
        k.atomic_set(word, seen + 1).await;
    }
}

async fn lock_unlock(k: &Kernel, mutex: Mutex) {
    for _ in 0..20 {
        k.mutex_lock(mutex).await;
        k.mutex_unlock(mutex).await;
    }
}

async fn add(k: &Kernel, word: Atomic) {
    for _ in 0..5 {
        k.atomic_fetch_add(word, 1).await;
    }
}

/// Two tasks, ten times each: read a word, yield, write it incremented.
pub(crate) fn counter2() -> Scenario {
    Scenario::new("counter2", "", |sim, _| {
        sim.cpus(3);
        let word = sim.atomic("word", 0);
        on_tasks(sim, 2, &COUNT, word.0);
    })
}

/// Three tasks lock and unlock one mutex twenty times each.
pub(crate) fn lockpp() -> Scenario {
    Scenario::new("lockpp", "", |sim, _| {
        sim.cpus(4);
        let mutex = sim.mutex("mutex");
        on_tasks(sim, 3, &LOCK_UNLOCK, mutex.0);
    })
}

/// Eight tasks, five atomic additions to one word each: mostly start and join.
pub(crate) fn spawnheavy() -> Scenario {
    Scenario::new("spawnheavy", "", |sim, _| {
        sim.cpus(9);
        let word = sim.atomic("word", 0);
        on_tasks(sim, 8, &ADD, word.0);
    })
}

/// As shuttle's programs are written: a main task starts the others, each on a CPU of its own, and
/// joins them.
pub(crate) fn on_tasks(sim: &mut Sim, count: u16, work: &'static Func, shared: Ptr) {
    sim.task(0, "main", move |k| async move {
        let mut tasks = Vec::with_capacity(count.into());
        for cpu in 1..=count {
            tasks.push(k.kthread_run(cpu, work, shared).await);
        }
        for task in tasks {
            k.kthread_join(task).await;
        }
    });
}

/// Runs `scenario` under `schedules` random schedules, after a tenth as many to warm up.
///
/// # Panics
/// When a run does not finish: the programs have no bug, so every run is complete.
pub(crate) fn rate(scenario: &Scenario, schedules: u64) -> Rate {
    let mut execution = Execution::new(scenario);
    let mut walk = RandomWalk::default();
    let mut run = |index| {
        let stop = execution.run(&mut walk, SEED, index);
        assert_eq!(stop, Stop::Finished, "{}: run {index}", scenario.name);
        execution.sim().system().events.len() as u64
    };
    (0..schedules / 10).for_each(|index| {
        run(index);
    });
    let start = thread_time();
    let steps = (0..schedules).map(run).sum();
    Rate { schedules, steps, spent: thread_time() - start }
}
