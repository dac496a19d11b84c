//! The race diagram of a commit message.

use super::grid::{Grid, Line};
use super::relevant;
use super::story::Story;
use crate::base::finding::{Finding, Kind};
use crate::trace::{Step, Trace};

/// Characters in a line of a diagram.
const WIDTH: usize = 100;

/// What led to the finding, as a diagram for a commit message:
///
/// ```text
/// CPU0 [munmap]                                     CPU1 [exit]
/// -------------                                     -----------
/// pte_free_defer()
///   call_rcu(page.rcu_head, pte_free_now)
///                                                   mmdrop()
///                                                     atomic_dec_and_test(mm.mm_count): 1 -> 0
///                                                     __mmdrop()
///                                                       kmem_cache_free(mm)
///                                  ~~~ RCU: a grace period begins ~~~
///                                  ~~~ RCU: the grace period ends ~~~
///     <softirq:rcu>
///       rcu_do_batch(page.rcu_head)
///       pte_free_now()
///         spin_lock_bh(mm.lock)
///         *** use-after-free ***
/// ```
///
/// It shows what the agents of the finding did to its objects before, with the locks that they held
/// meanwhile and how callbacks came to run. `...` stands for steps that are left out. No line is
/// wider than 100 characters, unless a single name is.
pub fn race(finding: &Finding, trace: &Trace) -> String {
    let steps = relevant::steps(finding, trace);
    let Some(&culprit) = steps.last() else { return String::new() };
    let waiting: Vec<&Step> = match finding.kind {
        Kind::Deadlock => trace.blocked.iter().collect(),
        _ => Vec::new(),
    };
    let all: Vec<&Step> =
        steps.iter().map(|&at| &trace.steps[at]).chain(waiting.iter().copied()).collect();
    let mut story = Story::new(trace, &all);
    let mut lines = Vec::new();
    let mut told: Vec<Option<usize>> = vec![None; trace.agents.len()];
    for &at in &steps {
        if at == culprit {
            waiting.iter().for_each(|step| story.tell(step, None, &mut lines));
        }
        let step = &trace.steps[at];
        story.tell(step, untold(trace, told[step.agent], at), &mut lines);
        told[step.agent] = Some(at);
    }
    let text = match finding.kind {
        Kind::Deadlock => "*** DEADLOCK ***".to_owned(),
        kind => format!("*** {kind} ***"),
    };
    // What only the final state shows, no CPU has done.
    if finding.kind == Kind::Leak {
        let text = format!("the run ends: nothing points to {}", finding.object);
        lines.push(Line { column: None, text });
    } else if finding.parties.iter().all(|p| p.event.is_none()) {
        lines.push(Line { column: None, text: format!("the run ends: {}", finding.object) });
    } else {
        story.remark(&trace.steps[culprit], &text, &mut lines);
    }
    let headers = story.headers();
    let column = WIDTH / headers.len().max(1);
    Grid { column, wrap: true }.render(&headers, &lines)
}

/// The last thing that the agent has done between these two steps of its own.
fn untold(trace: &Trace, from: Option<usize>, to: usize) -> Option<&Step> {
    let mine = |step: &&Step| step.agent == trace.steps[to].agent;
    trace.steps[from? + 1..to].iter().rev().find(mine)
}
