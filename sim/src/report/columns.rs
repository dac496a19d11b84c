//! The whole run, each CPU in its column.

use super::grid::Grid;
use super::story::{Indent, Story};
use crate::trace::{Step, Trace};

/// The whole run in columns, one line an operation:
///
/// ```text
/// CPU0 [task]                                       CPU1 [exit]
/// -----------                                       -----------
/// pte_free_defer()
///   call_rcu(page.rcu_head, pte_free_now0)
///                                                   __mmdrop()
///                                                     kmem_cache_free(mm)
///                       ~~~ RCU: a grace period begins ~~~
///                        ~~~ RCU: the grace period ends ~~~
///     <timer interrupt>
///     <softirq:rcu>
///       rcu_do_batch(page.rcu_head)
///       pte_free_now0()
///         spin_lock_bh(mm.context.lock)
/// ```
///
/// A context that interrupts another stands deeper. There are no step numbers and no addresses, and
/// the columns are as wide whatever they hold, so one operation more is one line more.
pub fn columns(trace: &Trace) -> String {
    let steps: Vec<&Step> = trace.steps.iter().chain(&trace.blocked).collect();
    let mut story = Story::new(trace, &steps, Indent::WIDE);
    let mut lines = Vec::new();
    for step in steps {
        story.tell(step, None, &mut lines);
    }
    Grid { column: 50, width: None }.render(&story.headers(), &lines)
}
