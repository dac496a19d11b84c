//! Sleeping where it is forbidden: `might_sleep()` with preemption, softirqs or interrupts off, or
//! inside a preemptible RCU reader (`__might_resched()`, `__schedule_bug()`, kernel/sched/core.c,
//! v6.3).

use super::Detector;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Gfp, LockKind, Op};
use crate::base::preempt::PREEMPT_OFFSET;
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct SleepInAtomic {
    /// Do RCU readers turn preemption off?
    pub classic_rcu: bool,
}

/// May this operation sleep?
pub(super) fn might_sleep(op: &Op) -> bool {
    match op {
        Op::Lock { kind, attempt, .. } => kind.sleeps() && !attempt,
        Op::Alloc { gfp, .. } => *gfp == Gfp::Kernel,
        Op::Await { sleeps, .. } => *sleeps,
        Op::SynchronizeRcu
        | Op::RcuBarrier
        | Op::Sleep(_)
        | Op::Schedule
        | Op::Join(_)
        | Op::FlushWork { .. }
        | Op::CancelWork { .. } => true,
        _ => false,
    }
}

/// Where the kernel's `might_sleep()` of this operation stands.
fn file_of(op: &Op) -> &'static str {
    match op {
        Op::Lock { kind: LockKind::Mutex, .. } => "kernel/locking/mutex.c",
        Op::Lock { .. } => "kernel/locking/rwsem.c",
        Op::Alloc { .. } => "include/linux/sched/mm.h",
        Op::SynchronizeRcu => "kernel/rcu/tree.c",
        Op::RcuBarrier => "kernel/locking/mutex.c",
        Op::Sleep(_) => "kernel/time/timer.c",
        Op::FlushWork { .. } | Op::CancelWork { .. } => "kernel/workqueue.c",
        Op::Join(_) => "kernel/sched/completion.c",
        Op::Await { .. } => "kernel/sched/wait.c",
        _ => "kernel/sched/core.c",
    }
}

impl Detector for SleepInAtomic {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    #[inline]
    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        // Readers that turn preemption off have no nesting of their own to look at.
        let nesting = if self.classic_rcu { 0 } else { event.rcu_nesting };
        let atomic = event.preempt != 0 || event.irqs_off || nesting != 0;
        if !atomic || event.phase == Phase::Finished || !might_sleep(&event.call.op) {
            return;
        }
        let schedules = event.call.op == Op::Schedule && event.call.name == "schedule";
        if schedules && event.preempt == 0 {
            // Interrupts off: schedule() itself turns them off. RCU says the rest.
            return;
        }
        // schedule_timeout() has no might_sleep() of its own.
        let times_out = matches!(event.call.op, Op::Sleep(_)) && event.preempt != 0;
        let headline = if schedules || times_out {
            // By then schedule() has turned preemption off once more.
            let count = event.preempt + PREEMPT_OFFSET;
            format!("BUG: scheduling while atomic: {{agent}}/0x{count:08x}")
        } else {
            let file = file_of(&event.call.op);
            format!("BUG: sleeping function called from invalid context at {file}")
        };
        let mut notes = vec![
            format!(
                "in_atomic(): {}, irqs_disabled(): {}, non_block: 0, name: {{agent}}",
                u8::from(event.preempt != 0),
                u8::from(event.irqs_off)
            ),
            format!("preempt_count: {:x}, expected: 0", event.preempt),
        ];
        if !self.classic_rcu {
            notes.push(format!("RCU nest depth: {nesting}, expected: 0"));
        }
        alarms.push(Alarm { notes, ..Alarm::new(Kind::SleepInAtomic, headline, Ptr::NULL) });
    }
}
