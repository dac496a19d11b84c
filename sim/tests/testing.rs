//! The one call that a test makes.

use ksim::choice::ScheduleFile;
use ksim::prelude::*;
use ksim::run::{Execution, Verdict, replay};
use std::path::Path;

const ROUNDS: Param =
    Param { name: "rounds", about: "additions by each task", default: 1, min: 1, max: 3 };

/// Two tasks add to a word; `atomic` or in two steps.
fn counter(atomic: bool) -> Scenario {
    Scenario::new("counter", "two CPUs add to one word", move |sim, params| {
        let rounds = params.get("rounds");
        sim.cpus(2);
        let word = sim.atomic("word", 0);
        for cpu in 0..2 {
            sim.task(cpu, "adder", move |k| async move {
                let k = &k.func("add");
                for _ in 0..rounds {
                    if atomic {
                        k.atomic_inc(word).await;
                    } else {
                        let n = k.read_once(word).await;
                        k.write_once(word, n + 1).await;
                    }
                }
            });
        }
        sim.at_end(move |end| match end.get(word) {
            n if n == 2 * rounds => Ok(()),
            n => Err(format!("only {n} additions counted")),
        });
    })
    .with_params(&[ROUNDS])
}

fn panic_of(call: fn(&Scenario), scenario: &Scenario) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(scenario)));
    let panic = panic.expect_err("it must fail");
    *panic.downcast::<String>().expect("the panic has a text")
}

#[test]
fn correct_code_passes_and_an_expected_bug_too() {
    for call in [ksim::check, ksim::prove] {
        call(&counter(true));
        call(&counter(false).finds(&[Kind::Assertion]));
        call(&counter(true).param("rounds", 2));
    }
    assert_eq!(ksim::hunt(&counter(true)), []);
}

#[test]
fn an_unexpected_finding_fails_with_the_diagram_and_how_to_repeat_it() {
    let diagram = ["unexpected finding", "CPU0", "CPU1", "READ_ONCE(word) = 0", "\n  hold cpu"];
    let own = "cargo test an_unexpected_finding_fails_with_the_diagram_and_how_to_repeat_it\n";
    for (call, how) in [
        (ksim::check as fn(&Scenario), "cargo run -- run counter --param rounds=1 --strategy "),
        (ksim::prove, "cargo run -- prove counter --param rounds=1\n"),
    ] {
        let text = panic_of(call, &counter(false));
        for part in diagram.into_iter().chain([own, how, "KSIM_OUT=DIR"]) {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
    }
    assert!(panic_of(ksim::check, &counter(false)).contains("repeat: KSIM_SEED=1 KSIM_RUNS="));
}

#[test]
fn a_missing_finding_fails_and_names_the_knob() {
    let scenario = counter(true).finds(&[Kind::Deadlock]);
    let text = panic_of(ksim::check, &scenario);
    assert!(text.contains("should show deadlock") && text.contains("KSIM_RUNS=100000"), "{text}");
    let text = panic_of(ksim::prove, &scenario);
    assert_eq!(text, "counter should show deadlock, but no schedule does");
}

#[test]
fn a_parameter_must_exist() {
    let text = panic_of(|s| drop(s.clone().param("rounds", 4)), &counter(true));
    assert_eq!(text, "counter: rounds = 4 is out of range; it goes from 1 to 3");
}

/// Set in the process that is to fail.
const FAIL: &str = "KSIM_TEST_FAIL";

/// Output of the test below in this environment, in a process of its own, where it fails.
fn failing(variables: &[(&str, &str)]) -> String {
    let own = std::env::current_exe().expect("this is a process");
    let mut command = std::process::Command::new(own);
    command.args(["the_environment_sets_seed_and_budget_and_keeps_the_schedule", "--exact"]);
    let output = command.env(FAIL, "1").envs(variables.iter().copied()).output();
    let output = output.expect("it can be started");
    assert!(!output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the environment says which process this is")]
fn the_environment_sets_seed_and_budget_and_keeps_the_schedule() {
    if std::env::var_os(FAIL).is_some() {
        return ksim::check(&counter(false));
    }
    let text = failing(&[("KSIM_SEED", "7"), ("KSIM_STRATEGY", "pos"), ("KSIM_JOBS", "2")]);
    assert!(text.contains("--strategy pos --seed 7 --index "), "{text}");
    for (name, value, problem) in [
        ("KSIM_RUNS", "many", "KSIM_RUNS=\"many\" is not a whole number"),
        ("KSIM_STRATEGY", "luck", "KSIM_STRATEGY=\"luck\" is no strategy"),
    ] {
        let text = failing(&[(name, value)]);
        assert!(text.contains(problem), "{text}");
    }

    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("testing");
    if out.exists() {
        std::fs::remove_dir_all(&out).expect("what an earlier test has left can go");
    }
    let text = failing(&[("KSIM_OUT", out.to_str().expect("ASCII"))]);
    let path = text.lines().find_map(|line| line.strip_prefix("replay: cargo run -- replay "));
    let bytes = std::fs::read(path.expect("a path is named")).expect("it is saved");
    let file = ScheduleFile::parse(&bytes).expect("it is a schedule file");
    let (scenario, runs) = (counter(false), &mut None);
    let execution = runs.get_or_insert_with(|| Execution::new(&scenario));
    assert_eq!(replay::replay(execution, &file).verdict, Verdict::Reproduced);
}
