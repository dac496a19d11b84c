//! One operation more in a program changes only the lines about it.

use super::{classes, search};
use ksim::base::finding::{Finding, Kind};
use ksim::report;
use ksim::run::Scenario;
use ksim::trace::Trace;
use ksim_scenarios::pte_free_defer::designs::HalfBits;
use ksim_scenarios::pte_free_defer::process::exit_mm;
use ksim_scenarios::pte_free_defer::workloads::Action;
use ksim_scenarios::pte_free_defer::world::{Start, World};

fn example(scenario: &Scenario) -> (Finding, Trace) {
    search::example(scenario, Kind::UseAfterFree).expect("it is found")
}

/// What the columns and the report of the longer scenario have in addition, and nothing else.
fn compare(short: &Scenario, long: &Scenario) -> (Vec<String>, Vec<String>) {
    let ((a, before), (b, after)) = (example(short), example(long));
    assert_eq!(a.signature(), b.signature());
    let columns =
        added(&report::columns(&before.normal_form()), &report::columns(&after.normal_form()));
    (columns, added(&report::finding(&a, &before), &report::finding(&b, &after)))
}

/// The lines that the second text has in addition to the first.
fn added(shorter: &str, longer: &str) -> Vec<String> {
    let mut rest = shorter.lines().peekable();
    let new = longer.lines().filter(|line| rest.next_if_eq(line).is_none());
    let new = new.map(|line| line.trim().to_owned()).collect();
    assert_eq!(rest.next(), None, "a line is gone or changed\n{shorter}\n{longer}");
    new
}

#[test]
fn of_a_class() {
    let (columns, report) =
        compare(&classes::use_after_free(false), &classes::use_after_free(true));
    assert_eq!(columns, ["cpu_relax()"]);
    // It has nothing to do with the finding, so the report only hints at it.
    assert_eq!(report, ["..."]);
}

/// `half-bits/callback-exit`, with or without one operation more: another reference that the exit
/// takes, or something that has nothing to do with the finding.
fn callback_exit(more: Option<&'static str>) -> Scenario {
    Scenario::new("callback-exit", "a callback while the process ends", move |sim, _| {
        sim.cpus(2);
        let World { mm, .. } = World::new::<HalfBits>(sim, 1, Start::Both);
        sim.must_be_freed(mm);
        let thread = sim.task(0, "free-rcu", move |k| async move {
            Action::FreeRcu.perform::<HalfBits>(&k, mm, 0).await;
        });
        sim.task(1, "exit", move |k| async move {
            k.kthread_join(thread).await;
            match more {
                Some("relax") => k.func("do_exit").relax().await,
                Some(_) => _ = k.func("do_exit").atomic_read(mm.mm_users()).await,
                None => {}
            }
            exit_mm::<HalfBits>(&k, mm).await;
        });
    })
}

#[test]
fn of_the_mail_thread() {
    let plain = callback_exit(None);
    let all = ksim_scenarios::all();
    let real = all.iter().find(|s| s.name == "pte-free-defer/half-bits/callback-exit");
    let (_, real) = example(real.expect("it is there"));
    assert_eq!(report::columns(&example(&plain).1), report::columns(&real));

    let (columns, report) = compare(&plain, &callback_exit(Some("relax")));
    assert_eq!(columns, ["do_exit()", "cpu_relax()"]);
    assert_eq!(report, [] as [&str; 0]);
    let (columns, report) = compare(&plain, &callback_exit(Some("read")));
    let lines = ["do_exit()", "atomic_read(mm.mm_users) = 1"];
    assert_eq!(
        (columns, report),
        (lines.map(str::to_owned).to_vec(), lines.map(str::to_owned).to_vec())
    );
}
