//! What the kernel must not do with interrupts off, because it waits for interrupts or lets them in
//! (`__local_bh_enable_ip()`, kernel/softirq.c; `smp_call_function_many_cond()`, kernel/smp.c;
//! v6.3). Called for steps with interrupts off only.

use super::Detector;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Op, Toggle};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct IrqsOff;

impl Detector for IrqsOff {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        if event.phase == Phase::Finished {
            return;
        }
        let hard = preempt::in_hardirq(event.preempt);
        let (kind, what) = match event.call.op {
            // A lock of softirqs turned into a _bh one, under callers that have interrupts off.
            Op::Toggle(Toggle::BhEnable) if hard => {
                (Kind::InconsistentLockState, "softirqs turned on in a hard interrupt")
            }
            Op::Toggle(Toggle::BhEnable) => {
                (Kind::InconsistentLockState, "IRQs not enabled as expected")
            }
            Op::Unlock { kind, .. } if kind.bh_off() => {
                (Kind::InconsistentLockState, "IRQs not enabled as expected")
            }
            // Two CPUs that call each other so wait for ever.
            Op::SmpCall { wait: true, .. } => {
                (Kind::SleepInAtomic, "waits for other CPUs with interrupts off")
            }
            _ => return,
        };
        let headline = format!("WARNING: {{object}}: {what}");
        let notes = vec![format!(
            "in_hardirq(): {}, irqs_disabled(): 1, preempt_count: {:x}",
            u8::from(hard),
            event.preempt
        )];
        alarms.push(Alarm { notes, ..Alarm::new(kind, headline, Ptr::NULL) });
    }
}
