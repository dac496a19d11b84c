//! The workloads: what happens to an mm and its page, on which CPUs.

mod batch;
mod exit;
mod kinds;
mod lock;
mod pairs;
mod stress;
mod walker;

use super::design::Design;
use super::process;
use ksim::base::finding::Kind;
use ksim::program::Kernel;
use ksim::program::gather::MAX_TABLE_BATCH;
use ksim::program::mm::MmStruct;
use ksim::run::{Params, Scenario, Sim};

/// All workloads that apply to a design.
pub fn all<D: Design>() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(pairs::scenarios::<D>());
    all.extend(exit::scenarios::<D>());
    all.extend(lock::scenarios::<D>());
    all.extend(batch::scenarios::<D>());
    all.extend(walker::scenarios::<D>());
    all.extend(kinds::scenarios::<D>());
    all.extend(stress::scenarios::<D>());
    all
}

/// An operation on the table of a slot.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `page_table_alloc()`, put into the slot.
    Alloc,
    /// `page_table_free()`.
    Free,
    /// `page_table_free_rcu()` through a gather.
    FreeRcu,
    /// `pte_free_defer()`.
    Defer,
}

impl Action {
    /// Its name in scenario paths.
    pub fn name(self) -> &'static str {
        match self {
            Action::Alloc => "alloc",
            Action::Free => "free",
            Action::FreeRcu => "free-rcu",
            Action::Defer => "defer",
        }
    }

    /// Carries it out.
    pub async fn perform<D: Design>(self, k: &Kernel, mm: MmStruct, slot: usize) {
        match self {
            Action::Alloc => process::fault::<D>(k, mm, slot).await,
            Action::Free => process::free::<D>(k, mm, slot).await,
            Action::FreeRcu => process::free_rcu::<D>(k, mm, slot, MAX_TABLE_BATCH).await,
            Action::Defer => process::defer::<D>(k, mm, slot).await,
        }
    }
}

/// The ways to free a table that the design has.
fn frees<D: Design>() -> &'static [Action] {
    match D::DEFERS {
        true => &[Action::Free, Action::FreeRcu, Action::Defer],
        false => &[Action::Free, Action::FreeRcu],
    }
}

/// A scenario of this family.
fn scenario<D: Design>(
    workload: &str,
    about: &str,
    build: impl Fn(&mut Sim, &Params) + Send + Sync + 'static,
) -> Scenario {
    let name = format!("pte-free-defer/{}/{workload}", D::NAME);
    let about = format!("{about}; {}", D::ABOUT);
    let scenario = Scenario::new(name, about, build).source(D::SOURCE);
    let shown = workload.strip_suffix("-alloc").unwrap_or(workload);
    let kinds = Kind::ALL.into_iter().filter(|kind| D::shows(*kind).contains(&shown));
    match kinds.collect::<Vec<_>>().as_slice() {
        [] => scenario,
        kinds => scenario.finds(kinds),
    }
}
