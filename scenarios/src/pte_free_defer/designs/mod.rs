//! The designs, one module each.

pub mod full_page;
pub mod global_lock;
pub mod half;
pub mod half_bits;
pub mod links_in_table;
pub mod mmgrab;
pub mod no_readd;
pub mod on_list_flag;
pub mod page_active;
pub mod powerpc_frag;
pub mod rcu_freed_mm;
pub mod release_race;
pub mod two_step_free;
pub mod typesafe_list;

pub use full_page::FullPage;
pub use global_lock::GlobalLock;
pub use half_bits::{HalfBits, HalfBitsBh};
pub use links_in_table::LinksInTable;
pub use mmgrab::Mmgrab;
pub use no_readd::NoReadd;
pub use on_list_flag::OnListFlag;
pub use page_active::PageActive;
pub use powerpc_frag::{PowerpcFrag, PowerpcFragFixed};
pub use rcu_freed_mm::RcuFreedMm;
pub use release_race::ReleaseRace;
pub use two_step_free::TwoStepFree;
pub use typesafe_list::TypesafeList;
