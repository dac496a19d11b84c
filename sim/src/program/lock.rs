//! Locks. Lock and unlock are written out, without guards: a missing unlock is a bug that one must
//! be able to write.

use super::handle::{Field, Mutex, RwLock, RwSem, SpinLock};
use super::kernel::{Kernel, Operation};
use crate::base::op::{LockKind, Op};

macro_rules! pair {
    ($ty:ident, $lock:ident, $unlock:ident, $kind:ident, $doc:literal) => {
        #[doc = concat!("`", stringify!($lock), "()`: ", $doc)]
        #[track_caller]
        pub fn $lock(&self, lock: $ty) -> Operation<'_, ()> {
            let op =
                Op::Lock { at: lock.ptr(), kind: LockKind::$kind, attempt: false, subclass: 0 };
            self.op(stringify!($lock), op)
        }

        #[doc = concat!("`", stringify!($unlock), "()`.")]
        #[track_caller]
        pub fn $unlock(&self, lock: $ty) -> Operation<'_, ()> {
            let op = Op::Unlock { at: lock.ptr(), kind: LockKind::$kind, flags: 0 };
            self.op(stringify!($unlock), op)
        }
    };
}

impl Kernel {
    pair!(SpinLock, spin_lock, spin_unlock, Spin, "disables preemption.");
    pair!(SpinLock, spin_lock_bh, spin_unlock_bh, SpinBh, "disables softirqs and preemption.");
    pair!(SpinLock, spin_lock_irq, spin_unlock_irq, SpinIrq, "disables interrupts and preemption.");
    pair!(Mutex, mutex_lock, mutex_unlock, Mutex, "may sleep.");
    pair!(RwLock, read_lock, read_unlock, ReadSpin, "shared; disables preemption.");
    pair!(RwLock, read_lock_bh, read_unlock_bh, ReadSpinBh, "shared; disables softirqs, too.");
    pair!(RwLock, read_lock_irq, read_unlock_irq, ReadSpinIrq, "shared; disables interrupts, too.");
    pair!(RwLock, write_lock, write_unlock, WriteSpin, "exclusive; disables preemption.");
    pair!(RwLock, write_lock_bh, write_unlock_bh, WriteSpinBh, "exclusive; softirqs off, too.");
    pair!(
        RwLock,
        write_lock_irq,
        write_unlock_irq,
        WriteSpinIrq,
        "exclusive; interrupts off, too."
    );
    pair!(RwSem, down_read, up_read, Read, "shared; may sleep.");
    pair!(RwSem, down_write, up_write, Write, "exclusive; may sleep.");

    /// `spin_lock_irqsave()`: replies the flags for [`Kernel::spin_unlock_irqrestore`].
    #[track_caller]
    pub fn spin_lock_irqsave(&self, lock: SpinLock) -> Operation<'_, u64> {
        let op =
            Op::Lock { at: lock.ptr(), kind: LockKind::SpinIrqSave, attempt: false, subclass: 0 };
        self.op("spin_lock_irqsave", op)
    }

    /// `spin_unlock_irqrestore()`.
    #[track_caller]
    pub fn spin_unlock_irqrestore(&self, lock: SpinLock, flags: u64) -> Operation<'_, ()> {
        let op = Op::Unlock { at: lock.ptr(), kind: LockKind::SpinIrqSave, flags };
        self.op("spin_unlock_irqrestore", op)
    }

    /// `spin_lock_nested()`: as `spin_lock`; tells lockdep that a second lock of the same class is
    /// meant to be taken inside the first.
    #[track_caller]
    pub fn spin_lock_nested(&self, lock: SpinLock, subclass: u8) -> Operation<'_, ()> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Spin, attempt: false, subclass };
        self.op("spin_lock_nested", op)
    }

    /// `mutex_lock_nested()`: as [`Kernel::spin_lock_nested`].
    #[track_caller]
    pub fn mutex_lock_nested(&self, lock: Mutex, subclass: u8) -> Operation<'_, ()> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Mutex, attempt: false, subclass };
        self.op("mutex_lock_nested", op)
    }

    /// `spin_trylock()`: replies whether it was taken; release with [`Kernel::spin_unlock`].
    #[track_caller]
    pub fn spin_trylock(&self, lock: SpinLock) -> Operation<'_, bool> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Spin, attempt: true, subclass: 0 };
        self.op("spin_trylock", op)
    }

    /// `mutex_trylock()`: replies whether it was taken.
    #[track_caller]
    pub fn mutex_trylock(&self, lock: Mutex) -> Operation<'_, bool> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Mutex, attempt: true, subclass: 0 };
        self.op("mutex_trylock", op)
    }

    /// `down_read_trylock()`: replies whether it was taken.
    #[track_caller]
    pub fn down_read_trylock(&self, lock: RwSem) -> Operation<'_, bool> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Read, attempt: true, subclass: 0 };
        self.op("down_read_trylock", op)
    }

    /// `down_write_trylock()`: replies whether it was taken.
    #[track_caller]
    pub fn down_write_trylock(&self, lock: RwSem) -> Operation<'_, bool> {
        let op = Op::Lock { at: lock.ptr(), kind: LockKind::Write, attempt: true, subclass: 0 };
        self.op("down_write_trylock", op)
    }
}
