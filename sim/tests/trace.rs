//! Traces: the hash tells runs apart and nothing else; the normal form tells apart what somebody
//! could observe and nothing else.

use ksim::base::event::Phase;
use ksim::choice::RandomWalk;
use ksim::choice::schedule::{Hold, Schedule};
use ksim::program::{Kernel, Mutex, RcuHead, SpinLock, Timer, Var, Work, container_of};
use ksim::report::columns;
use ksim::run::sim::Stop;
use ksim::run::{Execution, Scenario};
use ksim::trace::order::Order;
use ksim::trace::{Step, Trace, diff};

ksim::kernel_struct! {
    /// Something with all that can call back.
    struct Thing("thing", Slab) {
        lock: SpinLock, mutex: Mutex, val: Var<u64>, rcu: RcuHead, work: Work, timer: Timer,
    }
}

async fn add(k: &Kernel, thing: Thing, n: u64) {
    k.spin_lock_bh(thing.lock()).await;
    let val = k.read(thing.val()).await;
    k.write(thing.val(), val + n).await;
    k.spin_unlock_bh(thing.lock()).await;
}

async fn on_rcu(k: &Kernel, head: RcuHead) {
    add(&k.func("on_rcu"), container_of(head, Thing::rcu), 1).await;
}
async fn on_work(k: &Kernel, work: Work) {
    add(&k.func("on_work"), container_of(work, Thing::work), 10).await;
}
async fn on_timer(k: &Kernel, timer: Timer) {
    add(&k.func("on_timer"), container_of(timer, Thing::timer), 100).await;
}
async fn helper(k: &Kernel, thing: Thing) {
    k.mutex_lock(thing.mutex()).await;
    add(&k.func("helper"), thing, 1000).await;
    k.mutex_unlock(thing.mutex()).await;
}
ksim::kernel_fn! {
    static ON_RCU = on_rcu; static ON_WORK = on_work; static ON_TIMER = on_timer;
    static HELPER = helper
}

/// A bit of everything, and no bug.
fn busy() -> Scenario {
    Scenario::new("busy", "a bit of everything", |sim, _| {
        sim.cpus(3);
        // Otherwise each step decides whether a timer is due.
        sim.settings().step_cost = 0;
        let thing: Thing = sim.object("thing");
        let flag = sim.word("flag", 0_u64);
        sim.task(0, "caller", move |k| async move {
            let k = &k.func("caller");
            k.call_rcu(thing.rcu(), &ON_RCU).await;
            k.queue_work(thing.work(), &ON_WORK).await;
            k.mod_timer(thing.timer(), &ON_TIMER, 5000).await;
            let child = k.kthread_run(2, &HELPER, thing).await;
            k.mutex_lock(thing.mutex()).await;
            k.write_once(flag, 1).await;
            k.mutex_unlock(thing.mutex()).await;
            k.flush_work(thing.work()).await;
            k.kthread_join(child).await;
            k.rcu_barrier().await;
        });
        sim.task(1, "reader", move |k| async move {
            let k = &k.func("reader");
            k.rcu_read_lock().await;
            k.read_once(flag).await;
            k.rcu_read_unlock().await;
            k.synchronize_rcu().await;
            k.sleep(2000).await;
        });
        sim.task(1, "other", move |k| async move { helper(&k.func("other"), thing).await });
        sim.irq(0, "eth0", 1, move |k| async move {
            k.func("eth0_interrupt").read_once(flag).await;
        });
    })
}

/// Traces of finished runs, with the execution after each.
fn each_run(mut check: impl FnMut(&mut Execution<'_>, Trace)) {
    let scenario = busy();
    let mut execution = Execution::new(&scenario);
    let mut walk = RandomWalk::default();
    for index in 0..60 {
        assert_eq!(execution.run(&mut walk, 3, index), Stop::Finished);
        let trace = execution.sim().trace();
        check(&mut execution, trace);
    }
}

#[test]
fn the_hash_is_that_of_the_run() {
    let mut hashes = Vec::new();
    each_run(|_, trace| hashes.push(trace.hash()));
    let mut again = Vec::new();
    each_run(|_, trace| again.push(trace.hash()));
    assert_eq!(hashes, again);
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), again.len(), "different runs have different hashes");
}

/// The definition, pair by pair; `Order` never compares two steps.
fn dependent(trace: &Trace, a: &Step, b: &Step) -> bool {
    let (left, right) = (trace.agent(a), trace.agent(b));
    left.name == right.name
        || (left.is_on_cpu() && right.is_on_cpu() && a.cpu == b.cpu)
        || a.touches.iter().any(|t| b.touches.iter().any(|u| t.conflicts(u)))
}

#[test]
fn swapped_neighbors_are_told_apart_if_they_depend_on_each_other() {
    let (mut same, mut other) = (0, 0);
    each_run(|_, trace| {
        let normal = trace.normal_form();
        assert_eq!(normal.normal_form(), normal);
        for i in 1..trace.steps.len() {
            let (a, b) = (&trace.steps[i - 1], &trace.steps[i]);
            if a.agent == b.agent {
                continue;
            }
            let depend = dependent(&trace, a, b);
            let mut swapped = trace.clone();
            swapped.steps.swap(i - 1, i);
            assert_eq!(swapped.normal_form() != normal, depend, "{}; {}", a.text(), b.text());
            *(if depend { &mut other } else { &mut same }) += 1;
        }
    });
    assert!(same > 100 && other > 100, "{same} independent and {other} dependent neighbors");
}

#[test]
fn the_normal_form_can_be_run() {
    each_run(|execution, trace| {
        let points = execution.sim().points();
        let order = Order::of(&trace).canonical(&trace);
        let switches =
            order.windows(2).filter(|w| trace.steps[w[0]].agent != trace.steps[w[1]].agent);
        let hold = |w: &[usize]| Hold { before: points[w[1]].clone(), until: points[w[0]].clone() };
        let schedule = Schedule { holds: switches.map(hold).collect(), ..Schedule::default() };
        let (_, diverged) = execution.follow(&schedule);
        let again = execution.sim().trace();
        let at = diverged.map(|i| schedule.holds[i].to_string());
        assert_eq!(at, None, "\n{}\n{}", columns(&trace.normal_form()), columns(&again));
        let difference = diff(&trace.normal_form(), &again.normal_form());
        assert!(difference.is_empty(), "{difference}");
    });
}

#[test]
fn a_normal_form_switches_less() {
    let switches = |t: &Trace| t.steps.windows(2).filter(|w| w[0].agent != w[1].agent).count();
    let (mut before, mut after) = (0, 0);
    each_run(|_, trace| {
        before += switches(&trace);
        after += switches(&trace.normal_form());
    });
    assert!(after * 10 < before * 9, "{before} switches before, {after} after");
}

#[test]
fn a_difference_names_what_it_is_about() {
    let scenario = busy();
    let mut execution = Execution::new(&scenario);
    execution.run(&mut RandomWalk::default(), 3, 0);
    let trace = execution.sim().trace();
    assert_eq!(diff(&trace, &trace).to_string(), "The traces are alike.\n");
    let mut shorter = trace.clone();
    let gone = shorter.steps.iter().position(|s| s.op == "synchronize_rcu").expect("it is there");
    shorter.steps.remove(gone);
    let found = diff(&trace, &shorter);
    let line = "- reader: synchronize_rcu()  <waits>".to_owned();
    assert_eq!(found.agents, [("cpu1/reader".to_owned(), vec![line])]);
    assert_eq!(found.reordered, []);
    assert!(found.to_string().contains("    - reader: synchronize_rcu()  <waits>\n"));
    // Locks are taken in another order in some other run.
    let reordered = (1..20).any(|index| {
        execution.run(&mut RandomWalk::default(), 3, index);
        !diff(&trace, &execution.sim().trace()).reordered.is_empty()
    });
    assert!(reordered);
    assert!(trace.steps.iter().any(|s| s.phase == Phase::Finished));
}
