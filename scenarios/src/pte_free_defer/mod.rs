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

/// All scenarios of the family.
pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(of::<designs::ReleaseRace>());
    all.extend(of::<designs::TwoStepFree>());
    all.extend(of::<designs::Mmgrab>());
    all.extend(of::<designs::LinksInTable>());
    all.extend(of::<designs::HalfBits>());
    all.extend(of::<designs::HalfBitsBh>());
    all.extend(of::<designs::RcuFreedMm>());
    all.extend(of::<designs::GlobalLock>());
    all.extend(of::<designs::TypesafeList>());
    all.extend(of::<designs::NoReadd>());
    all.extend(of::<designs::OnListFlag>());
    all.extend(of::<designs::PageActive>());
    all.extend(of::<designs::FullPage>());
    all.extend(of::<designs::PowerpcFrag>());
    all.extend(of::<designs::PowerpcFragFixed>());
    all
}

fn of<D: Design>() -> Vec<Scenario> {
    workloads::all::<D>()
}
