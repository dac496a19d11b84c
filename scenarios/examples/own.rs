//! The command line over scenarios of your own: `cargo run --example own -- hunt counter`.

use ksim::base::finding::Kind;
use ksim::run::{Param, Scenario};

const ROUNDS: Param =
    Param { name: "rounds", about: "increments by each task", default: 2, min: 1, max: 100 };

/// Two tasks increment a word; `atomic` says how. The end of the run checks the sum.
fn counter(name: &str, atomic: bool) -> Scenario {
    let about = "two CPUs count in one word";
    let scenario = Scenario::new(name, about, move |sim, params| {
        let rounds = params.get("rounds");
        sim.cpus(2);
        let count = sim.atomic("count", 0);
        for cpu in 0..2 {
            sim.task(cpu, "inc", move |k| async move {
                for _ in 0..rounds {
                    if atomic {
                        k.atomic_fetch_add(count, 1).await;
                    } else {
                        let old = k.read_once(count).await;
                        k.write_once(count, old + 1).await;
                    }
                }
            });
        }
        sim.at_end(move |end| match end.get(count) {
            sum if sum == 2 * rounds => Ok(()),
            sum => Err(format!("{sum} of {} increments counted", 2 * rounds)),
        });
    });
    scenario.with_params(&[ROUNDS])
}

fn main() -> std::process::ExitCode {
    ksim::cli::main(vec![
        counter("counter/read-write", false).finds(&[Kind::Assertion]),
        counter("counter/atomic", true),
    ])
}
