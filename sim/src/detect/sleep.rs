//! Sleeping where it is forbidden: `might_sleep()` with preemption, softirqs or interrupts off
//! (`__might_resched()`, kernel/sched/core.c, v6.3).

use super::Detector;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Gfp, Op};
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct SleepInAtomic;

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

impl Detector for SleepInAtomic {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    #[inline]
    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        let atomic = event.preempt != 0 || event.irqs_off;
        if !atomic || event.phase == Phase::Finished || !might_sleep(&event.call.op) {
            return;
        }
        let headline = if matches!(event.call.op, Op::Schedule) {
            format!("BUG: scheduling while atomic: 0x{:08x}", event.preempt)
        } else {
            "BUG: sleeping function called from invalid context in {func}".to_owned()
        };
        let notes = vec![
            format!(
                "in_atomic(): {}, irqs_disabled(): {}",
                u8::from(event.preempt != 0),
                u8::from(event.irqs_off)
            ),
            format!("preempt_count: {:x}, expected: 0", event.preempt),
            format!("RCU nest depth: {}, expected: 0", event.rcu_nesting),
        ];
        alarms.push(Alarm { notes, ..Alarm::new(Kind::SleepInAtomic, headline, Ptr::NULL) });
    }
}
