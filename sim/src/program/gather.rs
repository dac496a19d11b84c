//! `mmu_gather`: page tables that an unmap or exit takes out of use, freed in batches after a grace
//! period (mm/mmu_gather.c with `MMU_GATHER_RCU_TABLE_FREE`, v6.3).

use super::handle::{Array, Field, RcuHead, Var, Word, container_of};
use super::kernel::{Func, Kernel};
use super::mm::{Arch, MmStruct, Table};
use std::marker::PhantomData;

/// The most tables that a batch may hold; 509 in the kernel.
pub const MAX_TABLE_BATCH: u64 = 8;

crate::kernel_struct! {
    /// `struct mmu_table_batch`: one page.
    pub struct MmuTableBatch("mmu_table_batch", Page) {
        rcu: RcuHead,
        nr: Var<u64>,
        tables: Array<8>,
    }
}

impl MmuTableBatch {
    fn table(self, index: u64) -> Var<Table> {
        Var::at(self.tables().get(index as usize).ptr())
    }
}

/// `struct mmu_gather`, on the stack of the caller.
#[derive(Debug)]
pub struct MmuGather<A> {
    /// Whose tables it takes.
    pub mm: MmStruct,
    batch: Option<MmuTableBatch>,
    nr: u64,
    capacity: u64,
    arch: PhantomData<A>,
}

impl<A: Arch> MmuGather<A> {
    /// `tlb_gather_mmu()`; a batch is handed to RCU when it holds `capacity` tables.
    ///
    /// # Panics
    /// When a batch cannot hold that many, or none.
    #[track_caller]
    pub fn new(mm: MmStruct, capacity: u64) -> MmuGather<A> {
        assert!(
            (1..=MAX_TABLE_BATCH).contains(&capacity),
            "a batch holds 1 to {MAX_TABLE_BATCH} tables, not {capacity}"
        );
        MmuGather { mm, batch: None, nr: 0, capacity, arch: PhantomData }
    }
}

/// The callback of a batch, by architecture.
trait Called: Arch {
    const TLB_REMOVE_TABLE_RCU: &'static Func;
}

impl<A: Arch> Called for A {
    const TLB_REMOVE_TABLE_RCU: &'static Func = &Func {
        name: "tlb_remove_table_rcu",
        call: |k, head| {
            Box::pin(async move { tlb_remove_table_rcu::<A>(&k, RcuHead::from_word(head)).await })
        },
    };
}

async fn tlb_remove_table_rcu<A: Arch>(k: &Kernel, head: RcuHead) {
    let k = &k.func("tlb_remove_table_rcu");
    let batch: MmuTableBatch = container_of(head, MmuTableBatch::rcu);
    for i in 0..k.read(batch.nr()).await {
        let table = k.read(batch.table(i)).await;
        A::tlb_remove_table(k, table).await;
    }
    k.free_page(batch).await;
}

/// Nothing to do: that the interrupt was taken is all that matters.
async fn tlb_remove_table_smp_sync(_: &Kernel, (): ()) {}
crate::kernel_fn! { static SMP_SYNC = tlb_remove_table_smp_sync }

impl Kernel {
    /// `tlb_remove_table_sync_one()`: an empty function call to all other CPUs, waited for. No
    /// grace period: it waits for walkers with interrupts off, and for nobody else.
    pub async fn tlb_remove_table_sync_one(&self) {
        let k = &self.func("tlb_remove_table_sync_one");
        k.smp_call_function(&SMP_SYNC, (), true).await;
    }

    /// `tlb_remove_table()`: puts the table into the batch. When there is no memory for a batch
    /// (an outcome of the schedule where the scenario injects failures), the table is freed at
    /// once, in this context, after the TLB and all other CPUs' interrupts-off walkers are done.
    pub async fn tlb_remove_table<A: Arch>(&self, tlb: &mut MmuGather<A>, table: Table) {
        let k = &self.func("tlb_remove_table");
        let batch = match tlb.batch {
            Some(batch) => batch,
            None => {
                let Some(batch) = k.get_free_page_nowait::<MmuTableBatch>().await else {
                    A::tlb_flush(k, tlb.mm).await;
                    k.tlb_remove_table_sync_one().await;
                    return A::tlb_remove_table(k, table).await;
                };
                (tlb.batch, tlb.nr) = (Some(batch), 0);
                batch
            }
        };
        k.write(batch.table(tlb.nr), table).await;
        tlb.nr += 1;
        k.write(batch.nr(), tlb.nr).await;
        if tlb.nr == tlb.capacity {
            A::tlb_flush(k, tlb.mm).await;
            k.tlb_table_flush(tlb).await;
        }
    }

    async fn tlb_table_flush<A: Arch>(&self, tlb: &mut MmuGather<A>) {
        let k = &self.func("tlb_table_flush");
        if let Some(batch) = tlb.batch.take() {
            k.call_rcu(batch.rcu(), A::TLB_REMOVE_TABLE_RCU).await;
        }
    }

    /// `tlb_finish_mmu()`: flushes the TLB and hands the batch to RCU.
    pub async fn tlb_finish_mmu<A: Arch>(&self, mut tlb: MmuGather<A>) {
        let k = &self.func("tlb_finish_mmu");
        A::tlb_flush(k, tlb.mm).await;
        k.tlb_table_flush(&mut tlb).await;
    }
}
