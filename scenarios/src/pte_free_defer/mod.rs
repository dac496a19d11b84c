//! `pte-free-defer/DESIGN/WORKLOAD`: the designs of `pte_free_defer()` on s390 that the thread of
//! June 2023 went through, each with every workload that applies.

pub mod collapse;
pub mod cost;
pub mod design;
pub mod designs;
pub mod process;
pub mod s390;
pub mod tlb;
pub mod workloads;
pub mod world;

use design::Design;
use ksim::run::Scenario;

/// All scenarios of the family, the designs in the order of the thread.
pub fn scenarios() -> Vec<Scenario> {
    let designs = [
        of::<designs::ReleaseRace>(),
        of::<designs::TwoStepFree>(),
        of::<designs::Mmgrab>(),
        of::<designs::LinksInTable>(),
        of::<designs::HalfBits>(),
        of::<designs::HalfBitsBh>(),
        of::<designs::RcuFreedMm>(),
        of::<designs::GlobalLock>(),
        of::<designs::TypesafeList>(),
        of::<designs::NoReadd>(),
        of::<designs::OnListFlag>(),
        of::<designs::PageActive>(),
        of::<designs::FullPage>(),
        of::<designs::PowerpcFrag>(),
        of::<designs::PowerpcFragFixed>(),
    ];
    let rows = designs.into_iter().enumerate();
    rows.flat_map(|(row, design)| design.into_iter().map(move |s| s.row(row))).collect()
}

fn of<D: Design>() -> Vec<Scenario> {
    workloads::all::<D>()
}
