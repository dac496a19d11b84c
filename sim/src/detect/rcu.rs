//! Misuse of RCU (lockdep_rcu_suspicious(), rcu_note_context_switch(); v6.3). Unbalanced
//! `rcu_read_unlock()` the kernel layer refuses itself.

use super::Detector;
use super::sleep::might_sleep;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Marking, Op};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct SuspiciousRcu;

impl Detector for SuspiciousRcu {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    #[inline]
    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        if event.rcu_nesting == 0 {
            if let Op::Read { how: Marking::RcuDereference, at } = event.call.op {
                alarms.push(suspicious("suspicious rcu_dereference_check() usage!", at));
            }
        } else if event.phase != Phase::Finished && might_sleep(&event.call.op) {
            alarms.push(match event.call.op {
                Op::SynchronizeRcu => suspicious(
                    "Illegal synchronize_rcu() in RCU read-side critical section",
                    Ptr::NULL,
                ),
                _ => Alarm::new(
                    Kind::SuspiciousRcu,
                    "WARNING: Voluntary context switch within RCU read-side critical section! \
                     ({object} in {func})",
                    Ptr::NULL,
                ),
            });
        }
        if event.ends {
            left_inside(event, alarms);
        }
    }
}

fn suspicious(message: &str, at: Ptr) -> Alarm {
    let headline = format!("WARNING: suspicious RCU usage: {message}");
    Alarm::new(Kind::SuspiciousRcu, headline, at)
}

/// A handler or callback that returns inside a section that it has begun.
fn left_inside(event: &Event, alarms: &mut Vec<Alarm>) {
    let nesting = match event.call.op {
        Op::RcuReadLock => event.rcu_nesting + 1,
        Op::RcuReadUnlock => event.rcu_nesting.saturating_sub(1),
        _ => event.rcu_nesting,
    };
    let count = event.preempt;
    // A task that ends so is reported by the kernel layer.
    if nesting != 0 && (preempt::in_hardirq(count) || preempt::in_serving_softirq(count)) {
        let headline = "WARNING: {agent} returned inside rcu_read_lock()";
        alarms.push(Alarm::new(Kind::SuspiciousRcu, headline, Ptr::NULL));
    }
}
