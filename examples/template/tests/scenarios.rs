//! Each scenario shows what it says. `KSIM_SEED`, `KSIM_RUNS` and others change the search.

use ksim::prelude::*;

fn scenario(name: &str) -> Scenario {
    let mut all = my_scenarios::scenarios().into_iter();
    all.find(|s| s.name == name).expect("there is such a scenario")
}

#[test]
fn the_bug_is_found() {
    ksim::check(&scenario("cache/bug"));
}

#[test]
fn the_fix_holds_with_more_lookups() {
    ksim::check(&scenario("cache/fix").param("lookups", 3));
}

#[test]
fn the_fix_is_proved() {
    ksim::prove(&scenario("cache/fix"));
}

#[test]
fn the_report_shows_the_race() {
    let found = ksim::hunt(&scenario("cache/bug"));
    let freed = found.iter().find(|f| f.finding.kind == Kind::UseAfterFree).expect("it is found");
    let report = freed.report();
    for part in ["BUG: KASAN: slab-use-after-free in ", "refcount_inc", "kfree(entry)"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}
