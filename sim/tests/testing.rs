//! The one call that a test makes.

use ksim::base::finding::Kind;
use ksim::run::Scenario;

/// Two tasks add to a word; `atomic` or in two steps.
fn counter(atomic: bool) -> Scenario {
    Scenario::new("counter", "two CPUs add to one word", move |sim, _| {
        sim.cpus(2);
        let word = sim.atomic("word", 0);
        for cpu in 0..2 {
            sim.task(cpu, "adder", move |k| async move {
                let k = &k.func("add");
                if atomic {
                    k.atomic_inc(word).await;
                } else {
                    let n = k.read_once(word).await;
                    k.write_once(word, n + 1).await;
                }
            });
        }
        sim.at_end(move |end| match end.get(word) {
            2 => Ok(()),
            n => Err(format!("one of two additions was lost: {n}")),
        });
    })
}

fn panic_of(scenario: Scenario) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ksim::check(&scenario)));
    let panic = panic.expect_err("it must fail");
    *panic.downcast::<String>().expect("the panic has a text")
}

#[test]
fn correct_code_passes_and_an_expected_bug_too() {
    ksim::check(&counter(true));
    ksim::check(&counter(false).finds(&[Kind::Assertion]));
}

#[test]
fn an_unexpected_finding_fails_with_the_diagram_and_how_to_repeat_it() {
    let text = panic_of(counter(false));
    for part in ["unexpected finding", "CPU0", "CPU1", "READ_ONCE(word) = 0", "KSIM_SEED=1"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_missing_finding_fails_and_names_the_knob() {
    let text = panic_of(counter(true).finds(&[Kind::Deadlock]));
    assert!(text.contains("should show deadlock") && text.contains("KSIM_RUNS=100000"), "{text}");
}
