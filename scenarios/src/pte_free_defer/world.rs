//! What setup makes: an mm, a page with two tables, a file.

use super::design::Design;
use super::process::{AddressSpace, pmd};
use super::s390::{EMPTY, invariant};
use ksim::program::Object;
use ksim::program::mm::{MmStruct, Page};
use ksim::run::Sim;

/// The mm and the page that a workload begins with: table 0 in slot 0, table 1 in slot 1.
#[derive(Copy, Clone, Debug)]
pub struct World {
    /// The address space.
    pub mm: MmStruct,
    /// Its page with two page tables.
    pub page: Page,
}

/// Which halves of the page are in use at the start.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// 0x03, off the list.
    Both,
    /// 0x01, on the list: the second half was never handed out.
    First,
}

impl World {
    /// An mm with `users` threads, and its page.
    pub fn new<D: Design>(sim: &mut Sim, users: u64, start: Start) -> World {
        D::init(sim);
        invariant(sim);
        let mm = new_mm::<D>(sim, "mm", users);
        let page: Page = sim.object("page");
        let used = if start == Start::Both { 2 } else { 1 };
        sim.set(page._refcount(), (0b11 >> (2 - used)) << 24 | 1);
        for i in 0..4 {
            sim.set(page.entries().get(i), EMPTY);
        }
        for half in 0..used {
            sim.set(pmd(mm, half as usize), page.table(half));
        }
        D::init_page(sim, mm, page);
        if start == Start::First {
            D::list_page(sim, mm, page);
        }
        sim.must_be_freed(page);
        sim.settings().leaks = true;
        World { mm, page }
    }

    /// Maps a file, so that `retract_page_tables()` finds the mm.
    pub fn map_file(self, sim: &mut Sim) -> AddressSpace {
        let file: AddressSpace = sim.object("file");
        sim.set(file.i_mmap(), Some(self.mm));
        sim.set(self.mm.file(), file.ptr());
        file
    }
}

/// An mm as fork and exec leave it.
pub fn new_mm<D: Design>(sim: &mut Sim, role: &'static str, users: u64) -> MmStruct {
    let mm: MmStruct = sim.object(role);
    sim.set(mm.mm_users(), users);
    sim.set(mm.mm_count(), 1);
    sim.set(mm.map_count(), 2);
    sim.init_list_head(mm.context().pgtable_list());
    sim.init_list_head(mm.context().gmap_list());
    D::init_context(sim, mm);
    mm
}
