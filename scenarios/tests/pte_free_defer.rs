//! What the designs of `pte_free_defer()` show, and where: the places that the mails name, and what a
//! load finds for which nobody wrote the interleaving. That each workload shows what it says and
//! nothing else is in `matrix.rs` and `verdicts.rs`.

use ksim::base::finding::Kind;
use ksim::choice::strategies;
use ksim::run::{Hunt, Hunted, Params, Shard};
use std::ops::ControlFlow;

/// A hunt below `pte-free-defer/`.
fn hunt(name: &str, runs: u64) -> Hunted {
    let name = format!("pte-free-defer/{name}");
    let all = ksim_scenarios::all();
    let scenario = all.iter().find(|s| s.name == name).expect("the scenario exists");
    let params = &Params::defaults(&scenario.params);
    let strategy = strategies::DEFAULT;
    let hunt = Hunt { scenario, params, strategy, seed: 1, shard: Shard::WHOLE, jobs: 2 };
    hunt.run(0..runs, &|_: &Hunted| ControlFlow::Continue(()))
}

#[test]
fn the_findings_are_where_the_mails_say() {
    let lock = "mm.context.lock in __tlb_remove_table:spin_lock_bh";
    let in_flush = format!("deadlock {lock} vs __tlb_flush_mm_lazy:spin_lock");
    let in_create = format!("deadlock {lock} vs gmap_create:spin_lock");
    let in_remove = format!("deadlock {lock} vs gmap_remove:spin_lock");
    let freed_mm = format!("use-after-free {lock}");
    let expected = [
        ("half-bits/callback-exit", freed_mm.as_str()),
        ("half-bits-bh/callback-exit", freed_mm.as_str()),
        ("half-bits/flush-callback", in_flush.as_str()),
        ("half-bits/gmap-create-callback", in_create.as_str()),
        ("half-bits/gmap-remove-callback", in_remove.as_str()),
        ("half-bits/defer-defer", "leak page in pte_free_defer:call_rcu"),
        ("mmgrab/defer-defer", "double-call-rcu page.rcu_head in pte_free_defer:call_rcu"),
        ("mmgrab/free-defer", "overlay-conflict page.rcu_head in page_table_free:list_add"),
        ("no-readd/free-defer", "list-corruption page.lru in page_table_free:list_del"),
        ("powerpc-frag/defer-exit-first", "bad-page-state page in page_table_release:__free_page"),
        (
            "release-race/free-free-rcu",
            "list-corruption page.lru in page_table_free:list_del vs page_table_release:__free_page",
        ),
    ];
    for (scenario, signature) in expected {
        let hunted = hunt(scenario, 8000);
        let found = hunted.found.keys().any(|s| s.0.starts_with(signature));
        assert!(found, "{scenario}: {signature} is not in {:?}", hunted.found.keys());
    }
}

#[test]
fn the_load_finds_the_bugs_on_its_own() {
    for (design, kind) in [("half-bits", Kind::UseAfterFree), ("no-readd", Kind::ListCorruption)] {
        let hunted = hunt(&format!("{design}/stress"), 10_000);
        let found = hunted.found.values().any(|found| found.finding.kind == kind);
        assert!(found, "{design}: {:?}", hunted.found.keys());
    }
}

/// A small part of the million runs that `hunt --runs 1000000` makes in minutes.
#[test]
fn the_load_finds_nothing_where_nothing_is() {
    for design in ["page-active", "full-page", "powerpc-frag-fixed"] {
        let hunted = hunt(&format!("{design}/stress"), 3000);
        assert!(hunted.found.is_empty() && hunted.cut == 0, "{design}: {:?}", hunted.found.keys());
    }
}
