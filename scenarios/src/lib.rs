//! Scenarios: the designs of the mail thread, further kernel bugs, litmus shapes, textbook
//! programs, and small ones for each service of the simulator.

pub mod classic;
mod detectors;
pub mod kernel_bugs;
pub mod litmus;
pub mod pte_free_defer;
pub mod services;

use ksim::run::Scenario;

/// All scenarios, sorted by name.
pub fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = Vec::new();
    all.extend(classic::all());
    all.extend(kernel_bugs::scenarios());
    all.extend(litmus::scenarios());
    all.extend(services::scenarios());
    all.extend(detectors::scenarios());
    all.extend(pte_free_defer::scenarios());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
