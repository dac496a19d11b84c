//! Words and atomics.

use super::handle::{Atomic, Refcount, Scalar, Word};
use super::kernel::{Kernel, Operation};
use crate::base::op::{Cond, Marking, Op, RefOp, Rmw};
use crate::base::ptr::Ptr;
use crate::program::Field;

impl Kernel {
    /// A plain read, as C writes it.
    #[track_caller]
    pub fn read<F: Scalar>(&self, field: F) -> Operation<'_, F::Value> {
        self.op("read", Op::Read { at: field.ptr(), how: Marking::Plain })
    }

    /// A plain write, as C writes it.
    #[track_caller]
    pub fn write<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, ()> {
        let value = value.to_word();
        self.op("write", Op::Write { at: field.ptr(), value, how: Marking::Plain })
    }

    /// `READ_ONCE()`.
    #[track_caller]
    pub fn read_once<F: Scalar>(&self, field: F) -> Operation<'_, F::Value> {
        self.op("READ_ONCE", Op::Read { at: field.ptr(), how: Marking::Once })
    }

    /// `WRITE_ONCE()`.
    #[track_caller]
    pub fn write_once<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, ()> {
        let value = value.to_word();
        self.op("WRITE_ONCE", Op::Write { at: field.ptr(), value, how: Marking::Once })
    }

    /// `rcu_dereference()`: legal only inside a read-side critical section.
    #[track_caller]
    pub fn rcu_dereference<F: Scalar>(&self, field: F) -> Operation<'_, F::Value> {
        self.op("rcu_dereference", Op::Read { at: field.ptr(), how: Marking::RcuDereference })
    }

    /// `rcu_assign_pointer()`.
    #[track_caller]
    pub fn rcu_assign_pointer<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, ()> {
        let value = value.to_word();
        let op = Op::Write { at: field.ptr(), value, how: Marking::Release };
        self.op("rcu_assign_pointer", op)
    }

    /// `atomic_read()`.
    #[track_caller]
    pub fn atomic_read(&self, at: Atomic) -> Operation<'_, u64> {
        self.op("atomic_read", Op::Read { at: at.ptr(), how: Marking::Once })
    }

    /// `atomic_set()`.
    #[track_caller]
    pub fn atomic_set(&self, at: Atomic, value: u64) -> Operation<'_, ()> {
        self.op("atomic_set", Op::Write { at: at.ptr(), value, how: Marking::Once })
    }

    /// An atomic read-modify-write of any word, under a name; replies the old value.
    #[track_caller]
    pub fn rmw<F: Scalar>(
        &self,
        name: &'static str,
        field: F,
        f: Rmw,
        a: u64,
        b: u64,
    ) -> Operation<'_, F::Value> {
        self.op(name, Op::Rmw { at: field.ptr(), f, a, b })
    }

    /// A read-modify-write that replies nothing.
    #[track_caller]
    fn rmw_void(&self, name: &'static str, at: Ptr, f: Rmw, a: u64) -> Operation<'_, ()> {
        self.op(name, Op::Rmw { at, f, a, b: 0 })
    }

    /// `xchg()`: replies the old value.
    #[track_caller]
    pub fn xchg<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, F::Value> {
        self.rmw("xchg", field, Rmw::Xchg, value.to_word(), 0)
    }

    /// `cmpxchg()`: replies the old value; pointers compare by address alone, so ABA can happen.
    #[track_caller]
    pub fn cmpxchg<F: Scalar>(
        &self,
        field: F,
        old: F::Value,
        new: F::Value,
    ) -> Operation<'_, F::Value> {
        self.rmw("cmpxchg", field, Rmw::CmpXchg, old.to_word(), new.to_word())
    }

    /// `atomic_inc()`.
    pub async fn atomic_inc(&self, at: Atomic) {
        self.rmw_void("atomic_inc", at.ptr(), Rmw::Add, 1).await;
    }

    /// `atomic_dec()`.
    pub async fn atomic_dec(&self, at: Atomic) {
        self.rmw_void("atomic_dec", at.ptr(), Rmw::Add, u64::MAX).await;
    }

    /// `atomic_add()`.
    pub async fn atomic_add(&self, at: Atomic, n: u64) {
        self.rmw_void("atomic_add", at.ptr(), Rmw::Add, n).await;
    }

    /// `atomic_fetch_add()`: replies the old value.
    #[track_caller]
    pub fn atomic_fetch_add(&self, at: Atomic, n: u64) -> Operation<'_, u64> {
        self.rmw("atomic_fetch_add", at, Rmw::Add, n, 0)
    }

    /// `atomic_dec_and_test()`: replies whether it became 0.
    pub async fn atomic_dec_and_test(&self, at: Atomic) -> bool {
        self.rmw("atomic_dec_and_test", at, Rmw::Add, u64::MAX, 0).await == 1
    }

    /// `atomic_inc_not_zero()`: replies whether it was taken.
    pub async fn atomic_inc_not_zero(&self, at: Atomic) -> bool {
        self.rmw("atomic_inc_not_zero", at, Rmw::AddUnless, 1, 0).await != 0
    }

    /// `set_bit()` with a mask.
    pub async fn set_bits(&self, name: &'static str, at: Atomic, mask: u64) {
        self.rmw_void(name, at.ptr(), Rmw::Or, mask).await;
    }

    /// `test_and_clear_bit()` with a mask: replies whether any was set.
    pub async fn test_and_clear_bits(&self, name: &'static str, at: Atomic, mask: u64) -> bool {
        self.rmw(name, at, Rmw::AndNot, mask, 0).await & mask != 0
    }

    /// A bit flip that replies the **new** value, as s390's `atomic_xor_bits()` does
    /// (arch/s390/mm/pgalloc.c, v6.3).
    pub async fn atomic_xor_bits(&self, at: Atomic, bits: u64) -> u64 {
        self.rmw("atomic_xor_bits", at, Rmw::Xor, bits, 0).await ^ bits
    }

    /// `refcount_set()`.
    #[track_caller]
    pub fn refcount_set(&self, at: Refcount, value: u64) -> Operation<'_, ()> {
        self.op("refcount_set", Op::Write { at: at.ptr(), value, how: Marking::Once })
    }

    /// `refcount_inc()`.
    #[track_caller]
    pub fn refcount_inc(&self, at: Refcount) -> Operation<'_, ()> {
        self.op("refcount_inc", Op::Refcount { at: at.ptr(), f: RefOp::Inc })
    }

    /// `refcount_inc_not_zero()`: replies whether it was taken.
    #[track_caller]
    pub fn refcount_inc_not_zero(&self, at: Refcount) -> Operation<'_, bool> {
        self.op("refcount_inc_not_zero", Op::Refcount { at: at.ptr(), f: RefOp::IncNotZero })
    }

    /// `refcount_dec()`.
    #[track_caller]
    pub fn refcount_dec(&self, at: Refcount) -> Operation<'_, ()> {
        self.op("refcount_dec", Op::Refcount { at: at.ptr(), f: RefOp::Dec })
    }

    /// `refcount_dec_and_test()`: replies whether it was the last.
    #[track_caller]
    pub fn refcount_dec_and_test(&self, at: Refcount) -> Operation<'_, bool> {
        self.op("refcount_dec_and_test", Op::Refcount { at: at.ptr(), f: RefOp::DecAndTest })
    }

    /// `smp_cond_load_acquire(p, VAL == value)`: spins; replies the value.
    #[track_caller]
    pub fn spin_until<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, F::Value> {
        self.cond("smp_cond_load_acquire", field, Cond::Eq, value, false)
    }

    /// Spins while the word has this value; replies the value that ended it.
    #[track_caller]
    pub fn spin_while<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, F::Value> {
        self.cond("smp_cond_load_acquire", field, Cond::Ne, value, false)
    }

    /// `wait_event(wq, word == value)`: sleeps; whoever writes the word wakes it.
    #[track_caller]
    pub fn wait_event<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, F::Value> {
        self.cond("wait_event", field, Cond::Eq, value, true)
    }

    /// `wait_event(wq, word != value)`: sleeps.
    #[track_caller]
    pub fn wait_event_not<F: Scalar>(&self, field: F, value: F::Value) -> Operation<'_, F::Value> {
        self.cond("wait_event", field, Cond::Ne, value, true)
    }

    #[track_caller]
    fn cond<F: Scalar>(
        &self,
        name: &'static str,
        field: F,
        cond: Cond,
        value: F::Value,
        sleeps: bool,
    ) -> Operation<'_, F::Value> {
        self.op(name, Op::Await { at: field.ptr(), cond, value: value.to_word(), sleeps })
    }

    /// `BUG_ON(!ok)`: a false one is a finding of kind `assertion`.
    #[track_caller]
    pub fn assert(&self, ok: bool, what: &'static str) -> Operation<'_, ()> {
        self.op("BUG_ON", Op::Check { ok, what })
    }

    /// A step that touches nothing shared (`cpu_relax()`, private work).
    #[track_caller]
    pub fn relax(&self) -> Operation<'_, ()> {
        self.op("cpu_relax", Op::Nop)
    }

    /// One of `n` outcomes, decided by the schedule and recorded in it.
    #[track_caller]
    pub fn choose(&self, n: u32) -> Operation<'_, u64> {
        self.op("choose", Op::Choose(n))
    }
}
