//! Waiting for what never comes: condition variables, a reader-writer lock taken twice.

use super::{Textbook, bug_on};
use ksim::base::finding::Kind;
use ksim::program::{Kernel, Mutex, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// A counter with two condition variables; each is a count of its signals.
    struct Gate("gate", Static) {
        lock: Mutex,
        empty: Var<u64>,
        full: Var<u64>,
        num: Var<u64>,
        total: Var<u64>,
        done: Var<u64>,
    }
}

/// Releases the lock and waits for the next signal, then takes it again.
async fn cond_wait(k: &Kernel, s: Gate, cond: Var<u64>) {
    let seen = k.read_once(cond).await;
    k.mutex_unlock(s.lock()).await;
    k.wait_event_not(cond, seen).await;
    k.mutex_lock(s.lock()).await;
}

async fn signal(k: &Kernel, cond: Var<u64>) {
    k.rmw("wake_up", cond, ksim::base::op::Rmw::Add, 1, 0).await;
}

async fn fill_once(k: &Kernel, s: Gate) {
    k.mutex_lock(s.lock()).await;
    while k.read_once(s.num()).await > 0 {
        cond_wait(k, s, s.empty()).await;
    }
    let num = k.read_once(s.num()).await;
    k.write_once(s.num(), num + 1).await;
    k.mutex_unlock(s.lock()).await;
    signal(k, s.full()).await;
}

async fn drain_once(k: &Kernel, s: Gate, takes: bool) {
    k.mutex_lock(s.lock()).await;
    while k.read_once(s.num()).await == 0 {
        cond_wait(k, s, s.full()).await;
    }
    if takes {
        let num = k.read_once(s.num()).await;
        k.write_once(s.num(), num - 1).await;
    }
    k.mutex_unlock(s.lock()).await;
    signal(k, s.empty()).await;
}

async fn produce_1(k: &Kernel, s: Gate) {
    fill_once(k, s).await;
}

async fn consume_1(k: &Kernel, s: Gate) {
    drain_once(k, s, false).await;
}

async fn produce_2(k: &Kernel, s: Gate) {
    fill_once(k, s).await;
    fill_once(k, s).await;
}

async fn consume_2(k: &Kernel, s: Gate) {
    drain_once(k, s, true).await;
    drain_once(k, s, true).await;
}

async fn progress(k: &Kernel, s: Gate) {
    for _ in 0..3 {
        fill_once(k, s).await;
    }
}

async fn sum_up(k: &Kernel, s: Gate) {
    for j in 0..3 {
        k.mutex_lock(s.lock()).await;
        while k.read_once(s.num()).await == 0 {
            cond_wait(k, s, s.full()).await;
        }
        let total = k.read_once(s.total()).await;
        k.write_once(s.total(), total + j).await;
        let num = k.read_once(s.num()).await;
        k.write_once(s.num(), num - 1).await;
        k.mutex_unlock(s.lock()).await;
        signal(k, s.empty()).await;
    }
    let total = k.read_once(s.total()).await;
    k.write_once(s.total(), total + 3).await;
    k.write_once(s.done(), 1).await;
}

async fn check_total(k: &Kernel, s: Gate) {
    k.wait_event(s.done(), 1).await;
    let total = k.read_once(s.total()).await;
    bug_on(k, total == 6, "the sum is not 6").await;
}

ksim::kernel_struct! {
    /// A lock that lets no new reader in while a writer waits.
    struct RwLock("rwlock", Static) { writers: Var<u64>, readers: Var<u64> }
}

async fn read_twice(k: &Kernel, l: RwLock) {
    for _ in 0..2 {
        k.spin_until(l.writers(), 0).await;
        k.rmw("read_lock", l.readers(), ksim::base::op::Rmw::Add, 1, 0).await;
    }
    for _ in 0..2 {
        k.rmw("read_unlock", l.readers(), ksim::base::op::Rmw::Add, u64::MAX, 0).await;
    }
}

async fn write_once(k: &Kernel, l: RwLock) {
    k.write_once(l.writers(), 1).await;
    k.spin_until(l.readers(), 0).await;
    k.write_once(l.writers(), 2).await;
    k.write_once(l.writers(), 0).await;
}

ksim::kernel_fn! {
    static PRODUCE_1 = produce_1; static CONSUME_1 = consume_1;
    static PRODUCE_2 = produce_2; static CONSUME_2 = consume_2;
    static PROGRESS = progress; static SUM_UP = sum_up; static CHECK_TOTAL = check_total;
    static READ_TWICE = read_twice; static WRITE_ONCE = write_once
}

pub(super) fn all() -> Vec<Scenario> {
    let sync01 = Textbook::<Gate> {
        name: "sync01".into(),
        about: "the consumer takes nothing out, so that the producer waits for ever",
        source: "SCTBench CS/sync01",
        finds: &[Kind::Deadlock],
        init: |sim, s| sim.set(s.num(), 1),
        tasks: vec![&PRODUCE_1, &CONSUME_1],
    };
    let sync02 = Textbook::<Gate> {
        name: "sync02".into(),
        about: "one item is there from the start and stays, so that the producer waits for ever",
        source: "SCTBench CS/sync02",
        finds: &[Kind::Deadlock],
        init: |sim, s| sim.set(s.num(), 2),
        tasks: vec![&PRODUCE_2, &CONSUME_2],
    };
    let arithmetic = Textbook::<Gate> {
        name: "arithmetic".into(),
        about: "fails in every schedule: 0 + 1 + 2 + 3 is 6",
        source: "SCTBench CS/arithmetic_prog",
        finds: &[Kind::Assertion],
        init: |_, _| {},
        tasks: vec![&PROGRESS, &SUM_UP, &CHECK_TOTAL],
    };
    let rwlock = Textbook::<RwLock> {
        name: "rwlock".into(),
        about: "a writer announces itself between two read locks of one reader",
        source: "SCTBench RADBench/bug6",
        finds: &[Kind::Deadlock],
        init: |_, _| {},
        tasks: vec![&READ_TWICE, &WRITE_ONCE],
    };
    let gates = [sync01, sync02, arithmetic];
    let mut all: Vec<Scenario> = gates.iter().flat_map(Textbook::scenarios).collect();
    all.extend(rwlock.scenarios());
    all
}
