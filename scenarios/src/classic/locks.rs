//! Locks in the wrong order, the wrong lock, a lock never given back.

use super::{Textbook, bug_on, times};
use ksim::base::finding::Kind;
use ksim::program::{Array, Kernel, Mutex, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// Two locks and what they protect.
    struct Two("two", Static) { a: Mutex, b: Mutex, x: Var<u64>, y: Var<u64> }
}

async fn add_to(k: &Kernel, at: Var<u64>, by: u64) -> u64 {
    let new = k.read_once(at).await.wrapping_add(by);
    k.write_once(at, new).await;
    new
}

const MINUS_ONE: u64 = u64::MAX;

async fn a_then_b(k: &Kernel, s: Two) {
    k.mutex_lock(s.a()).await;
    k.mutex_lock(s.b()).await;
    add_to(k, s.x(), 1).await;
    k.mutex_unlock(s.b()).await;
    k.mutex_unlock(s.a()).await;
}

async fn b_then_a(k: &Kernel, s: Two) {
    k.mutex_lock(s.b()).await;
    k.mutex_lock(s.a()).await;
    add_to(k, s.x(), MINUS_ONE).await;
    k.mutex_unlock(s.a()).await;
    k.mutex_unlock(s.b()).await;
}

/// The first to count up takes `s.b()`, the last to count down gives it back; `s.a()` guards.
async fn class_of(k: &Kernel, s: Two, count: Var<u64>) {
    k.mutex_lock(s.a()).await;
    if add_to(k, count, 1).await == 1 {
        k.mutex_lock(s.b()).await;
    }
    k.mutex_unlock(s.a()).await;
    k.mutex_lock(s.a()).await;
    if add_to(k, count, MINUS_ONE).await == 0 {
        k.mutex_unlock(s.b()).await;
    }
    k.mutex_unlock(s.a()).await;
}

async fn class_x(k: &Kernel, s: Two) {
    class_of(k, s, s.x()).await;
}

async fn class_y(k: &Kernel, s: Two) {
    class_of(k, s, s.y()).await;
}

async fn phase(k: &Kernel, s: Two) {
    k.mutex_lock(s.a()).await;
    k.mutex_unlock(s.a()).await;
    k.mutex_lock(s.a()).await;
    k.mutex_lock(s.b()).await;
    k.mutex_unlock(s.b()).await;
    k.mutex_lock(s.b()).await;
    k.mutex_unlock(s.b()).await;
}

async fn under_a(k: &Kernel, s: Two) {
    k.mutex_lock(s.a()).await;
    let x = k.read_once(s.x()).await;
    add_to(k, s.x(), 1).await;
    let now = k.read_once(s.x()).await;
    bug_on(k, now != x + 1, "nobody else counts meanwhile").await;
    k.mutex_unlock(s.a()).await;
}

async fn under_b(k: &Kernel, s: Two) {
    k.mutex_lock(s.b()).await;
    add_to(k, s.x(), 1).await;
    k.mutex_unlock(s.b()).await;
}

ksim::kernel_fn! {
    static A_THEN_B = a_then_b; static B_THEN_A = b_then_a;
    static CLASS_X = class_x; static CLASS_Y = class_y;
    static PHASE = phase; static UNDER_A = under_a; static UNDER_B = under_b
}

fn two(
    name: impl Into<String>,
    about: &'static str,
    source: &'static str,
    finds: &'static [Kind],
    tasks: impl IntoIterator<Item = &'static ksim::program::Func>,
) -> Textbook<Two> {
    let tasks = tasks.into_iter().collect();
    Textbook { name: name.into(), about, source, finds, init: |_, _| {}, tasks }
}

ksim::kernel_struct! {
    /// A lock and some words.
    struct One("one", Static) { lock: Mutex, words: Array<6> }
}

async fn deposit(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    add_to(k, s.words().get(0), 2).await;
    k.write_once(s.words().get(1), 1).await;
    k.mutex_unlock(s.lock()).await;
}

async fn withdraw(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    add_to(k, s.words().get(0), 4u64.wrapping_neg()).await;
    k.write_once(s.words().get(2), 1).await;
    k.mutex_unlock(s.lock()).await;
}

/// The sign of the deposit is wrong in the check.
async fn check_balance(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    if k.read_once(s.words().get(1)).await == 1 && k.read_once(s.words().get(2)).await == 1 {
        let balance = k.read_once(s.words().get(0)).await;
        bug_on(k, balance != 5u64.wrapping_neg(), "balance == 1 - 2 - 4").await;
    }
    k.mutex_unlock(s.lock()).await;
}

async fn add_1(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    add_to(k, s.words().get(0), 1).await;
    k.mutex_unlock(s.lock()).await;
}

async fn add_2(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    add_to(k, s.words().get(0), 2).await;
    k.mutex_unlock(s.lock()).await;
}

async fn below_3(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    let data = k.read_once(s.words().get(0)).await;
    bug_on(k, data >= 3, "data < 3").await;
    k.mutex_unlock(s.lock()).await;
}

/// Station `to` takes what `from` has; words 3 to 5 say which stations have acted.
async fn pass(k: &Kernel, s: One, from: usize, to: usize, by: u64) {
    k.mutex_lock(s.lock()).await;
    let x = k.read_once(s.words().get(from)).await;
    k.write_once(s.words().get(to), (x + by) % 4).await;
    k.write_once(s.words().get(to + 3), 1).await;
    k.mutex_unlock(s.lock()).await;
}

async fn pass_1(k: &Kernel, s: One) {
    pass(k, s, 2, 0, 1).await;
}

async fn pass_2(k: &Kernel, s: One) {
    pass(k, s, 0, 1, 0).await;
}

async fn pass_3(k: &Kernel, s: One) {
    pass(k, s, 1, 2, 0).await;
}

async fn ring_agrees(k: &Kernel, s: One) {
    k.mutex_lock(s.lock()).await;
    let mut acted = true;
    for i in 3..6 {
        acted = acted && k.read_once(s.words().get(i)).await == 1;
    }
    if acted {
        let x1 = k.read_once(s.words().get(0)).await;
        let x2 = k.read_once(s.words().get(1)).await;
        let x3 = k.read_once(s.words().get(2)).await;
        bug_on(k, x1 != x2 || x2 != x3, "all stations agree").await;
    }
    k.mutex_unlock(s.lock()).await;
}

ksim::kernel_fn! {
    static DEPOSIT = deposit; static WITHDRAW = withdraw; static CHECK_BALANCE = check_balance;
    static ADD_1 = add_1; static ADD_2 = add_2; static BELOW_3 = below_3;
    static PASS_1 = pass_1; static PASS_2 = pass_2; static PASS_3 = pass_3;
    static RING_AGREES = ring_agrees
}

fn ones() -> [Textbook<One>; 3] {
    [
        Textbook {
            name: "account".into(),
            about: "a check with the wrong sign, seen only when both others have acted",
            source: "SCTBench CS/account",
            finds: &[Kind::Assertion],
            init: |sim, s| sim.set(s.words().get(0), 1),
            tasks: vec![&CHECK_BALANCE, &DEPOSIT, &WITHDRAW],
        },
        Textbook {
            name: "lazy01".into(),
            about: "fails when the check comes last",
            source: "SCTBench CS/lazy01",
            finds: &[Kind::Assertion],
            init: |_, _| {},
            tasks: vec![&ADD_1, &ADD_2, &BELOW_3],
        },
        Textbook {
            name: "token-ring".into(),
            about: "three stations pass a value in an order that leaves them in disagreement",
            source: "SCTBench CS/token_ring",
            finds: &[Kind::Assertion],
            init: |sim, s| {
                for (i, x) in [1, 2, 1].into_iter().enumerate() {
                    sim.set(s.words().get(i), x);
                }
            },
            tasks: vec![&PASS_1, &PASS_2, &PASS_3, &RING_AGREES],
        },
    ]
}

/// `n` philosophers take both forks under one lock, then count themselves without it.
fn dining(n: u16) -> Scenario {
    let name = format!("classic/dining-{n}/static");
    Scenario::new(name, "all have counted themselves", move |sim, _| {
        sim.cpus(n);
        sim.settings().lockdep = false;
        let table = sim.mutex("table");
        let fork: Vec<Mutex> = (0..n).map(|_| sim.mutex("fork")).collect();
        let count = sim.word("count", 0u64);
        for i in 0..n {
            let (left, right) = (fork[usize::from(i)], fork[usize::from((i + 1) % n)]);
            sim.task(i, "philosopher", move |k| async move {
                k.mutex_lock(table).await;
                for lock in [right, left] {
                    k.mutex_lock(lock).await;
                }
                for lock in [left, right] {
                    k.mutex_unlock(lock).await;
                }
                k.mutex_unlock(table).await;
                add_to(&k, count, 1).await;
                let now = k.read_once(count).await;
                bug_on(&k, now == u64::from(n), "not everybody has eaten").await;
            });
        }
    })
    .finds(&[Kind::Assertion])
    .source("SCTBench CS/din_phil_sat")
}

pub(super) fn all() -> Vec<Scenario> {
    let order = &[Kind::Deadlock];
    let mut all = Vec::new();
    for program in [
        two("deadlock01", "AB-BA", "SCTBench CS/deadlock01", order, [&A_THEN_B, &B_THEN_A]),
        two(
            "carter01",
            "whoever counts first takes a second lock inside the first",
            "SCTBench CS/carter01",
            order,
            [&CLASS_X, &CLASS_Y],
        ),
        two(
            "phase01",
            "a lock is held by a task that has exited",
            "SCTBench CS/phase01",
            &[Kind::Deadlock],
            [&PHASE, &PHASE],
        ),
    ] {
        all.extend(program.scenarios());
    }
    let wrong = [(3, "SCTBench CS/wronglock_3"), (7, "SCTBench CS/wronglock")];
    for (n, source) in wrong {
        let tasks = times(1, &UNDER_A).chain(times(n, &UNDER_B));
        let about = "one counter under two different locks";
        let program = two(format!("wronglock-{n}"), about, source, &[Kind::Assertion], tasks);
        all.extend(program.scenarios());
    }
    all.extend(ones().iter().flat_map(Textbook::scenarios));
    all.extend((2..=7).map(dining));
    all
}
