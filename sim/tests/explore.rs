//! Hunting, reducing, replaying, and running twice, over two small programs.

use ksim::base::finding::Signature;
use ksim::choice::{Origin, ScheduleFile, strategies};
use ksim::run::reduce::{Reduced, from_seed};
use ksim::run::replay::replay;
use ksim::run::{Execution, Hunt, Hunted, Param, Params, Scenario, Shard, Verdict, repeat};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

const ROUNDS: Param = Param { name: "rounds", about: "increments", default: 3, min: 1, max: 9 };

/// Two tasks count in one word without a lock; the end finds out how many increments were lost.
fn counter() -> Scenario {
    let scenario = Scenario::new("test/counter", "two tasks count", |sim, params| {
        let rounds = params.get("rounds");
        sim.cpus(2);
        let count = sim.word("count", 0u64);
        for (cpu, role) in [(0, "left"), (1, "right")] {
            sim.task(cpu, role, move |k| async move {
                let k = &k.func("increment");
                for _ in 0..rounds {
                    let old = k.read_once(count).await;
                    k.write_once(count, old + 1).await;
                }
            });
        }
        sim.at_end(move |end| match end.get(count) {
            sum if sum == 2 * rounds => Ok(()),
            sum => Err(format!("{sum} counted")),
        });
    });
    scenario.with_params(&[ROUNDS])
}

fn go_on(_: &Hunted) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn hunt(strategy: &str, jobs: u32, shard: Shard, runs: u64) -> Hunted {
    let scenario = counter();
    let params = Params::defaults(&scenario.params);
    let (scenario, params) = (&scenario, &params);
    let hunt = Hunt { scenario, params, strategy, seed: 7, shard, jobs };
    hunt.run(0..runs, &go_on)
}

#[test]
fn neither_jobs_nor_shards_change_what_is_found() {
    for strategy in ["random", "surw", "portfolio"] {
        let whole = hunt(strategy, 1, Shard::WHOLE, 1000);
        assert_eq!(whole.runs, 1000);
        assert!(whole.found.len() > 2, "{:?}", whole.found.keys());
        assert!(whole.found.values().map(|f| f.count).sum::<u64>() == whole.failed);
        for jobs in [2, 3, 64] {
            assert_eq!(hunt(strategy, jobs, Shard::WHOLE, 1000), whole, "{strategy}, {jobs} jobs");
        }
        for of in [2, 3, 7] {
            let mut sum = Hunted::default();
            for part in (1..=of).rev() {
                sum.merge(hunt(strategy, 1 + part % 2, Shard { part, of }, 1000));
            }
            assert_eq!(sum, whole, "{strategy}, {of} shards");
        }
    }
}

/// Statistics are made of runs that no other run has led to.
#[test]
fn some_runs_of_the_portfolio_are_independent() {
    let walk = hunt("random", 1, Shard::WHOLE, 1000);
    assert_eq!((walk.independent, walk.most_likely()), (1000, None));
    let portfolio = hunt("portfolio", 1, Shard::WHOLE, 1000);
    assert_eq!(portfolio.independent, 248);
    let nothing = Hunted { independent: 300, ..Hunted::default() };
    assert_eq!(nothing.most_likely(), Some(0.01));
}

#[test]
fn the_example_is_the_cheapest_and_the_earliest() {
    let hunted = hunt("random", 2, Shard::WHOLE, 500);
    let scenario = counter();
    let mut execution = Execution::new(&scenario);
    let mut strategy = strategies::by_name("random").expect("it is there");
    let mut counts = 0;
    for index in 0..500 {
        execution.run(&mut *strategy, 7, index);
        for finding in &execution.sim().system().findings {
            let found = &hunted.found[&finding.signature()];
            let steps = execution.sim().steps_to(finding);
            assert!(found.first_index <= index);
            assert!((found.steps, found.index) <= (steps, index));
            if index == found.index {
                assert_eq!((&found.finding, found.steps), (finding, steps));
                counts += 1;
            }
        }
    }
    assert_eq!(counts, hunted.found.len());
}

#[test]
fn a_stopped_hunt_has_done_the_first_runs() {
    for jobs in [1, 4] {
        let asked = AtomicU64::new(0);
        let scenario = counter();
        let params = Params::defaults(&scenario.params);
        let (scenario, params) = (&scenario, &params);
        let shard = Shard { part: 2, of: 3 };
        let hunting = Hunt { scenario, params, strategy: "random", seed: 7, shard, jobs };
        let stopped =
            hunting.run(0..u64::MAX, &|_: &Hunted| match asked.fetch_add(1, Ordering::Relaxed) {
                0..5 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            });
        assert!(stopped.runs > 0 && stopped.runs < 1000, "{}", stopped.runs);
        assert_eq!(stopped, hunt("random", 1, shard, 3 * stopped.runs), "{jobs} jobs");
    }
}

/// A schedule file for the cheapest example of a finding.
fn file_for(scenario: &Scenario, signature: &Signature, index: u64) -> (ScheduleFile, Reduced) {
    let origin = Origin { strategy: "random".to_owned(), seed: 7, index };
    let mut execution = Execution::new(scenario);
    let (reduced, _) = from_seed(&mut execution, &origin, signature);
    let reduced = reduced.expect("the lifted schedule shows the finding");
    let file = ScheduleFile {
        version: ksim::VERSION.to_owned(),
        scenario: scenario.name.clone(),
        params: reduced.params.listed(),
        origin,
        schedule: Some(reduced.schedule.clone()),
        signature: signature.clone(),
        trace: reduced.trace.hash(),
    };
    (file, reduced)
}

/// An execution with the parameters of a file.
fn execution_of<'s>(scenario: &'s Scenario, file: &ScheduleFile) -> Execution<'s> {
    let mut params = Params::defaults(&scenario.params);
    for (name, value) in &file.params {
        params.set(&scenario.params, name, *value).expect("shrinking keeps to the ranges");
    }
    Execution::with_params(scenario, params)
}

#[test]
fn every_finding_shrinks_to_a_minimum_that_replays() {
    let scenario = counter();
    for (signature, found) in hunt("random", 1, Shard::WHOLE, 500).found {
        let (file, reduced) = file_for(&scenario, &signature, found.index);
        let read = ScheduleFile::parse(file.to_string().as_bytes()).expect("it was just written");
        let mut execution = execution_of(&scenario, &read);
        let replayed = replay(&mut execution, &read);
        assert_eq!(replayed.verdict, Verdict::Reproduced);
        assert_eq!(replayed.trace, reduced.trace);
        for i in 0..reduced.schedule.len() {
            let less = reduced.schedule.without(i, i + 1);
            let (ended, _) = execution.follow(&less);
            assert!(
                ended.findings.iter().all(|f| f.signature() != signature),
                "{i} is superfluous"
            );
        }
    }
}

#[test]
fn five_verdicts() {
    let scenario = counter();
    let (signature, found) = hunt("random", 1, Shard::WHOLE, 500).found.pop_first().expect("some");
    let (good, _) = file_for(&scenario, &signature, found.index);
    let verdict = |change: &dyn Fn(&mut ScheduleFile)| {
        let mut file = good.clone();
        change(&mut file);
        replay(&mut execution_of(&scenario, &file), &file).verdict
    };
    assert_eq!(verdict(&|_| {}), Verdict::Reproduced);
    // A seed is one of the parameters with which it was hunted; shrinking has lowered them.
    let by_seed = |file: &mut ScheduleFile| {
        file.schedule = None;
        file.params.clear();
    };
    assert_eq!(verdict(&by_seed), Verdict::Reproduced);
    let elsewhere = format!("{} in other:READ_ONCE", signature.without_sites());
    assert_eq!(
        verdict(&|file| file.signature = Signature(elsewhere.clone())),
        Verdict::SameBugElsewhere
    );
    assert_eq!(
        verdict(&|file| file.signature = Signature("deadlock count in f:g".to_owned())),
        Verdict::AnotherBug
    );
    assert_eq!(verdict(&|file| file.schedule = Some(Default::default())), Verdict::Passed);
    let last = good.schedule.as_ref().expect("shrunk").holds.len();
    assert!(last > 0);
    let lost = |file: &mut ScheduleFile| {
        let schedule = file.schedule.as_mut().expect("shrunk");
        let mut hold = schedule.holds[0].clone();
        (hold.before.nth, hold.until.nth) = (99, 99);
        schedule.holds = vec![hold];
    };
    assert_eq!(verdict(&lost), Verdict::Diverged(1));
}

#[test]
fn running_twice_tells_a_pure_scenario_from_one_with_a_memory() {
    let pure = counter();
    let mut strategy = strategies::by_name("random").expect("it is there");
    let check = |scenario: &Scenario, strategy: &mut dyn ksim::choice::Strategy| {
        repeat::check(&mut Execution::new(scenario), strategy, 1, 2)
    };
    assert_eq!(check(&pure, &mut *strategy), Ok(()));

    thread_local!(static RUNS: Cell<u64> = const { Cell::new(0) });
    let impure = Scenario::new("test/impure", "", |sim, _| {
        sim.cpus(1);
        let word = sim.word("word", 0u64);
        let run = RUNS.replace(RUNS.get() + 1);
        sim.task(0, "task", move |k| async move {
            k.read_once(word).await;
            k.write_once(word, run).await;
        });
    });
    let difference = check(&impure, &mut *strategy).expect_err("the runs differ");
    assert_eq!(difference.step, 2);
    let text = difference.to_string();
    assert!(text.contains("word, 0") && text.contains("word, 1"), "{text}");
}

#[test]
fn the_order_of_runs_does_not_matter() {
    let scenario = counter();
    let hashes = |order: &[u64]| {
        let mut execution = Execution::new(&scenario);
        let mut strategy = strategies::by_name("random").expect("it is there");
        let mut hashes: Vec<(u64, u64)> = Vec::new();
        for &index in order {
            execution.run(&mut *strategy, 7, index);
            hashes.push((index, execution.sim().trace().hash()));
        }
        hashes.sort_unstable();
        hashes
    };
    let ascending = hashes(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(hashes(&[5, 2, 7, 0, 1, 6, 3, 4]), ascending);
    let alone: Vec<(u64, u64)> = (0..8).flat_map(|index| hashes(&[index])).collect();
    assert_eq!(alone, ascending);
    let mut distinct: Vec<u64> = ascending.iter().map(|(_, hash)| *hash).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() > 4, "different runs have different hashes: {ascending:?}");
}
