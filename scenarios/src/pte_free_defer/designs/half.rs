//! The callbacks of the designs with H bits, which share one `rcu_head` between two halves.
//!
//! The test of the H bits in `pte_free_half()` is as posted, the same in all of these patches (12, 14,
//! 20 and 28 June 2023): `atomic_xor_bits()` returns the whole counter, every other caller shifts it
//! right by 24, this one does not. So it looks at the low byte while the state is in the top byte,
//! the half that waits for the `rcu_head` never gets it, and its page is never released.

use super::super::design::Design;
use ksim::program::mm::Page;
use ksim::program::{Func, Kernel, RcuHead, Word, container_of};

/// The callbacks of a design.
pub trait Callbacks: Design {
    /// `pte_free_pgste()`.
    const PTE_FREE_PGSTE: &'static Func = &Func {
        name: "pte_free_pgste",
        call: |k, head| {
            Box::pin(async move { pte_free_pgste::<Self>(&k, RcuHead::from_word(head)).await })
        },
    };
    /// `pte_free_now0()`.
    const PTE_FREE_NOW0: &'static Func = &Func {
        name: "pte_free_now0",
        call: |k, head| {
            Box::pin(async move {
                let k = &k.func("pte_free_now0");
                pte_free_half::<Self>(k, RcuHead::from_word(head), 0).await;
            })
        },
    };
    /// `pte_free_now1()`.
    const PTE_FREE_NOW1: &'static Func = &Func {
        name: "pte_free_now1",
        call: |k, head| {
            Box::pin(async move {
                let k = &k.func("pte_free_now1");
                pte_free_half::<Self>(k, RcuHead::from_word(head), 1).await;
            })
        },
    };

    /// The callback of a half.
    fn now(bit: u64) -> &'static Func {
        if bit == 0 { Self::PTE_FREE_NOW0 } else { Self::PTE_FREE_NOW1 }
    }
}

impl<D: Design> Callbacks for D {}

async fn pte_free_pgste<D: Design>(k: &Kernel, head: RcuHead) {
    let k = &k.func("pte_free_pgste");
    let page = container_of(head, Page::rcu_head);
    D::__tlb_remove_table(k, page.table(0).tagged(3)).await;
}

async fn pte_free_half<D: Design>(k: &Kernel, head: RcuHead, bit: u64) {
    let k = &k.func("pte_free_half");
    let page = container_of(head, Page::rcu_head);
    let word = k.atomic_xor_bits(page._refcount(), 0x04 << (bit + 24)).await;
    D::__tlb_remove_table(k, page.table(bit).tagged(1 << bit)).await;
    if word & 0x0c != 0 {
        k.call_rcu(head, D::now(1 - bit)).await;
    }
}
