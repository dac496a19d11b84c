//! Whatever failing run it starts from, shrinking ends in the same few holds, and these survive
//! that the program is edited.

use ksim::base::finding::Signature;
use ksim::choice::{Schedule, strategies};
use ksim::program::{Atomic, Kernel, Mutex, Var};
use ksim::run::{Execution, Reduced, Scenario, Sim, reduce};
use std::collections::BTreeMap;

/// The programs, each with the holds that its bug takes.
const PROGRAMS: [(&str, usize); 7] = [
    ("bluetooth", 2),
    ("deadlock01", 1),
    ("irq-3way", 3),
    ("irq-counter-10", 1),
    ("reorder-2-1", 1),
    ("stringbuffer", 3),
    ("twostage-1-1", 1),
];

fn scenario(program: &str) -> Scenario {
    let name = format!("classic/{program}/static");
    let mut all = ksim_scenarios::classic::all().into_iter();
    all.find(|s| s.name == name).unwrap_or_else(|| panic!("no scenario {name}"))
}

/// Failing runs of two samplers as schedules, by finding: at most so many, of at most so many runs.
fn failing(scenario: &Scenario, most: usize, runs: u64) -> BTreeMap<Signature, Vec<Schedule>> {
    let mut execution = Execution::new(scenario);
    let mut samplers = ["pos", "walk"].map(|name| strategies::by_name(name).expect("it is there"));
    let mut starts: BTreeMap<Signature, Vec<Schedule>> = BTreeMap::new();
    for index in 0..runs {
        execution.run(&mut *samplers[index as usize % 2], 1, index);
        for finding in &execution.sim().system().findings {
            let lifted = starts.entry(finding.signature()).or_default();
            if lifted.len() < most {
                lifted.push(execution.sim().lift());
            }
        }
    }
    starts
}

/// What the starts shrink to, those apart whose run cannot be brought into the form of a schedule;
/// and the most replays that one took.
fn shrunk(scenario: &Scenario, signature: &Signature, starts: &[Schedule]) -> (Vec<Reduced>, u64) {
    let mut execution = Execution::new(scenario);
    let (mut all, mut most) = (Vec::new(), 0);
    for start in starts {
        let before = execution.runs();
        all.extend(reduce::reduce(&mut execution, start, signature));
        most = most.max(execution.runs() - before);
    }
    (all, most)
}

fn shows(scenario: &Scenario, schedule: &Schedule, signature: &Signature) -> bool {
    let (ended, _) = Execution::new(scenario).follow(schedule);
    ended.findings.iter().any(|f| f.signature() == *signature)
}

#[test]
fn a_hundred_failing_runs_shrink_to_the_same_holds() {
    for (program, holds) in PROGRAMS {
        let scenario = scenario(program);
        let starts = failing(&scenario, 100, 5000);
        assert_eq!(starts.len(), 1, "{program}");
        let (signature, starts) = starts.iter().next().expect("there is one");
        assert_eq!(starts.len(), 100, "{program}");
        let (all, replays) = shrunk(&scenario, signature, starts);
        assert!(replays <= 300, "{program}: {replays}");
        let reduced = &all[0];
        assert_eq!(all.iter().filter(|one| *one == reduced).count(), 100, "{program}");
        let schedule = &reduced.schedule;
        assert_eq!((schedule.holds.len(), schedule.len()), (holds, holds), "{program}");
        // Each of them is needed.
        for hold in 0..holds {
            let less = schedule.without(hold, hold + 1);
            assert!(!shows(&scenario, &less, signature), "{program}: {hold}");
        }
        // It says the same of the program with ten private operations before each of its own.
        let edited = edited(program);
        let mut execution = Execution::new(&edited);
        let (ended, diverged) = execution.follow(schedule);
        assert!(ended.findings.iter().any(|f| f.signature() == *signature), "{program}");
        assert_eq!(diverged, None, "{program}");
        let steps = execution.sim().system().events.len();
        assert!(steps >= 40, "{program}: {steps}");
    }
}

/// So do those of other scenarios that are not large. One is left out: how many times two tasks go
/// round in vain before they are said to make no progress is decided by no conflict, so that the
/// counts in the holds differ.
#[test]
fn failing_runs_of_other_scenarios_do_too() {
    let (mut several, mut all) = (Vec::new(), 0);
    let families = ["classic", "detectors", "kernel", "litmus", "services"];
    let large = ["-40-10/", "-99-1/", "safestack", "livelock-trylock"];
    let wanted = |s: &&Scenario| {
        families.iter().any(|f| s.is_below(f)) && !large.iter().any(|part| s.name.contains(part))
    };
    for scenario in ksim_scenarios::all().iter().filter(wanted) {
        for (signature, starts) in failing(scenario, 10, 300) {
            let (shrunk, _) = shrunk(scenario, &signature, &starts);
            all += 1;
            if shrunk.iter().any(|one| *one != shrunk[0]) {
                several.push((scenario.name.clone(), signature));
            }
        }
    }
    assert!(all > 300, "{all}");
    assert_eq!(several, []);
}

ksim::kernel_struct! {
    /// What tasks share.
    struct Shared("shared", Static) {
        a: Mutex, b: Mutex, n: Atomic, x: Var<u64>, y: Var<u64>, z: Var<u64>,
    }
}

/// An agent that does something private before each of its operations.
struct Busy(Kernel, Atomic);

impl Busy {
    async fn then(&self) -> &Kernel {
        for _ in 0..10 {
            self.0.atomic_fetch_add(self.1, 1).await;
        }
        &self.0
    }

    async fn bug_on(&self, bad: bool, what: &'static str) {
        if bad {
            self.then().await.assert(false, what).await;
        }
    }

    /// Adds to a word under a lock; what was there.
    async fn add(&self, lock: Mutex, word: Var<u64>, by: u64) -> u64 {
        self.then().await.mutex_lock(lock).await;
        let old = self.then().await.read_once(word).await;
        self.then().await.write_once(word, old.wrapping_add(by)).await;
        self.then().await.mutex_unlock(lock).await;
        old
    }

    /// Reads a word under a lock.
    async fn get(&self, lock: Mutex, word: Var<u64>) -> u64 {
        self.then().await.mutex_lock(lock).await;
        let value = self.then().await.read_once(word).await;
        self.then().await.mutex_unlock(lock).await;
        value
    }
}

/// The same programs, edited.
fn edited(program: &'static str) -> Scenario {
    Scenario::new(format!("edited/{program}"), "", move |sim, _| {
        sim.cpus(3);
        sim.settings().lockdep = false;
        let shared: Shared = sim.object("shared");
        match program {
            "bluetooth" => {
                sim.set(shared.n(), 1);
                task(sim, 0, "stop", shared, stop);
                task(sim, 1, "add", shared, add);
            }
            "deadlock01" => {
                task(sim, 0, "a_then_b", shared, |k, s| both(k, s.a(), s.b()));
                task(sim, 1, "b_then_a", shared, |k, s| both(k, s.b(), s.a()));
            }
            "irq-3way" => {
                task(sim, 0, "task", shared, look_at_copy);
                task(sim, 1, "writer", shared, write_both);
                irq(sim, shared, copy);
            }
            "irq-counter-10" => {
                task(sim, 0, "task", shared, increment);
                irq(sim, shared, increment);
                sim.at_end(move |end| match end.get(shared.x()) {
                    2 => Ok(()),
                    _ => Err("an update is lost".to_owned()),
                });
            }
            "reorder-2-1" => {
                task(sim, 0, "setter", shared, write_both);
                task(sim, 1, "setter", shared, write_both);
                task(sim, 2, "checker", shared, check_both);
            }
            "stringbuffer" => {
                sim.set(shared.x(), 3);
                task(sim, 0, "erase", shared, erase);
                task(sim, 1, "append", shared, append);
            }
            "twostage-1-1" => {
                task(sim, 0, "stage", shared, stage);
                task(sim, 1, "stage_reader", shared, stage_reader);
            }
            other => panic!("no program {other}"),
        }
    })
}

fn task<F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    cpu: u16,
    role: &'static str,
    shared: Shared,
    body: impl Fn(Busy, Shared) -> F,
) {
    let private = sim.atomic("private", 0);
    sim.task(cpu, role, |k| body(Busy(k, private), shared));
}

fn irq<F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    shared: Shared,
    body: impl Fn(Busy, Shared) -> F + 'static,
) {
    let private = sim.atomic("private", 0);
    sim.irq(0, "irq:nic", 1, move |k| body(Busy(k, private), shared));
}

async fn change_pending(k: &Busy, s: Shared, by: u64) -> u64 {
    k.then().await.mutex_lock(s.a()).await;
    let old = k.then().await.atomic_fetch_add(s.n(), by).await;
    k.then().await.mutex_unlock(s.a()).await;
    old.wrapping_add(by)
}

async fn release_pending(k: &Busy, s: Shared) {
    if change_pending(k, s, u64::MAX).await == 0 {
        k.then().await.write_once(s.y(), 1).await;
    }
}

async fn stop(k: Busy, s: Shared) {
    k.then().await.write_once(s.x(), 1).await;
    release_pending(&k, s).await;
    if k.then().await.read_once(s.y()).await != 0 {
        k.then().await.write_once(s.z(), 1).await;
    }
}

async fn add(k: Busy, s: Shared) {
    if k.then().await.read_once(s.x()).await == 0 {
        change_pending(&k, s, 1).await;
        let stopped = k.then().await.read_once(s.z()).await != 0;
        k.bug_on(stopped, "no request works on a stopped driver").await;
    }
    release_pending(&k, s).await;
}

async fn both(k: Busy, first: Mutex, second: Mutex) {
    k.then().await.mutex_lock(first).await;
    k.then().await.mutex_lock(second).await;
    k.then().await.mutex_unlock(second).await;
    k.then().await.mutex_unlock(first).await;
}

async fn look_at_copy(k: Busy, s: Shared) {
    if k.then().await.read_once(s.z()).await == 1 {
        let data = k.then().await.read_once(s.y()).await;
        k.bug_on(data == 0, "the flag follows the data").await;
    }
}

async fn write_both(k: Busy, s: Shared) {
    k.then().await.write_once(s.x(), 1).await;
    k.then().await.write_once(s.y(), 1).await;
}

async fn copy(k: Busy, s: Shared) {
    let seen = k.then().await.read_once(s.x()).await;
    k.then().await.write_once(s.z(), seen).await;
}

async fn increment(k: Busy, s: Shared) {
    let old = k.then().await.read_once(s.x()).await;
    k.then().await.write_once(s.x(), old + 1).await;
    k.then().await;
}

async fn check_both(k: Busy, s: Shared) {
    let x = k.then().await.read_once(s.x()).await;
    let y = k.then().await.read_once(s.y()).await;
    k.bug_on(x != y, "a and b are set together").await;
}

async fn erase(k: Busy, s: Shared) {
    k.add(s.b(), s.x(), 3u64.wrapping_neg()).await;
    k.add(s.b(), s.x(), 3).await;
}

async fn append(k: Busy, s: Shared) {
    k.then().await.mutex_lock(s.a()).await;
    let len = k.get(s.b(), s.x()).await;
    k.then().await.mutex_lock(s.b()).await;
    let gone = len > k.then().await.read_once(s.x()).await;
    k.bug_on(gone, "the characters that were counted are still there").await;
    k.then().await.mutex_unlock(s.b()).await;
    k.then().await.mutex_unlock(s.a()).await;
}

async fn stage(k: Busy, s: Shared) {
    k.add(s.a(), s.x(), 1).await;
    k.add(s.b(), s.y(), 2).await;
}

async fn stage_reader(k: Busy, s: Shared) {
    if k.get(s.a(), s.x()).await != 0 {
        let second = k.get(s.b(), s.y()).await;
        k.bug_on(second != 2, "the second stage follows the first").await;
    }
}
