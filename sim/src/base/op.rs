//! Operations: what a program asks the kernel to do, one at a time.

use super::agent::AgentId;
use super::ptr::Ptr;
use super::types::TypeDesc;
use std::panic::Location;

/// A read-modify-write on one word, indivisible.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Rmw {
    /// `old -> a`.
    Xchg,
    /// `old -> b` if `old == a` (pointers compare by address); a failed one only reads.
    CmpXchg,
    /// `old -> old + a`, wrapping.
    Add,
    /// `old -> old ^ a`.
    Xor,
    /// `old -> old | a`.
    Or,
    /// `old -> old & !a`.
    AndNot,
    /// `old -> old + a` unless `old == b` (`atomic_add_unless`); a refused one only reads.
    AddUnless,
}

impl Rmw {
    /// The new value, or `None` if the word stays as it is and nothing is written.
    pub fn apply(self, old: u64, a: u64, b: u64) -> Option<u64> {
        match self {
            Rmw::Xchg => Some(a),
            Rmw::CmpXchg => super::ptr::same_word(old, a).then_some(b),
            Rmw::Add => Some(old.wrapping_add(a)),
            Rmw::Xor => Some(old ^ a),
            Rmw::Or => Some(old | a),
            Rmw::AndNot => Some(old & !a),
            Rmw::AddUnless => (old != b).then(|| old.wrapping_add(a)),
        }
    }
}

/// An operation on a `refcount_t` (lib/refcount.c, v6.3).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum RefOp {
    /// `refcount_inc`.
    Inc,
    /// `refcount_inc_not_zero`: replies whether the reference was taken.
    IncNotZero,
    /// `refcount_dec`: must not drop the last reference.
    Dec,
    /// `refcount_dec_and_test`: replies whether it was the last.
    DecAndTest,
}

/// An operation on a `list_head` (include/linux/list.h); `head` is used by the adds only.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ListOp {
    /// `INIT_LIST_HEAD`.
    Init,
    /// `list_add`: behind the head.
    Add,
    /// `list_add_tail`: before the head.
    AddTail,
    /// `list_del`: unlink and poison.
    Del,
    /// `list_del_init`: unlink and point to itself.
    DelInit,
    /// `list_del_rcu`: unlink, poison only `prev`, so that readers can walk on.
    DelRcu,
    /// `list_add_rcu`: as `list_add`, published with one store.
    AddRcu,
    /// `list_add_tail_rcu`.
    AddTailRcu,
    /// `list_empty`: replies 1 or 0.
    Empty,
    /// `list_is_singular`: replies 1 or 0.
    Singular,
    /// `head->next`: replies the first node, or the head itself.
    First,
}

/// How a lock is taken: which kind it is and what it turns off.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum LockKind {
    /// `spin_lock`.
    Spin,
    /// `spin_lock_bh`.
    SpinBh,
    /// `spin_lock_irq`.
    SpinIrq,
    /// `spin_lock_irqsave`: replies the flags to restore.
    SpinIrqSave,
    /// `mutex_lock`: may sleep.
    Mutex,
    /// `down_read`: shared, may sleep.
    Read,
    /// `down_write`: exclusive, may sleep.
    Write,
    /// `read_lock`: shared, spins.
    ReadSpin,
    /// `read_lock_bh`.
    ReadSpinBh,
    /// `read_lock_irq`.
    ReadSpinIrq,
    /// `write_lock`: exclusive, spins.
    WriteSpin,
    /// `write_lock_bh`.
    WriteSpinBh,
    /// `write_lock_irq`.
    WriteSpinIrq,
}

impl LockKind {
    /// Does waiting for it sleep (rather than spin)?
    pub fn sleeps(self) -> bool {
        matches!(self, LockKind::Mutex | LockKind::Read | LockKind::Write)
    }

    /// May others hold it at the same time in the same way?
    pub fn is_shared(self) -> bool {
        matches!(
            self,
            LockKind::Read | LockKind::ReadSpin | LockKind::ReadSpinBh | LockKind::ReadSpinIrq
        )
    }

    /// Does it turn interrupts off while held?
    pub fn irqs_off(self) -> bool {
        self == LockKind::SpinIrqSave || self.unlock_turns_irqs_on()
    }

    /// Does its unlock turn interrupts on, whatever they were before (the `_irq` forms)?
    pub fn unlock_turns_irqs_on(self) -> bool {
        matches!(self, LockKind::SpinIrq | LockKind::ReadSpinIrq | LockKind::WriteSpinIrq)
    }

    /// Does it turn softirqs off while held?
    pub fn bh_off(self) -> bool {
        matches!(self, LockKind::SpinBh | LockKind::ReadSpinBh | LockKind::WriteSpinBh)
    }

    /// What it adds to `preempt_count`.
    pub fn preempt_offset(self) -> u32 {
        match self {
            _ if self.sleeps() => 0,
            _ if self.bh_off() => super::preempt::SOFTIRQ_LOCK_OFFSET,
            _ => super::preempt::PREEMPT_OFFSET,
        }
    }
}

/// How a plain word is read or written; the data-race detector and lockdep-RCU look at it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Marking {
    /// A plain C access: the compiler may tear or repeat it.
    Plain,
    /// `READ_ONCE`, `WRITE_ONCE`, or part of an atomic operation.
    Once,
    /// `rcu_dereference`: legal only inside a read-side critical section.
    RcuDereference,
    /// `rcu_assign_pointer`, `smp_store_release`.
    Release,
}

/// What an awaited word must fulfil.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Cond {
    /// `word == value`.
    Eq,
    /// `word != value`.
    Ne,
}

impl Cond {
    /// Does `word` fulfil the condition?
    pub fn holds(self, word: u64, value: u64) -> bool {
        (self == Cond::Eq) == super::ptr::same_word(word, value)
    }
}

/// Allocation flags that matter here (include/linux/gfp_types.h).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Gfp {
    /// May sleep; fails only where a scenario injects failures.
    Kernel,
    /// Must not sleep (`GFP_ATOMIC`, `GFP_NOWAIT`); whether it fails is a recorded choice.
    Atomic,
}

/// Turning something off or on for this context or its CPU.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Toggle {
    /// `preempt_disable`.
    PreemptDisable,
    /// `preempt_enable`.
    PreemptEnable,
    /// `local_bh_disable`.
    BhDisable,
    /// `local_bh_enable`: runs pending softirqs when it is the outermost.
    BhEnable,
    /// `local_irq_disable`.
    IrqDisable,
    /// `local_irq_enable`.
    IrqEnable,
    /// `local_irq_save`: replies the flags.
    IrqSave,
    /// `ct_idle_enter`: RCU stops watching this CPU.
    IdleEnter,
    /// `ct_idle_exit`.
    IdleExit,
    /// `rcu_report_dead`: the CPU has gone offline, and its callbacks to another.
    CpuDead,
}

/// One operation of a program.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Op {
    /// Nothing shared: a step that only takes time (`cpu_relax`, private work).
    Nop,
    /// Reads the word.
    Read {
        /// Which word.
        at: Ptr,
        /// Plain or marked.
        how: Marking,
    },
    /// Writes the word.
    Write {
        /// Which word.
        at: Ptr,
        /// What to write.
        value: u64,
        /// Plain or marked.
        how: Marking,
    },
    /// An atomic read-modify-write; replies the old value.
    Rmw {
        /// Which word.
        at: Ptr,
        /// The function applied.
        f: Rmw,
        /// First operand.
        a: u64,
        /// Second operand.
        b: u64,
    },
    /// A `refcount_t` operation.
    Refcount {
        /// Which counter.
        at: Ptr,
        /// What to do.
        f: RefOp,
    },
    /// A list operation.
    List {
        /// What to do.
        f: ListOp,
        /// The node (for `Empty`, `Singular`, `First`: the head).
        node: Ptr,
        /// The head, for the adds.
        head: Ptr,
    },
    /// Takes a lock, waiting for it unless `attempt`; an attempt replies whether it succeeded.
    Lock {
        /// The lock.
        at: Ptr,
        /// How.
        kind: LockKind,
        /// A trylock.
        attempt: bool,
        /// Lockdep's nesting level, for a second lock of the same class (`spin_lock_nested`).
        subclass: u8,
    },
    /// Releases a lock.
    Unlock {
        /// The lock.
        at: Ptr,
        /// How it was taken.
        kind: LockKind,
        /// Flags to restore (for `SpinIrqSave`).
        flags: u64,
    },
    /// Turns preemption, softirqs or interrupts off or on.
    Toggle(Toggle),
    /// `local_irq_restore`.
    IrqRestore(u64),
    /// `rcu_read_lock`.
    RcuReadLock,
    /// `rcu_read_unlock`.
    RcuReadUnlock,
    /// `call_rcu`.
    CallRcu {
        /// The `rcu_head`.
        head: Ptr,
        /// Code address of the callback.
        func: Ptr,
    },
    /// `synchronize_rcu`.
    SynchronizeRcu,
    /// `rcu_barrier`.
    RcuBarrier,
    /// States that these words stay readable until a grace period that begins later has ended.
    RcuRetire {
        /// The first.
        at: Ptr,
        /// How many.
        words: u16,
    },
    /// Allocates an object; replies its address, or NULL.
    Alloc {
        /// What to allocate.
        ty: &'static TypeDesc,
        /// May it sleep?
        gfp: Gfp,
        /// Zero it (`kzalloc`).
        zero: bool,
    },
    /// Frees an object.
    Free {
        /// Its start.
        at: Ptr,
    },
    /// Waits until the word fulfils the condition (`smp_cond_load`, or `wait_event` if it sleeps).
    Await {
        /// Which word.
        at: Ptr,
        /// The comparison.
        cond: Cond,
        /// The operand.
        value: u64,
        /// Sleep, or spin?
        sleeps: bool,
    },
    /// Sleeps for that many virtual nanoseconds (`msleep`, `schedule_timeout`).
    Sleep(u64),
    /// `schedule()` or `cond_resched()`: a voluntary context switch.
    Schedule,
    /// Starts a kthread; replies its agent.
    Spawn {
        /// Code address.
        func: Ptr,
        /// Its argument.
        arg: u64,
        /// Where it runs.
        cpu: u16,
    },
    /// Waits for a task to end (`kthread_stop`).
    Join(AgentId),
    /// `queue_work`: replies whether it was not queued yet.
    QueueWork {
        /// The `work_struct`.
        work: Ptr,
        /// Code address.
        func: Ptr,
    },
    /// `flush_work`.
    FlushWork {
        /// The `work_struct`.
        work: Ptr,
    },
    /// `cancel_work_sync`: replies whether it was pending.
    CancelWork {
        /// The `work_struct`.
        work: Ptr,
    },
    /// `raise_softirq` of that vector on this CPU.
    RaiseSoftirq(u8),
    /// `smp_call_function`: runs the function on all other CPUs.
    SmpCall {
        /// Code address.
        func: Ptr,
        /// Its argument.
        arg: u64,
        /// Wait until all have run it.
        wait: bool,
    },
    /// `mod_timer`: replies whether it was pending.
    ModTimer {
        /// The `timer_list`.
        timer: Ptr,
        /// Code address.
        func: Ptr,
        /// Virtual nanoseconds from now.
        delay: u64,
    },
    /// `timer_delete`, or `timer_delete_sync`: replies whether it was pending.
    DelTimer {
        /// The `timer_list`.
        timer: Ptr,
        /// Wait for a running handler.
        sync: bool,
    },
    /// `BUG_ON(!ok)`: a false one is a finding.
    Check {
        /// What must be true.
        ok: bool,
        /// The condition, for people.
        what: &'static str,
    },
    /// One of `n` outcomes, decided by the schedule; replies which.
    Choose(u32),

    /// Environment: an interrupt line fires.
    IrqEntry,
    /// Environment: the timer interrupt.
    Tick,
    /// Environment: `ksoftirqd` gets the CPU.
    RunKsoftirqd,
    /// Softirq or callback kthread: takes the next ready RCU callback and calls it.
    RcuInvoke,
    /// Softirq: takes the next expired timer and calls it.
    TimerInvoke,
    /// Kworker: takes the work item off its queue and calls it.
    WorkInvoke,
    /// Interrupt: calls the function that another CPU asked for.
    CallInvoke,
    /// RCU: a grace period begins.
    GpStart,
    /// RCU: the grace period ends.
    GpEnd,
    /// Environment: virtual time jumps to the next timer.
    Advance,
    /// Environment: the waiting task moves to the next CPU that it may use.
    Migrate,
}

/// Index of a function-call frame; 0 is the outermost. Names are in the run's frame table.
pub type FrameId = u16;

/// An operation with where it came from.
#[derive(Copy, Clone, Debug)]
pub struct Call {
    /// What to do.
    pub op: Op,
    /// The kernel's name for it, as it stands in the program: `spin_lock_bh`, `SetPageActive`.
    pub name: &'static str,
    /// The modelled function that it stands in.
    pub frame: FrameId,
    /// Where in the scenario's source.
    pub loc: &'static Location<'static>,
    /// Does the program not learn the reply? Then its future does not depend on it.
    pub silent: bool,
}

impl Call {
    /// An operation of the environment, which has no place in any source but ours.
    #[track_caller]
    pub fn internal(op: Op, name: &'static str) -> Call {
        Call { op, name, frame: 0, loc: Location::caller(), silent: false }
    }
}
