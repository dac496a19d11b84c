//! What all s390 designs share (arch/s390/mm/pgalloc.c, v6.3): the state byte in the top of the
//! page's reference counter, fresh pages, and the release of a page.
//!
//! Bits of the state: A (0x01, 0x02) a half is allocated; H (0x04, 0x08), in designs that have it,
//! the `rcu_head` is in use for a half; P (0x10, 0x20) a half is pending removal. The operation
//! that changes it replies the new state.

use ksim::program::Kernel;
use ksim::program::mm::{PG_ACTIVE, Page, Table};
use ksim::run::Sim;

/// An empty page-table entry: `_PAGE_INVALID`.
pub const EMPTY: u64 = 0x400;

/// Names of the bits of the state.
const STATE: &[(u64, &str)] = &[
    (0x01 << 24, "A0"),
    (0x02 << 24, "A1"),
    (0x04 << 24, "H0"),
    (0x08 << 24, "H1"),
    (0x10 << 24, "P0"),
    (0x20 << 24, "P1"),
];

/// Flips bits of the state; replies the new state.
pub async fn flip(k: &Kernel, page: Page, bits: u64) -> u64 {
    k.atomic_xor_bits(page._refcount(), bits << 24).await >> 24
}

/// Reads the state.
pub async fn state(k: &Kernel, page: Page) -> u64 {
    k.atomic_read(page._refcount()).await >> 24
}

/// A fresh page with the constructor run. The allocator may sleep; it does not fail here.
pub async fn alloc_page(k: &Kernel) -> Page {
    k.alloc_page::<Page>().await
}

/// Fills all entries of both halves with [`EMPTY`], the PGSTE half with zeros.
pub async fn fill(k: &Kernel, page: Page, pgste: bool) {
    for i in 0..4 {
        let value = if pgste && i >= 2 { 0 } else { EMPTY };
        k.write_once(page.entries().get(i), value).await;
    }
}

/// A page for the PGSTE case: both halves marked, one table.
pub async fn alloc_pgste(k: &Kernel, page: Page) -> Table {
    flip(k, page, 0x03).await;
    fill(k, page, true).await;
    page.table(0)
}

/// `page_table_release_check()`, destructor, and back to the page allocator.
pub async fn release(k: &Kernel, page: Page) {
    k.func("page_table_release").free_page(page).await;
}

/// No half is both allocated and pending; and the bits of the state by name.
pub fn invariant(sim: &mut Sim) {
    sim.bits(Page::_refcount, STATE);
    sim.bits(Page::flags, &[(PG_ACTIVE, "active")]);
    sim.invariant(Page::_refcount, "a half is allocated and pending", |word| {
        let state = word >> 24;
        state & state >> 4 & 3 == 0
    });
}
