//! Samplers against distributions that were computed for small programs: fractions exact for the
//! random walk and the uniform one, confirmed by simulation for the others.

use ksim::choice::guided::Sampler;
use ksim::choice::pct::Pct;
use ksim::choice::pos::Pos;
use ksim::choice::profile::{Owners, Profile, Profiles};
use ksim::choice::strategies;
use ksim::choice::strategy::Strategy;
use ksim::choice::surw::Surw;
use ksim::choice::urw::Urw;
use ksim::choice::{RandomWalk, canonical::Canonical};
use ksim::program::{Kernel, Object, Var, Word};
use ksim::run::{Execution, Scenario};
use std::sync::Arc;

const RUNS: u64 = 10_000;

/// `w` writes 1, 2, … to a word; `r` reads it into a cell of its own, by position.
#[derive(Copy, Clone)]
enum Do {
    W(usize),
    R(usize),
}
use Do::{R, W};

/// Tasks of reads and writes; what each read saw is in the final state, in order of tasks.
fn program(tasks: &'static [&'static [Do]]) -> Scenario {
    Scenario::new("small", "", move |sim, _| {
        sim.cpus(tasks.len() as u16);
        let words: Vec<Var<u64>> = (0..3).map(|_| sim.word("x", 0)).collect();
        for (cpu, &steps) in tasks.iter().enumerate() {
            let words = words.clone();
            sim.task(cpu as u16, "task", move |k: Kernel| async move {
                let mut written = 0;
                for step in steps {
                    match *step {
                        W(x) => {
                            written += 1;
                            k.write_once(words[x], written).await;
                        }
                        R(x) => _ = k.read_once(words[x]).await,
                    }
                }
            });
        }
    })
}

/// What the reads of the last run saw, in order of tasks.
fn outcome(execution: &Execution<'_>) -> Vec<u64> {
    let mut events: Vec<_> = execution.sim().system().events.iter().collect();
    events.sort_by_key(|e| e.agent);
    events.iter().filter(|e| e.call.name == "READ_ONCE").map(|e| e.reply).collect()
}

/// The share of each outcome asked for, under a sampler that knows the exact step counts.
fn shares<S: Sampler>(scenario: &Scenario, sampler: S, wanted: &[&[u64]]) -> Vec<f64> {
    histogram(scenario, sampler, wanted, outcome)
}

/// The share of each wanted view of a run, under a sampler that knows the exact step counts.
fn histogram<S: Sampler, T: PartialEq>(
    scenario: &Scenario,
    mut sampler: S,
    wanted: &[&[T]],
    view: impl Fn(&Execution<'_>) -> Vec<T>,
) -> Vec<f64> {
    let mut execution = Execution::new(scenario);
    execution.run(&mut Canonical::default(), 0, 0);
    let sys = execution.sim().system();
    let profile = Profile::new(sys, &sys.events, &sys.accesses, Owners::default());
    sampler.set_profile(&Arc::new(profile));
    let mut seen = vec![0u64; wanted.len()];
    for index in 0..RUNS {
        execution.run(&mut sampler, 1, index);
        let outcome = view(&execution);
        for (count, wanted) in seen.iter_mut().zip(wanted) {
            *count += u64::from(outcome == **wanted);
        }
    }
    seen.into_iter().map(|n| n as f64 / RUNS as f64).collect()
}

fn assert_near(what: &str, seen: &[f64], expected: &[f64]) {
    for (seen, expected) in seen.iter().zip(expected) {
        let sigma = (expected * (1.0 - expected) / RUNS as f64).sqrt();
        assert!((seen - expected).abs() <= 4.9 * sigma, "{what}: {seen} instead of {expected}");
    }
}

/// Checks all samplers on one program: expected are uniform, random walk, POS, BasicPOS and
/// PCT 1 to 3.
fn golden(name: &str, tasks: &'static [&'static [Do]], wanted: &[&[u64]], rows: [&[f64]; 7]) {
    let program = program(tasks);
    let near = |who: &str, seen: Vec<f64>, row: &[f64]| {
        assert_near(&format!("{name} {who}"), &seen, row);
    };
    near("urw", shares(&program, Urw::default(), wanted), rows[0]);
    near("random", shares(&program, RandomWalk::default(), wanted), rows[1]);
    near("pos", shares(&program, Pos::new(true), wanted), rows[2]);
    near("basic pos", shares(&program, Pos::new(false), wanted), rows[3]);
    for depth in 1..=3 {
        let seen = shares(&program, Pct::new(depth), wanted);
        near(&format!("pct{depth}"), seen, rows[3 + depth as usize]);
    }
}

#[test]
fn store_buffering() {
    golden(
        "SB",
        &[&[W(0), R(1)], &[W(1), R(0)]],
        &[&[0, 1], &[1, 0], &[1, 1]],
        [
            &[1. / 6., 1. / 6., 2. / 3.],
            &[0.25, 0.25, 0.5],
            &[1. / 3., 1. / 3., 1. / 3.],
            &[1. / 3., 1. / 3., 1. / 3.],
            &[0.5, 0.5, 0.],
            &[0.375, 0.375, 0.25],
            &[11. / 32., 11. / 32., 10. / 32.],
        ],
    );
}

#[test]
fn two_readers() {
    let third = 1. / 3.;
    let sixth = 1. / 6.;
    let even: &[f64] = &[third, sixth, sixth, third];
    golden(
        "R2",
        &[&[W(0)], &[R(0)], &[R(0)]],
        &[&[0, 0], &[0, 1], &[1, 0], &[1, 1]],
        [even, even, &[0.25, 5. / 24., 5. / 24., third], even, even, even, even],
    );
}

#[test]
fn three_writes_and_a_read() {
    let tasks: &'static [&'static [Do]] = &[&[W(0), W(0), W(0)], &[R(0)]];
    let wanted: &[&[u64]] = &[&[0], &[1], &[2], &[3]];
    let geometric: &[f64] = &[0.5, 0.25, 0.125, 0.125];
    golden(
        "C31",
        tasks,
        wanted,
        [
            &[0.25; 4],
            geometric,
            geometric,
            &[0.5, 1. / 6., 1. / 12., 0.25],
            &[0.5, 0., 0., 0.5],
            &[0.5, 0.125, 0.125, 0.25],
            &[0.5, 5. / 32., 3. / 32., 0.25],
        ],
    );
    let seen = shares(&program(tasks), Surw::default(), wanted);
    assert_near("C31 surw", &seen, &[0.25; 4]);
}

/// An event behind m private writes loses to one competing event; a walk makes that 2^-(m+1).
#[test]
fn an_event_behind_private_ones() {
    let tasks: &'static [&'static [Do]] = &[&[W(1), W(1), W(0)], &[R(0)]];
    let quarter: &[f64] = &[0.25];
    // The write to x is the third of its task.
    golden("I31", tasks, &[&[3]], [quarter, &[0.125], quarter, quarter, &[0.5], quarter, quarter]);
}

#[test]
fn message_passing() {
    let third = 1. / 3.;
    let row = |p: f64| [1. - p, p];
    let [uniform, walk, pos] = [row(1. / 6.), row(0.25), row(third)];
    let [pct1, pct2, pct3] = [row(0.5), row(0.375), row(11. / 32.)];
    // What the first read saw of the flag, whatever the second saw of the data.
    let program = program(&[&[W(0), W(1)], &[R(1), R(0)]]);
    let wanted: &[&[u64]] = &[&[0], &[2]];
    let near = |who: &str, seen: Vec<f64>, row: [f64; 2]| {
        assert_near(&format!("MP {who}"), &seen, &row);
    };
    near("urw", beginnings(&program, Urw::default(), wanted), uniform);
    near("random", beginnings(&program, RandomWalk::default(), wanted), walk);
    near("pos", beginnings(&program, Pos::new(true), wanted), pos);
    near("basic pos", beginnings(&program, Pos::new(false), wanted), pos);
    near("pct1", beginnings(&program, Pct::new(1), wanted), pct1);
    near("pct2", beginnings(&program, Pct::new(2), wanted), pct2);
    near("pct3", beginnings(&program, Pct::new(3), wanted), pct3);
}

/// Three tasks, one access each to one word: every sampler makes the six orders equally likely.
#[test]
fn ties_are_even() {
    let tasks: &'static [&'static [Do]] = &[&[W(0)], &[W(0)], &[R(0)]];
    let program = program(tasks);
    let orders: &[&[u16]] =
        &[&[0, 1, 2], &[0, 2, 1], &[1, 0, 2], &[1, 2, 0], &[2, 0, 1], &[2, 1, 0]];
    let sixth = [1. / 6.; 6];
    assert_near("urw", &in_order(&program, Urw::default(), orders), &sixth);
    assert_near("surw", &in_order(&program, Surw::default(), orders), &sixth);
    assert_near("random", &in_order(&program, RandomWalk::default(), orders), &sixth);
    assert_near("basic pos", &in_order(&program, Pos::new(false), orders), &sixth);
    assert_near("pct1", &in_order(&program, Pct::new(1), orders), &sixth);
    assert_near("pct2", &in_order(&program, Pct::new(2), orders), &sixth);
    assert_near("pct3", &in_order(&program, Pct::new(3), orders), &sixth);
}

/// All 35 interleavings of three and four private steps are equally likely.
#[test]
fn urw_makes_interleavings_equally_likely() {
    let program = program(&[&[W(0), W(0), W(0)], &[W(1), W(1), W(1), W(1)]]);
    let mut orders: Vec<Vec<u16>> = Vec::new();
    for bits in 0u32..128 {
        if bits.count_ones() == 4 {
            orders.push((0..7).map(|i| (bits >> i & 1) as u16).collect());
        }
    }
    let orders: Vec<&[u16]> = orders.iter().map(Vec::as_slice).collect();
    let seen = in_order(&program, Urw::default(), &orders);
    let expected = 1.0 / 35.0;
    let spread: f64 = seen.iter().map(|p| (p - expected).powi(2) / expected).sum();
    // 34 degrees of freedom: 88 is exceeded once in a million.
    assert!(spread * (RUNS as f64) < 88.0, "chi-square {}", spread * RUNS as f64);
    let surw = in_order(&program, Surw::default(), &orders);
    assert!((surw.iter().sum::<f64>() - 1.0).abs() < 1e-9, "every run is one of them");
}

ksim::kernel_struct! {
    /// A word of the parent's and one of the child's.
    struct Two("two", Static) { parent: Var<u64>, child: Var<u64> }
}
ksim::kernel_fn! { static CHILD = child }

async fn child(k: &Kernel, two: Two) {
    for _ in 0..3 {
        k.read_once(two.child()).await;
    }
}

/// After a task with two steps left has started one with three, the ten orders are equally likely.
#[test]
fn urw_counts_what_a_task_will_start() {
    let scenario = Scenario::new("spawn", "", |sim, _| {
        sim.cpus(2);
        let two: Two = sim.object("two");
        sim.task(0, "parent", move |k| async move {
            k.kthread_run(1, &CHILD, two.ptr().to_word()).await;
            k.read_once(two.parent()).await;
            k.read_once(two.parent()).await;
        });
    });
    let mut orders: Vec<Vec<u16>> = Vec::new();
    for bits in 0u32..32 {
        if bits.count_ones() == 3 {
            let rest = (0..5).map(|i| (bits >> i & 1) as u16);
            orders.push(std::iter::once(0).chain(rest).collect());
        }
    }
    let orders: Vec<&[u16]> = orders.iter().map(Vec::as_slice).collect();
    assert_near("urw", &in_order(&scenario, Urw::default(), &orders), &[0.1; 10]);
}

/// Behind m private writes: uniform and POS 1/(m + 2), PCT-1 1/2, a walk 2^-(m+1).
#[test]
fn an_event_behind_many_private_ones() {
    for m in [2, 8, 20] {
        let scenario = Scenario::new("behind", "", move |sim, _| {
            sim.cpus(2);
            let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
            sim.task(0, "writer", move |k| async move {
                for _ in 0..m {
                    k.write_once(y, 1).await;
                }
                k.write_once(x, 1).await;
            });
            sim.task(1, "reader", move |k| async move { _ = k.read_once(x).await });
        });
        let (wanted, p): (&[&[u64]], f64) = (&[&[1]], 1.0 / (f64::from(m) + 2.0));
        assert_near("urw", &shares(&scenario, Urw::default(), wanted), &[p]);
        assert_near("pos", &shares(&scenario, Pos::new(true), wanted), &[p]);
        assert_near("pct1", &shares(&scenario, Pct::new(1), wanted), &[0.5]);
        let walk = 0.5f64.powi(m + 1);
        assert_near("random", &shares(&scenario, RandomWalk::default(), wanted), &[walk]);
    }
}

/// Who is listed first makes no difference.
#[test]
fn samplers_do_not_know_the_order_of_agents() {
    let one = program(&[&[W(0), W(1)], &[W(0), R(1), R(0)], &[R(0)]]);
    let other = program(&[&[R(0)], &[W(0), R(1), R(0)], &[W(0), W(1)]]);
    fn both<S: Sampler>(what: &str, one: &Scenario, other: &Scenario, sampler: fn() -> S) {
        // What the middle one saw, and the one with a single read.
        for b in 0..3u64 {
            for c in 0..3u64 {
                for d in 0..2u64 {
                    let seen = shares(one, sampler(), &[&[b, c, d]])[0];
                    let again = shares(other, sampler(), &[&[d, b, c]])[0];
                    let sigma = (2.0 * seen.max(1e-3) * (1.0 - seen) / RUNS as f64).sqrt();
                    assert!((seen - again).abs() <= 5.5 * sigma, "{what}: {seen} and {again}");
                }
            }
        }
    }
    both("urw", &one, &other, Urw::default);
    both("surw", &one, &other, Surw::default);
    both("pos", &one, &other, || Pos::new(true));
    both("pct3", &one, &other, || Pct::new(3));
}

/// Shares of what the first read of all saw.
fn beginnings<S: Sampler>(scenario: &Scenario, sampler: S, wanted: &[&[u64]]) -> Vec<f64> {
    histogram(scenario, sampler, wanted, |execution| outcome(execution)[..1].to_vec())
}

/// Shares of the orders in which agents act.
fn in_order<S: Sampler>(scenario: &Scenario, sampler: S, wanted: &[&[u16]]) -> Vec<f64> {
    histogram(scenario, sampler, wanted, |execution| {
        execution.sim().system().events.iter().map(|e| e.agent.0).collect()
    })
}

/// Should the profile be wrong about who touches a word, no schedule is lost.
#[test]
fn a_wrong_profile_loses_no_schedule() {
    let scenario = program(&[&[W(0), W(0), W(0)], &[R(0)]]);
    let mut execution = Execution::new(&scenario);
    execution.run(&mut Canonical::default(), 0, 0);
    let sys = execution.sim().system();
    let mut owners = Owners::default();
    owners.grow(sys.static_words);
    // As if nobody had seen the reader.
    owners.learn(&sys.events[..3], &sys.accesses);
    assert!(owners.is_quiet(sys.events[0].agent, sys.events[0].call.op, &sys.accesses[..1]));
    let profile = |owners| Arc::new(Profile::new(sys, &sys.events, &sys.accesses, owners));
    let profiles = Profiles { shared: profile(owners), all: profile(Owners::default()) };
    for name in ["walk", "pos", "pct3", "urw", "surw"] {
        let mut strategy = strategies::by_name(name).expect("it has a name");
        strategy.set_profiles(&profiles);
        let mut seen = [0; 4];
        for index in 0..RUNS {
            execution.run(&mut *strategy, 1, index);
            seen[outcome(&execution)[0] as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 50), "{name}: {seen:?}");
    }
}

fn interrupted() -> Scenario {
    Scenario::new("interrupted", "", |sim, _| {
        let private = sim.word("private", 0u64);
        sim.task(0, "task", move |k| async move {
            for _ in 0..22 {
                k.read_once(private).await;
            }
        });
        sim.irq(0, "irq:nic", 1, |k| async move { k.relax().await });
    })
}

/// Chi-square of where the interrupt came, over its 23 possible points.
fn spread(strategy: &mut dyn Strategy) -> f64 {
    let scenario = interrupted();
    let mut execution = Execution::new(&scenario);
    let mut seen = [0u32; 23];
    let runs = 23_000;
    for index in 0..runs {
        execution.run(strategy, 3, index);
        let events = &execution.sim().system().events;
        let at = events.iter().position(|e| e.call.name == "irq_enter");
        seen[at.expect("the interrupt fires")] += 1;
    }
    let expected = runs as f64 / 23.0;
    seen.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum()
}

/// 22 degrees of freedom: 68 is exceeded once in a million.
#[test]
fn interrupts_come_uniformly() {
    for name in ["walk", "pos", "pct3", "urw", "surw", "delay2"] {
        let mut strategy = strategies::by_name(name).expect("it has a name");
        let spread = spread(&mut *strategy);
        assert!(spread < 68.0, "{name}: chi-square {spread}");
    }
    assert!(spread(&mut RandomWalk::default()) > 1000.0, "a walk fires early");
}

/// Chi-square of when a grace period begins and ends, pooled, over the 24 steps that the task which
/// reads and the one which waits take; the last two are one point, since nobody else can act there.
fn spread_of_grace_periods(strategy: &mut dyn Strategy) -> f64 {
    let scenario = Scenario::new("waits", "", |sim, _| {
        sim.preemptible(false);
        let private = sim.word("private", 0u64);
        sim.task(0, "updater", |k| async move { k.synchronize_rcu().await });
        sim.task(0, "task", move |k| async move {
            for _ in 0..22 {
                k.read_once(private).await;
            }
        });
    });
    let mut execution = Execution::new(&scenario);
    let (mut seen, mut all) = ([0u32; 23], 0);
    for index in 0..12_000 {
        execution.run(strategy, 3, index);
        let events = &execution.sim().system().events;
        if events[0].call.name != "synchronize_rcu" {
            continue;
        }
        let mut reads = 0;
        for event in events {
            match event.call.name {
                "READ_ONCE" => reads += 1,
                "rcu_gp_init" | "rcu_gp_cleanup" => {
                    seen[reads] += 1;
                    all += 1;
                }
                _ => {}
            }
        }
    }
    let point = f64::from(all) / 24.0;
    let expected = |at: usize| if at == 22 { 2.0 * point } else { point };
    seen.iter()
        .enumerate()
        .map(|(at, &n)| (f64::from(n) - expected(at)).powi(2) / expected(at))
        .sum()
}

#[test]
fn grace_periods_come_uniformly() {
    for name in ["walk", "pos", "pct3", "urw", "surw", "delay2"] {
        let mut strategy = strategies::by_name(name).expect("it has a name");
        let spread = spread_of_grace_periods(&mut *strategy);
        assert!(spread < 68.0, "{name}: chi-square {spread}");
    }
    assert!(spread_of_grace_periods(&mut RandomWalk::default()) > 1000.0, "a walk ends them early");
}

/// Everything that a sampler may meet: nothing, one context, one step, waiting, sleeping.
#[test]
fn samplers_accept_every_scenario() {
    let scenarios = [
        Scenario::new("empty", "", |_, _| {}),
        Scenario::new("no-step", "", |sim, _| _ = sim.task(0, "task", |_| async {})),
        Scenario::new("one-step", "", |sim, _| {
            sim.task(0, "task", |k| async move { k.relax().await });
        }),
        Scenario::new("waits", "", |sim, _| {
            sim.cpus(2);
            let flag = sim.word("flag", 0u64);
            sim.task(0, "waiter", move |k| async move { _ = k.spin_until(flag, 1).await });
            sim.task(1, "setter", move |k| async move {
                k.sleep(10).await;
                k.synchronize_rcu().await;
                k.write_once(flag, 1).await;
            });
        }),
        interrupted(),
    ];
    for (name, _) in strategies::NAMES {
        for scenario in &scenarios {
            let mut execution = Execution::new(scenario);
            let mut strategy = strategies::by_name(name).expect("it has a name");
            for index in 0..20 {
                execution.run(&mut *strategy, 1, index);
                let findings = &execution.sim().system().findings;
                assert!(findings.is_empty(), "{name} in {}: {findings:?}", scenario.name);
            }
        }
    }
}

/// A run is a function of (seed, index), whatever the strategy ran before.
#[test]
fn a_run_depends_on_seed_and_index_alone() {
    let scenario = program(&[&[W(0), R(1), W(2), R(0)], &[W(1), R(0), R(2)], &[W(0), W(1), R(2)]]);
    for (name, _) in strategies::NAMES {
        let mut execution = Execution::new(&scenario);
        let order = |execution: &mut Execution<'_>, strategy: &mut dyn Strategy, index| {
            execution.run(strategy, 5, index);
            let events = &execution.sim().system().events;
            events.iter().map(|e| (e.agent, e.reply)).collect::<Vec<_>>()
        };
        let mut one = strategies::by_name(name).expect("it has a name");
        let forwards: Vec<_> = (0..300).map(|i| order(&mut execution, &mut *one, i)).collect();
        for index in [299, 7, 0, 40, 260] {
            let mut other = strategies::by_name(name).expect("it has a name");
            let alone = order(&mut execution, &mut *other, index as u64);
            assert_eq!(alone, forwards[index], "{name}, run {index}");
            let again = order(&mut execution, &mut *one, index as u64);
            assert_eq!(again, forwards[index], "{name}, run {index} again");
        }
    }
}
