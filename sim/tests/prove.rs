//! The exhaustive search against brute force, on random programs and on programs whose number of
//! classes of equivalent runs is known.

use ksim::base::op::Rmw;
use ksim::choice::rng::Stream;
use ksim::program::{Kernel, SpinLock, Var};
use ksim::run::prove::{Flaw, Outcome, Search, Settings};
use ksim::run::{Params, Scenario};
use std::collections::BTreeSet;

fn search(scenario: &Scenario, settings: Settings) -> Outcome {
    let mut search = Search::new(scenario, &Params::default(), settings);
    search.run(|_| true).clone()
}

const BRUTE: Settings = Settings {
    preemptions: None,
    interrupts: None,
    grace_periods: None,
    failures: None,
    reduce: false,
    merge: false,
    source: false,
    classes: true,
    limit: Some(1_000),
    jobs: 1,
    flaw: None,
};
const TREE: Settings = Settings { reduce: true, ..BRUTE };
const SOURCE: Settings = Settings { source: true, ..TREE };
const GRAPH: Settings = Settings { reduce: true, merge: true, classes: false, ..BRUTE };

/// One instruction of a random program.
#[derive(Copy, Clone, Debug)]
enum Instr {
    Read(usize),
    Write(usize),
    Rmw(usize),
    /// Writes only if what was read so far is odd.
    Maybe(usize),
    Lock(usize),
    Unlock(usize),
    Mask,
    Unmask,
    Preempt(bool),
}

#[derive(Copy, Clone)]
struct World {
    vars: [Var<u64>; 3],
    locks: [SpinLock; 2],
    out: Var<u64>,
}

async fn interpret(k: Kernel, program: Vec<Instr>, who: u64, world: World) {
    let mut seen = who;
    for instr in program {
        match instr {
            Instr::Read(v) => seen = seen * 31 + k.read_once(world.vars[v]).await,
            Instr::Write(v) => k.write_once(world.vars[v], seen * 8 + who).await,
            Instr::Rmw(v) => seen = seen * 31 + k.rmw("rmw", world.vars[v], Rmw::Add, who, 0).await,
            Instr::Maybe(v) if seen % 2 == 1 => k.write_once(world.vars[v], seen * 8 + 5).await,
            Instr::Maybe(_) => {}
            Instr::Lock(l) => k.spin_lock(world.locks[l]).await,
            Instr::Unlock(l) => k.spin_unlock(world.locks[l]).await,
            Instr::Mask => k.local_irq_disable().await,
            Instr::Unmask => k.local_irq_enable().await,
            Instr::Preempt(true) => k.preempt_disable().await,
            Instr::Preempt(false) => k.preempt_enable().await,
        }
    }
    k.write_once(world.out, seen).await;
}

/// Balanced instructions: what is taken is released, in the reverse order.
fn program(random: &mut Stream, length: u32, masks: bool, preempts: bool) -> Vec<Instr> {
    let mut program = Vec::new();
    let mut open = Vec::new();
    for _ in 0..=random.below(length) {
        let v = random.below(3) as usize % (1 + random.below(3) as usize);
        match random.below(if masks || preempts { 9 } else { 7 }) {
            0 | 1 => program.push(Instr::Read(v)),
            2 => program.push(Instr::Write(v)),
            3 => program.push(Instr::Rmw(v)),
            4 => program.push(Instr::Maybe(v)),
            5 | 6 => {
                let l = random.below(2) as usize;
                if open.iter().all(|o| !matches!(o, Instr::Unlock(m) if *m == l)) {
                    program.push(Instr::Lock(l));
                    open.push(Instr::Unlock(l));
                }
            }
            _ if masks && open.iter().all(|o| !matches!(o, Instr::Unmask)) => {
                program.push(Instr::Mask);
                open.push(Instr::Unmask);
            }
            _ if preempts => {
                program.push(Instr::Preempt(true));
                open.push(Instr::Preempt(false));
            }
            _ => {}
        }
        if random.below(3) == 0 {
            program.extend(open.pop());
        }
    }
    while let Some(close) = open.pop() {
        program.push(close);
    }
    program
}

/// Random programs on CPUs, some sharing one, and handlers.
fn random_scenario(seed: u64, index: u64, tasks: u32, length: u32, lines: u32) -> Scenario {
    let mut random = Stream::new(seed, index, "programs");
    let cpus = 1 + random.below(3) as u16;
    let mut agents = Vec::new();
    for _ in 0..tasks {
        let cpu = random.below(cpus.into()) as u16;
        agents.push((cpu, program(&mut random, length, lines > 0, cpus < 3)));
    }
    let mut handlers = Vec::new();
    for _ in 0..lines {
        let cpu = random.below(cpus.into()) as u16;
        handlers.push((cpu, program(&mut random, 2, false, false)));
    }
    Scenario::new(format!("random/{index}"), format!("{agents:?} {handlers:?}"), move |sim, _| {
        sim.cpus(cpus);
        let vars = [sim.word("x", 0u64), sim.word("y", 0), sim.word("z", 0)];
        let locks = [sim.spin_lock("a"), sim.spin_lock("b")];
        let roles = ["t0", "t1", "t2"];
        for (i, (cpu, program)) in agents.iter().enumerate() {
            let world = World { vars, locks, out: sim.word(roles[i], 0) };
            let program = program.clone();
            sim.task(*cpu, roles[i], move |k| interpret(k, program, i as u64 + 1, world));
        }
        let roles = ["h0", "h1"];
        for (i, (cpu, program)) in handlers.iter().enumerate() {
            let world = World { vars, locks, out: sim.word(roles[i], 0) };
            let program = program.clone();
            sim.irq(*cpu, roles[i], 1, move |k| interpret(k, program.clone(), i as u64 + 4, world));
        }
    })
}

fn signatures(outcome: &Outcome) -> BTreeSet<String> {
    outcome.found.keys().map(|s| s.0.clone()).collect()
}

fn finals(outcome: &Outcome) -> BTreeSet<u128> {
    outcome.finals.iter().copied().collect()
}

/// What is wrong with the reduced searches of this scenario, if anything; `None` for a scenario too
/// large for brute force.
fn compare(scenario: &Scenario, flaw: Option<Flaw>) -> Option<Result<u64, String>> {
    let brute = search(scenario, BRUTE);
    if !brute.complete {
        return None;
    }
    let tree = search(scenario, Settings { flaw, ..TREE });
    let source = search(scenario, Settings { flaw, ..SOURCE });
    let graph = search(scenario, Settings { flaw, ..GRAPH });
    let classes = |o: &Outcome| o.classes.iter().copied().collect::<BTreeSet<u128>>();
    let whole = brute.classes.len();
    let check = || {
        for (name, reduced) in [("tree", &tree), ("source", &source), ("graph", &graph)] {
            let known = reduced.classes.len();
            if name != "graph" && classes(&brute) != classes(reduced) {
                return Err(format!("{whole} classes, in the {name} {known}"));
            }
            if finals(&brute) != finals(reduced) {
                let (a, b) = (brute.finals.len(), reduced.finals.len());
                return Err(format!("{a} final states, in the {name} {b}"));
            }
            if signatures(&brute) != signatures(reduced) {
                let (a, b) = (signatures(&brute), signatures(reduced));
                return Err(format!("findings {a:?}, in the {name} {b:?}"));
            }
        }
        // One run for each class, and none in vain; runs that a finding ended belong to none.
        let exact = (tree.ended, tree.redundant) == (whole as u64, 0);
        if tree.found.is_empty() && !exact {
            return Err(format!("{whole} classes in {} + {} runs", tree.ended, tree.redundant));
        }
        Ok(whole as u64)
    };
    Some(check().map_err(|e| format!("{}: {e}\n{}", scenario.name, scenario.about)))
}

fn compare_many(seed: u64, wanted: u32, tasks: u32, length: u32, lines: u32) {
    let (mut compared, mut classes, mut index) = (0, 0, 0);
    while compared < wanted {
        let scenario = random_scenario(seed, index, tasks, length, lines);
        index += 1;
        match compare(&scenario, None) {
            None => {}
            Some(Ok(n)) => {
                compared += 1;
                classes += n;
            }
            Some(Err(text)) => panic!("{text}"),
        }
    }
    assert!(classes > 3 * u64::from(wanted), "{classes} classes in {wanted} programs: too simple");
}

#[test]
fn random_lock_programs() {
    compare_many(1, 2000, 2, 4, 0);
}

#[test]
fn random_interrupt_programs() {
    compare_many(2, 2000, 2, 3, 1);
}

/// The comparison must be able to fail: each fault of the search is noticed within the first of the
/// same programs.
#[test]
fn every_flaw_is_noticed() {
    for flaw in Flaw::COMMON {
        let noticed = |s: &Scenario| matches!(compare(s, Some(flaw)), Some(Err(_)));
        let somewhere = (0..500).any(|index| {
            noticed(&random_scenario(1, index, 2, 4, 0))
                || noticed(&random_scenario(2, index, 2, 3, 1))
        });
        assert!(somewhere, "{flaw:?} was not noticed");
    }
}

/// The same for what can go wrong in finding races. The right search, which is compared with brute
/// force elsewhere, says what is missing; the rarest fault takes three tasks and two handlers.
#[test]
fn every_flaw_of_races_is_noticed() {
    for flaw in Flaw::CLASSES {
        let settings = match flaw {
            Flaw::BlockedRunsForgotten | Flaw::WeakInitials => SOURCE,
            _ => TREE,
        };
        let noticed = |scenario: &Scenario| {
            let right = search(scenario, TREE);
            let classes = search(scenario, Settings { flaw: Some(flaw), ..settings }).classes;
            right.complete && right.classes.iter().any(|class| !classes.contains(class))
        };
        let somewhere = match flaw {
            Flaw::ReversalsCutShort => noticed(&random_scenario(5, 1271, 3, 4, 2)),
            _ => (0..2000).any(|index| {
                noticed(&random_scenario(1, index, 2, 4, 0))
                    || noticed(&random_scenario(5, index, 3, 3, 1))
            }),
        };
        assert!(somewhere, "{flaw:?} was not noticed");
    }
}

/// Three tasks and two handlers: 184 classes, found by source sets and by wakeup trees.
#[test]
fn wakeup_trees_and_source_sets_agree() {
    let scenario = random_scenario(5, 1271, 3, 4, 2);
    let [tree, source] = [TREE, SOURCE].map(|settings| search(&scenario, settings));
    assert_eq!((tree.executions, tree.redundant, tree.classes.len()), (184, 0, 184));
    assert_eq!(source.classes.len(), 184);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_jobs() {
    for index in 0..20 {
        let scenario = random_scenario(3, index, 3, 4, 2);
        let settings = Settings { limit: Some(4000), ..GRAPH };
        let one = search(&scenario, settings);
        let four = search(&scenario, Settings { jobs: 4, ..settings });
        let all = |o: &Outcome| {
            let found: Vec<_> = o.found.values().map(|f| (f.choices.clone(), f.count)).collect();
            let finals: Vec<u128> = o.finals.iter().copied().collect();
            (o.complete, o.executions, o.steps, o.states, o.merged, o.done, found, finals)
        };
        assert_eq!(all(&one), all(&four), "{}", scenario.name);
    }
}

/// A search that is stopped again and again, each time with the end of its journal lost, ends as one
/// that was never stopped.
#[test]
fn a_search_that_is_taken_up_again_ends_the_same() {
    for index in 0..20 {
        let scenario = random_scenario(3, index, 3, 4, 2);
        let settings = Settings { limit: Some(3000), ..GRAPH };
        let whole = search(&scenario, settings);
        let mut journal = String::new();
        let mut outcome = Outcome::default();
        for limit in [1, 100, 1000, 3000] {
            let settings = Settings { limit: Some(limit), jobs: 2, ..GRAPH };
            let mut search = Search::new(&scenario, &Params::default(), settings);
            journal.truncate(journal.len() * 9 / 10);
            let read = search.take_up(&journal).expect("what a search has written");
            journal.truncate(read);
            journal += &search.take_journal();
            outcome = search.run(|_| true).clone();
            journal += &search.take_journal();
        }
        assert_eq!(outcome, whole, "{}", scenario.name);
    }
}

#[test]
fn a_journal_that_no_search_has_written_is_refused() {
    let scenario = random_scenario(3, 1, 3, 4, 2);
    for text in
        ["b\n.\n", "x 1\n.\n", "x 1 1\ns 300000 w1\n.\n", "x 1 1\nb 1 | o 1f\n.\n", "ü\n.\n"]
    {
        let mut search = Search::new(&scenario, &Params::default(), GRAPH);
        assert!(search.take_up(text).is_err(), "{text:?}");
    }
}

/// Agents from number 128 on never sleep: less is reduced, nothing is lost.
#[test]
fn many_agents() {
    let scenario = Scenario::new("many", "", |sim, _| {
        sim.cpus(2);
        for _ in 0..130 {
            sim.irq(0, "quiet", 0, |_| async {});
        }
        let [x, y] = [sim.word("x", 0u64), sim.word("y", 0u64)];
        for (cpu, (own, other)) in [(x, y), (y, x)].into_iter().enumerate() {
            let out = sim.word("out", 0u64);
            sim.task(cpu as u16, "t", move |k| async move {
                k.write_once(own, 1).await;
                let seen = k.read_once(other).await;
                k.write_once(out, seen).await;
            });
        }
    });
    for settings in [BRUTE, TREE, SOURCE, GRAPH] {
        let outcome = search(&scenario, settings);
        assert!(outcome.complete && outcome.found.is_empty());
        assert_eq!(outcome.finals.len(), 3, "store buffering: 01, 10 and 11");
    }
}
