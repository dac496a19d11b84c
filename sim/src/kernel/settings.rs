//! What a scenario may set, and the deliberately broken variants of our own services.

/// Which flavour of RCU the kernel was built with.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum RcuFlavour {
    /// `CONFIG_PREEMPT_RCU`: readers count their nesting and may be preempted.
    #[default]
    Preemptible,
    /// Classic: `rcu_read_lock()` disables preemption.
    Classic,
}

/// One deliberate fault in a service of the simulator itself. The test suite must notice each.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// A grace period ends although a reader that began before it is still inside.
    GracePeriodEndsEarly,
    /// A softirq runs inside a region with bottom halves disabled.
    SoftirqInsideBhDisabled,
    /// A raised softirq is forgotten at interrupt exit.
    SoftirqLost,
    /// `list_del()` does not write the neighbours.
    ListDelSkipsWrite,
    /// A held spinlock is given to a second owner.
    LockAdmitsTwo,
    /// `call_rcu()` forgets the callback.
    CallbackLost,
    /// A callback runs before its grace period has ended.
    CallbackEarly,
    /// The callback queued last runs first.
    CallbacksOutOfOrder,
    /// `rcu_barrier()` waits for nobody.
    BarrierDoesNotWait,
    /// Whoever waits for a word is not told that it has changed.
    WakeupLost,
    /// An interrupt is delivered where interrupts are off.
    InterruptInsideIrqsOff,
    /// A task is preempted where preemption is off.
    PreemptedInsideRegion,
    /// `spin_unlock_irqrestore()` turns interrupts on, whatever they were before.
    IrqRestoreEnables,
    /// `queue_work()` forgets the work item.
    WorkLost,
    /// The timer interrupt raises nothing.
    TickLost,
    /// A freed object can still be touched.
    FreeForgotten,
}

impl Broken {
    /// All of them.
    pub const ALL: [Broken; 16] = [
        Broken::GracePeriodEndsEarly,
        Broken::SoftirqInsideBhDisabled,
        Broken::SoftirqLost,
        Broken::ListDelSkipsWrite,
        Broken::LockAdmitsTwo,
        Broken::CallbackLost,
        Broken::CallbackEarly,
        Broken::CallbacksOutOfOrder,
        Broken::BarrierDoesNotWait,
        Broken::WakeupLost,
        Broken::InterruptInsideIrqsOff,
        Broken::PreemptedInsideRegion,
        Broken::IrqRestoreEnables,
        Broken::WorkLost,
        Broken::TickLost,
        Broken::FreeForgotten,
    ];
}

/// Settings of one run, made by its scenario before the first step.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Flavour of RCU.
    pub rcu: RcuFlavour,
    /// RCU callbacks run in a kthread (`rcuo`) with bottom halves off instead of in softirq.
    pub rcu_offload: bool,
    /// May `GFP_ATOMIC` allocations fail (each a choice of the schedule)?
    pub alloc_may_fail: bool,
    /// Virtual nanoseconds that a step takes.
    pub step_cost: u64,
    /// Steps after which a run is cut.
    pub max_steps: u32,
    /// Look for memory that nobody can reach when the run has ended.
    pub leaks: bool,
    /// Watch the order and usage of locks. Textbook programs from user space, whose bug is that
    /// order, turn it off: otherwise every schedule shows it.
    pub lockdep: bool,
    /// Look for data races.
    pub data_race: bool,
    /// How often a run must come back to the same visible state, while everybody who could act
    /// has acted, before it counts as a stall; 0: never. Local variables of programs cannot be
    /// seen, so this must exceed the length of any counted loop that changes nothing.
    pub stall_repeats: u32,
    /// A fault of the simulator itself, for its tests.
    pub broken: Option<Broken>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            rcu: RcuFlavour::Preemptible,
            rcu_offload: false,
            alloc_may_fail: false,
            step_cost: 1000,
            max_steps: 20_000,
            leaks: false,
            lockdep: true,
            data_race: false,
            stall_repeats: 500,
            broken: None,
        }
    }
}
