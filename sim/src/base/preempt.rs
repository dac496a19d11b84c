//! `preempt_count` and its fields (include/linux/preempt.h, v6.3).

/// One level of `preempt_disable()`; every spinlock adds one.
pub const PREEMPT_OFFSET: u32 = 0x1;
/// Bits of the preemption depth.
pub const PREEMPT_MASK: u32 = 0xff;
/// Added while a softirq is served.
pub const SOFTIRQ_OFFSET: u32 = 0x100;
/// Added by `local_bh_disable()`.
pub const SOFTIRQ_DISABLE_OFFSET: u32 = 0x200;
/// `spin_lock_bh()` adds both.
pub const SOFTIRQ_LOCK_OFFSET: u32 = SOFTIRQ_DISABLE_OFFSET + PREEMPT_OFFSET;
/// Bits of the softirq field.
pub const SOFTIRQ_MASK: u32 = 0xff00;
/// Added on entry to a hard interrupt.
pub const HARDIRQ_OFFSET: u32 = 0x1_0000;
/// Bits of the hardirq field.
pub const HARDIRQ_MASK: u32 = 0xf_0000;
/// Bits of the NMI field (reserved; this version delivers no NMIs).
pub const NMI_MASK: u32 = 0xf0_0000;

/// `in_interrupt()`: NMI, hardirq, serving a softirq, or merely with bottom halves disabled.
pub fn in_interrupt(count: u32) -> bool {
    count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK) != 0
}

/// `in_serving_softirq()`.
pub fn in_serving_softirq(count: u32) -> bool {
    count & SOFTIRQ_OFFSET != 0
}

/// `in_hardirq()`.
pub fn in_hardirq(count: u32) -> bool {
    count & HARDIRQ_MASK != 0
}

/// Are softirqs held off by this count (bottom halves disabled, or one being served)?
pub fn bh_disabled(count: u32) -> bool {
    count & SOFTIRQ_MASK != 0
}
