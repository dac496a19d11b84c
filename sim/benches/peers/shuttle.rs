//! The programs of the peer comparison as shuttle tests, and shuttle's rate on them.
//!
//! Bodies do nothing that shuttle does not see except share an `Arc` of std, so that no
//! instrumented reference count is in the figures.

use super::Rate;
use ::shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};
use ::shuttle::sync::Mutex;
use ::shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use ::shuttle::{Config, FailurePersistence, Runner, thread};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const SEED: u64 = 1;

/// Two threads, ten times each: load a word, yield, store it incremented.
pub(crate) fn counter2() {
    let word = Arc::new(AtomicU64::new(0));
    on_threads(2, move || {
        for _ in 0..10 {
            let seen = word.load(SeqCst);
            thread::yield_now();
            word.store(seen + 1, SeqCst);
        }
    });
}

/// Three threads lock and unlock one mutex twenty times each.
pub(crate) fn lockpp() {
    let mutex = Arc::new(Mutex::new(0_u64));
    on_threads(3, move || {
        for _ in 0..20 {
            *mutex.lock().expect("no thread panics") += 1;
        }
    });
}

/// Eight threads, five atomic additions to one word each: mostly spawn and join.
pub(crate) fn spawnheavy() {
    let word = Arc::new(AtomicU64::new(0));
    on_threads(8, move || {
        for _ in 0..5 {
            word.fetch_add(1, SeqCst);
        }
    });
}

fn on_threads(count: usize, work: impl Fn() + Clone + Send + 'static) {
    let threads: Vec<_> = (0..count).map(|_| thread::spawn(work.clone())).collect();
    for thread in threads {
        thread.join().expect("no thread panics");
    }
}

/// Runs `body` under `schedules` random schedules. A step is a decision of the scheduler.
///
/// Decisions are counted in a pass of its own over the same schedules, which also warms up, so that
/// the timed pass holds nothing but shuttle.
pub(crate) fn rate(body: fn(), schedules: u64) -> Rate {
    let iterations = usize::try_from(schedules).expect("a count of schedules fits in memory");
    let random = || RandomScheduler::new_from_seed(SEED, iterations);

    let steps = Rc::new(Cell::new(0));
    let counting = Counting { inner: random(), steps: Rc::clone(&steps) };
    Runner::new(counting, config()).run(body);

    let start = thread_time();
    let ran = Runner::new(random(), config()).run(body);
    let spent = thread_time() - start;

    assert_eq!(ran, iterations, "shuttle stopped early");
    Rate { schedules, steps: steps.get(), spent }
}

/// CPU time of the calling thread: another process on the same processor does not enter it.
pub(crate) fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("a clock that started at zero")
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    config
}

/// Counts the decisions of a scheduler.
struct Counting<S> {
    inner: S,
    steps: Rc<Cell<u64>>,
}

impl<S: Scheduler> Scheduler for Counting<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.inner.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.steps.set(self.steps.get() + 1);
        self.inner.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}
