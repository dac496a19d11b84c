//! The verdicts of the designs of `pte_free_defer()`, by random walks: what is expected is found,
//! and nothing else.

use ksim::base::finding::Kind;
use ksim::choice::RandomWalk;
use ksim::run::{Execution, Scenario};

/// All signatures that `runs` random runs of each scenario below `prefix` show, with the scenario.
fn found(prefix: &str, runs: u64) -> Vec<(Scenario, Kind, String)> {
    let mut found: Vec<(Scenario, Kind, String)> = Vec::new();
    for scenario in ksim_scenarios::all().into_iter().filter(|s| s.is_below(prefix)) {
        let mut execution = Execution::new(&scenario);
        let mut walk = RandomWalk::default();
        let first = found.len();
        for index in 0..runs {
            execution.run(&mut walk, 1, index);
            for finding in &execution.sim().system().findings {
                let signature = finding.signature().to_string();
                if found[first..].iter().all(|(_, _, s)| *s != signature) {
                    found.push((scenario.clone(), finding.kind, signature));
                }
            }
        }
    }
    found
}

/// No finding of a kind that the scenario does not expect.
#[track_caller]
fn nothing_else(found: &[(Scenario, Kind, String)]) {
    for (scenario, kind, signature) in found {
        let expected = scenario.expect.kinds();
        assert!(expected.contains(kind), "{}: unexpected {signature}", scenario.name);
    }
}

fn has(found: &[(Scenario, Kind, String)], signature: &str) -> bool {
    found.iter().any(|(_, _, s)| s.starts_with(signature))
}

#[test]
fn half_bits_takes_the_lock_of_a_freed_mm_and_deadlocks_on_it() {
    let found = found("pte-free-defer/half-bits", 3000);
    nothing_else(&found);
    assert!(has(&found, "use-after-free mm.context.lock in __tlb_remove_table:spin_lock_bh"));
    for holder in ["__tlb_flush_mm_lazy", "gmap_create", "gmap_remove"] {
        let signature = format!(
            "deadlock mm.context.lock in __tlb_remove_table:spin_lock_bh vs {holder}:spin_lock"
        );
        assert!(has(&found, &signature), "{signature}");
    }
    assert!(has(&found, "inconsistent-lock-state mm.context.lock"));
}

#[test]
fn half_bits_bh_has_no_lock_finding_but_the_freed_mm() {
    let found = found("pte-free-defer/half-bits-bh", 3000);
    nothing_else(&found);
    assert!(has(&found, "use-after-free mm.context.lock in __tlb_remove_table"));
    let lock = [Kind::Deadlock, Kind::InconsistentLockState, Kind::LockInversion];
    assert!(found.iter().all(|(_, kind, _)| !lock.contains(kind)));
}

/// These three show their wrong test of the H bits and nothing else.
#[test]
fn relinking_is_safe_where_the_lock_outlives_the_mm() {
    for design in ["global-lock", "typesafe-list", "on-list-flag"] {
        let found = found(&format!("pte-free-defer/{design}"), 300);
        nothing_else(&found);
        assert!(found.iter().all(|(_, kind, _)| *kind == Kind::Leak), "{design}");
        assert!(has(&found, "leak page in pte_free_defer:call_rcu"), "{design}");
    }
}

#[test]
fn the_first_versions_share_one_rcu_head() {
    let found = found("pte-free-defer/mmgrab", 300);
    nothing_else(&found);
    assert!(has(&found, "double-call-rcu page.rcu_head in pte_free_defer:call_rcu"));
    assert!(has(&found, "overlay-conflict page.rcu_head in page_table_free:list_add"));
}

#[test]
fn a_walker_reads_a_list_pointer() {
    let found = found("pte-free-defer/links-in-table/gup-free-rcu", 2000);
    nothing_else(&found);
    assert!(has(&found, "assertion"));
}

#[test]
fn without_readding_somebody_unlinks_what_is_not_linked() {
    let found = found("pte-free-defer/no-readd", 300);
    nothing_else(&found);
    assert!(has(&found, "list-corruption page.lru in page_table_free:list_del"));
}

#[test]
fn the_exit_of_powerpc_frees_an_active_page() {
    let found = found("pte-free-defer/powerpc-frag", 300);
    nothing_else(&found);
    assert!(has(&found, "bad-page-state page in page_table_release:__free_page"));
}

#[test]
fn release_race_unlinks_a_page_that_is_free() {
    let found = found("pte-free-defer/release-race", 8000);
    nothing_else(&found);
    let signature =
        "list-corruption page.lru in page_table_free:list_del vs page_table_release:__free_page";
    assert!(has(&found, signature));
}

#[test]
fn nothing_is_wrong_with_the_kernel_before_and_after_the_thread() {
    nothing_else(&found("pte-free-defer/two-step-free", 2000));
    nothing_else(&found("pte-free-defer/page-active", 2000));
    nothing_else(&found("pte-free-defer/full-page", 300));
    nothing_else(&found("pte-free-defer/powerpc-frag-fixed", 300));
}
