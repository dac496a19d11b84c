//! The programs as scenarios of ksim.

use super::Program;
use ::ksim::program::{Atomic, Kernel, Var};
use ::ksim::run::prove::{Search, Settings};
use ::ksim::run::{Params, Scenario};

async fn add(k: Kernel, word: Var<u64>) {
    for _ in 0..3 {
        k.atomic_inc(Atomic(word.0)).await;
    }
}

async fn count(k: Kernel, word: Var<u64>, times: usize) {
    for _ in 0..times {
        let seen = k.read_once(word).await;
        k.write_once(word, seen + 1).await;
    }
}

fn scenario(program: Program) -> Scenario {
    Scenario::new("exhaustive", "", move |sim, _| match program {
        Program::Add { tasks, apart } => {
            sim.cpus(tasks as u16);
            let words: Vec<Var<u64>> = (0..tasks).map(|_| sim.word("word", 0)).collect();
            for cpu in 0..tasks {
                let word = words[if apart { cpu } else { 0 }];
                sim.task(cpu as u16, "add", move |k| add(k, word));
            }
        }
        Program::Count { times } => {
            sim.cpus(2);
            let word = sim.word("word", 0u64);
            for cpu in 0..2 {
                sim.task(cpu, "count", move |k| count(k, word, times));
            }
        }
    })
}

fn executions(program: Program, merge: bool) -> u64 {
    let settings = Settings { merge, ..Settings::default() };
    let scenario = scenario(program);
    let mut search = Search::new(&scenario, &Params::default(), settings);
    let outcome = search.run(|_| true);
    assert!(outcome.complete && outcome.found.is_empty());
    outcome.executions
}

/// Class by class.
pub(crate) fn classes(program: Program) -> u64 {
    executions(program, false)
}

/// With equal states merged.
pub(crate) fn states(program: Program) -> u64 {
    executions(program, true)
}
