//! Orders that nobody thought of: reorder, two stages, bluetooth, StringBuffer.

use super::{Textbook, bug_on, times};
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel, Mutex, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// What setters and checkers share.
    struct Pair("pair", Static) { a: Var<u64>, b: Var<u64> }
}

const MINUS_ONE: u64 = u64::MAX;

async fn setter(k: &Kernel, s: Pair) {
    k.write_once(s.a(), 1).await;
    k.write_once(s.b(), MINUS_ONE).await;
}

/// Either both are set or none; C evaluates `&&` and `||` from the left.
async fn checker(k: &Kernel, s: Pair) {
    let fine = (k.read_once(s.a()).await == 0 && k.read_once(s.b()).await == 0)
        || (k.read_once(s.a()).await == 1 && k.read_once(s.b()).await == MINUS_ONE);
    bug_on(k, !fine, "a and b are set together").await;
}

ksim::kernel_fn! { static SETTER = setter; static CHECKER = checker }

/// How many tasks of both kinds, and the program of that size.
type Size = (usize, usize, &'static str);

const REORDERS: [Size; 7] = [
    (2, 1, "SCTBench CS/reorder_3"),
    (3, 1, "SCTBench CS/reorder_4"),
    (4, 1, "SCTBench CS/reorder_5"),
    (9, 1, "SCTBench CS/reorder_10"),
    (10, 10, "SCTBench CS/reorder_20"),
    (40, 10, "SCTBench CS/reorder_50"),
    (99, 1, "SCTBench CS/reorder_100"),
];

const TWOSTAGES: [Size; 4] = [
    (1, 1, "SCTBench CS/twostage"),
    (10, 10, "SCTBench CS/twostage_20"),
    (40, 10, "SCTBench CS/twostage_50"),
    (99, 1, "SCTBench CS/twostage_100"),
];

/// `setters` tasks write a then b, `checkers` tasks read them.
fn reorder((setters, checkers, source): Size) -> Textbook<Pair> {
    Textbook {
        name: format!("reorder-{setters}-{checkers}"),
        about: "a checker between the two writes of the first setter to act",
        source,
        finds: &[Kind::Assertion],
        init: |_, _| {},
        tasks: times(setters, &SETTER).chain(times(checkers, &CHECKER)).collect(),
    }
}

ksim::kernel_struct! {
    /// Two data words, each under its lock.
    struct Stages("stages", Static) { l1: Mutex, l2: Mutex, d1: Var<u64>, d2: Var<u64> }
}

async fn stage(k: &Kernel, s: Stages) {
    k.mutex_lock(s.l1()).await;
    k.write_once(s.d1(), 1).await;
    k.mutex_unlock(s.l1()).await;
    k.mutex_lock(s.l2()).await;
    let d1 = k.read_once(s.d1()).await;
    k.write_once(s.d2(), d1 + 1).await;
    k.mutex_unlock(s.l2()).await;
}

async fn stage_reader(k: &Kernel, s: Stages) {
    k.mutex_lock(s.l1()).await;
    if k.read_once(s.d1()).await == 0 {
        k.mutex_unlock(s.l1()).await;
        return;
    }
    let t1 = k.read_once(s.d1()).await;
    k.mutex_unlock(s.l1()).await;
    k.mutex_lock(s.l2()).await;
    let t2 = k.read_once(s.d2()).await;
    k.mutex_unlock(s.l2()).await;
    bug_on(k, t2 != t1 + 1, "the second stage follows the first").await;
}

ksim::kernel_fn! { static STAGE = stage; static STAGE_READER = stage_reader }

/// `stages` tasks run two stages under two locks, `readers` tasks look at both.
fn twostage((stages, readers, source): Size) -> Textbook<Stages> {
    Textbook {
        name: format!("twostage-{stages}-{readers}"),
        about: "a reader passes between the two stages before any task has done the second",
        source,
        finds: &[Kind::Assertion],
        init: |_, _| {},
        tasks: times(stages, &STAGE).chain(times(readers, &STAGE_READER)).collect(),
    }
}

ksim::kernel_struct! {
    /// The state of the driver.
    struct Driver("driver", Static) {
        guard: Mutex,
        pending_io: Atomic,
        stopping_flag: Var<u64>,
        stopping_event: Var<u64>,
        stopped: Var<u64>,
    }
}

async fn change_pending(k: &Kernel, d: Driver, by: u64) -> u64 {
    k.mutex_lock(d.guard()).await;
    let old = k.atomic_fetch_add(d.pending_io(), by).await;
    k.mutex_unlock(d.guard()).await;
    old.wrapping_add(by)
}

async fn release_pending(k: &Kernel, d: Driver) {
    if change_pending(k, d, MINUS_ONE).await == 0 {
        k.write_once(d.stopping_event(), 1).await;
    }
}

async fn add(k: &Kernel, d: Driver) {
    if k.read_once(d.stopping_flag()).await == 0 {
        change_pending(k, d, 1).await;
        let stopped = k.read_once(d.stopped()).await;
        bug_on(k, stopped != 0, "no request works on a stopped driver").await;
    }
    release_pending(k, d).await;
}

async fn stop(k: &Kernel, d: Driver) {
    k.write_once(d.stopping_flag(), 1).await;
    release_pending(k, d).await;
    if k.read_once(d.stopping_event()).await != 0 {
        k.write_once(d.stopped(), 1).await;
    }
}

ksim::kernel_fn! { static ADD = add; static STOP = stop }

fn bluetooth() -> Textbook<Driver> {
    Textbook {
        name: "bluetooth".into(),
        about: "the driver stops between a request's look at the flag and its count",
        source: "SCTBench CS/bluetooth_driver; Qadeer and Wu, PLDI 2004",
        finds: &[Kind::Assertion],
        init: |sim, d| sim.set(d.pending_io(), 1),
        tasks: vec![&STOP, &ADD],
    }
}

ksim::kernel_struct! {
    /// Two buffers.
    struct Buffers("buffers", Static) { own: Mutex, other: Mutex, count: Var<u64> }
}

async fn read_count(k: &Kernel, b: Buffers) -> u64 {
    k.mutex_lock(b.other()).await;
    let count = k.read_once(b.count()).await;
    k.mutex_unlock(b.other()).await;
    count
}

async fn append(k: &Kernel, b: Buffers) {
    k.mutex_lock(b.own()).await;
    let len = read_count(k, b).await;
    k.mutex_lock(b.other()).await;
    let count = k.read_once(b.count()).await;
    bug_on(k, len > count, "the characters that were counted are still there").await;
    k.mutex_unlock(b.other()).await;
    k.mutex_unlock(b.own()).await;
}

async fn erase(k: &Kernel, b: Buffers) {
    for by in [3u64.wrapping_neg(), 3] {
        k.mutex_lock(b.other()).await;
        let count = k.read_once(b.count()).await;
        k.write_once(b.count(), count.wrapping_add(by)).await;
        k.mutex_unlock(b.other()).await;
    }
}

ksim::kernel_fn! { static APPEND = append; static ERASE = erase }

fn stringbuffer() -> Textbook<Buffers> {
    Textbook {
        name: "stringbuffer".into(),
        about: "the buffer is erased between length() and getChars()",
        source: "SCTBench CB/stringbuffer-jdk1.4",
        finds: &[Kind::Assertion],
        init: |sim, b| sim.set(b.count(), 3),
        tasks: vec![&ERASE, &APPEND],
    }
}

pub(super) fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = REORDERS.iter().flat_map(|&s| reorder(s).scenarios()).collect();
    all.extend(TWOSTAGES.iter().flat_map(|&s| twostage(s).scenarios()));
    all.extend(bluetooth().scenarios());
    all.extend(stringbuffer().scenarios());
    all
}
