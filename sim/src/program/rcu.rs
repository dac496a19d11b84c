//! RCU.

use super::handle::{Field, RcuHead};
use super::kernel::{Func, Kernel, Operation};
use crate::base::op::Op;

impl Kernel {
    /// `rcu_read_lock()`.
    #[track_caller]
    pub fn rcu_read_lock(&self) -> Operation<'_, ()> {
        self.op("rcu_read_lock", Op::RcuReadLock)
    }

    /// `rcu_read_unlock()`.
    #[track_caller]
    pub fn rcu_read_unlock(&self) -> Operation<'_, ()> {
        self.op("rcu_read_unlock", Op::RcuReadUnlock)
    }

    /// `call_rcu()`: writes both words of the head at once, and calls `func` with it after a grace
    /// period, on the CPU that this runs on.
    #[track_caller]
    pub fn call_rcu(&self, head: RcuHead, func: &'static Func) -> Operation<'_, ()> {
        self.op("call_rcu", Op::CallRcu { head: head.ptr(), func: self.address(func) })
    }

    /// Not of the kernel: states that readers may still be inside `field` until a grace period
    /// that begins from now on has ended, so that whoever writes it or frees it before is a finding
    /// (`write-before-grace-period`). Comes right before the `call_rcu()` that hands the object
    /// over, and leaves out the `rcu_head`, which is written at once. Where the field is a part of
    /// an array, name it as an [`Array`](super::handle::Array) at the address of its first word.
    #[track_caller]
    pub fn rcu_retire<F: Field>(&self, field: F) -> Operation<'_, ()> {
        self.op("rcu_retire", Op::RcuRetire { at: field.ptr(), words: F::WORDS as u16 })
    }

    /// `synchronize_rcu()`: sleeps until a full grace period has passed.
    #[track_caller]
    pub fn synchronize_rcu(&self) -> Operation<'_, ()> {
        self.op("synchronize_rcu", Op::SynchronizeRcu)
    }

    /// `rcu_barrier()`: sleeps until all callbacks queued before it have run.
    #[track_caller]
    pub fn rcu_barrier(&self) -> Operation<'_, ()> {
        self.op("rcu_barrier", Op::RcuBarrier)
    }
}
