//! Turning preemption, softirqs and interrupts off and on.

use super::kernel::{Kernel, Operation};
use crate::base::op::{Op, Toggle};

macro_rules! toggle {
    ($($name:ident, $toggle:ident, $doc:literal;)+) => {
        $(#[doc = concat!("`", stringify!($name), "()`", $doc)]
        #[track_caller]
        pub fn $name(&self) -> Operation<'_, ()> {
            self.op(stringify!($name), Op::Toggle(Toggle::$toggle))
        })+
    };
}

impl Kernel {
    toggle! {
        preempt_disable, PreemptDisable, ".";
        preempt_enable, PreemptEnable, ".";
        local_bh_disable, BhDisable, ".";
        local_bh_enable, BhEnable, ": the outermost one runs pending softirqs.";
        local_irq_disable, IrqDisable, ".";
        local_irq_enable, IrqEnable, ".";
    }

    /// `local_irq_save()`: replies the flags for [`Kernel::local_irq_restore`].
    #[track_caller]
    pub fn local_irq_save(&self) -> Operation<'_, u64> {
        self.op("local_irq_save", Op::Toggle(Toggle::IrqSave))
    }

    /// `local_irq_restore()`.
    #[track_caller]
    pub fn local_irq_restore(&self, flags: u64) -> Operation<'_, ()> {
        self.op("local_irq_restore", Op::IrqRestore(flags))
    }

    /// `ct_idle_enter()`: this CPU idles, and RCU stops watching it until [`Kernel::ct_idle_exit`],
    /// except in interrupts. The idle task runs with preemption off.
    #[track_caller]
    pub fn ct_idle_enter(&self) -> Operation<'_, ()> {
        self.op("ct_idle_enter", Op::Toggle(Toggle::IdleEnter))
    }

    /// `ct_idle_exit()`.
    #[track_caller]
    pub fn ct_idle_exit(&self) -> Operation<'_, ()> {
        self.op("ct_idle_exit", Op::Toggle(Toggle::IdleExit))
    }

    /// `rcu_report_dead()`: this CPU goes offline. It takes no more interrupts; its RCU callbacks go
    /// to another CPU.
    #[track_caller]
    pub fn rcu_report_dead(&self) -> Operation<'_, ()> {
        self.op("rcu_report_dead", Op::Toggle(Toggle::CpuDead))
    }

    /// `raise_softirq()` on this CPU; vectors are numbered as in the kernel
    /// ([`SOFTIRQ_NAMES`](crate::machine::cpu::SOFTIRQ_NAMES)).
    #[track_caller]
    pub fn raise_softirq(&self, vector: u8) -> Operation<'_, ()> {
        self.op("raise_softirq", Op::RaiseSoftirq(vector))
    }
}
