//! What the kernel must not do in some contexts because it waits for interrupts or lets softirqs in
//! (`__local_bh_enable_ip()`, kernel/softirq.c; `smp_call_function_many_cond()`, kernel/smp.c;
//! v6.3).

use super::Detector;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Op, Toggle};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct WrongContext;

impl Detector for WrongContext {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        if event.phase == Phase::Finished {
            return;
        }
        let hard = preempt::in_hardirq(event.preempt);
        let serving = preempt::in_serving_softirq(event.preempt);
        let kind = match event.call.op {
            // A lock of softirqs turned into a _bh one, under callers that have interrupts off.
            Op::Toggle(Toggle::BhEnable) if hard || event.irqs_off => Kind::InconsistentLockState,
            Op::Unlock { kind, .. } if kind.bh_off() && (hard || event.irqs_off) => {
                Kind::InconsistentLockState
            }
            // Two CPUs that call each other so wait for ever.
            Op::SmpCall { .. } if hard || serving || event.irqs_off => Kind::SleepInAtomic,
            _ => return,
        };
        let (place, what) = match kind {
            Kind::SleepInAtomic if event.irqs_off && !hard => (SMP, "interrupts are off"),
            Kind::SleepInAtomic => (SMP, "not in a task"),
            _ if hard => (SOFTIRQ, "in a hard interrupt"),
            _ => (SOFTIRQ, "interrupts are off"),
        };
        let headline = format!("WARNING: at {place}: {{object}}, {what}");
        let notes = vec![format!(
            "in_hardirq(): {}, irqs_disabled(): {}, preempt_count: {:x}",
            u8::from(hard),
            u8::from(event.irqs_off),
            event.preempt
        )];
        alarms.push(Alarm { notes, ..Alarm::new(kind, headline, Ptr::NULL) });
    }
}

/// Where the kernel's warnings stand.
const SOFTIRQ: &str = "kernel/softirq.c __local_bh_enable_ip";
const SMP: &str = "kernel/smp.c smp_call_function_many_cond";
