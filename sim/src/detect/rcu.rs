//! Misuse of RCU: following a protected pointer outside of a reader, blocking inside of one, reading
//! where RCU does not watch (lockdep_rcu_suspicious(), rcu_sleep_check(), rcu_note_context_switch();
//! v6.3). Unbalanced `rcu_read_unlock()` the kernel layer refuses itself.

use super::Detector;
use super::sleep::might_sleep;
use crate::base::event::{Eqs, Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::Access;
use crate::base::op::{Marking, Op};
use crate::base::preempt;
use crate::base::ptr::Ptr;

/// See the module.
#[derive(Debug, Default)]
pub struct SuspiciousRcu {
    /// Do readers turn preemption off?
    pub classic: bool,
}

impl Detector for SuspiciousRcu {
    fn reset(&mut self) {}

    fn digest(&self, _: &[Event], _: &mut Vec<u64>) {}

    #[inline]
    fn observe(&mut self, _: u32, event: &Event, _: &[Access], alarms: &mut Vec<Alarm>) {
        if event.eqs != Eqs::Watching {
            unwatched(event, alarms);
        } else if event.rcu_nesting == 0 {
            if let Op::Read { how: Marking::RcuDereference, at } = event.call.op {
                alarms.push(suspicious(event, "suspicious rcu_dereference_check() usage!", at));
            }
        } else if event.phase != Phase::Finished && might_sleep(&event.call.op) {
            self.sleeps(event, alarms);
        }
        if event.ends {
            left_inside(event, alarms);
        }
    }
}

impl SuspiciousRcu {
    /// An operation that may sleep, inside a reader.
    fn sleeps(&self, event: &Event, alarms: &mut Vec<Alarm>) {
        let switches = event.phase == Phase::Begun || event.call.op == Op::Schedule;
        if event.call.op == Op::SynchronizeRcu {
            let text = "Illegal synchronize_rcu() in RCU read-side critical section!";
            alarms.push(suspicious(event, text, Ptr::NULL));
        } else if self.classic {
            let text = "Illegal context switch in RCU read-side critical section!";
            alarms.push(suspicious(event, text, Ptr::NULL));
        } else if switches {
            alarms.push(Alarm::new(
                Kind::SuspiciousRcu,
                "WARNING: Voluntary context switch within RCU read-side critical section!",
                Ptr::NULL,
            ));
        }
    }
}

/// RCU does not watch this CPU: no grace period waits for what is done there.
fn unwatched(event: &Event, alarms: &mut Vec<Alarm>) {
    let (text, at) = match event.call.op {
        Op::RcuReadLock => ("rcu_read_lock() used illegally while idle!", Ptr::NULL),
        Op::RcuReadUnlock => ("rcu_read_unlock() used illegally while idle!", Ptr::NULL),
        Op::Read { how: Marking::RcuDereference, at } => {
            ("suspicious rcu_dereference_check() usage!", at)
        }
        // Its callback list is closed: nobody will call what it is given.
        Op::CallRcu { head, .. } if event.eqs == Eqs::Offline => {
            ("call_rcu() from an offline CPU!", head)
        }
        _ => return,
    };
    alarms.push(suspicious(event, text, at));
}

/// lockdep_rcu_suspicious().
fn suspicious(event: &Event, message: &str, at: Ptr) -> Alarm {
    let headline = format!("WARNING: suspicious RCU usage: {message}");
    let mut notes = vec!["other info that might help us debug this:".to_owned()];
    if event.eqs == Eqs::Offline {
        notes.push("RCU used illegally from offline CPU!".to_owned());
    }
    notes.push("rcu_scheduler_active = 2, debug_locks = 1".to_owned());
    if event.eqs != Eqs::Watching {
        notes.push("RCU used illegally from extended quiescent state!".to_owned());
    }
    Alarm { notes, ..Alarm::new(Kind::SuspiciousRcu, headline, at) }
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
