//! Samplers against distributions that were computed for small programs: fractions exact for the
//! random walk and the uniform one, confirmed by simulation for the others.

use ksim::choice::guided::Sampler;
use ksim::choice::pct::Pct;
use ksim::choice::pos::Pos;
use ksim::choice::profile::{Owners, Profile};
use ksim::choice::strategies;
use ksim::choice::strategy::Strategy;
use ksim::choice::surw::Surw;
use ksim::choice::urw::Urw;
use ksim::choice::{RandomWalk, canonical::Canonical};
use ksim::program::{Kernel, Var};
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
fn shares<S: Sampler>(scenario: &Scenario, mut sampler: S, wanted: &[&[u64]]) -> Vec<f64> {
    let mut execution = Execution::new(scenario);
    execution.run(&mut Canonical::default(), 0, 0);
    let sys = execution.sim().system();
    let profile = Profile::new(sys, &sys.events, &sys.accesses, Owners::default());
    sampler.set_profile(&Arc::new(profile));
    let mut seen = vec![0u64; wanted.len()];
    for index in 0..RUNS {
        execution.run(&mut sampler, 1, index);
        let outcome = outcome(&execution);
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
