//! The race diagram of a commit message.

use super::grid::{Grid, Line};
use super::relevant;
use super::story::{Indent, Story};
use crate::base::finding::{Finding, Kind};
use crate::trace::record::Outcome;
use crate::trace::{Step, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// Characters in a line of a diagram with up to two columns, as in a commit message.
const WIDTH: usize = 75;
/// The least useful width of a column: a third one makes the diagram wider.
const COLUMN: usize = 33;

/// What led to the finding, as a diagram for a commit message:
///
/// ```text
/// CPU0 [munmap]                        CPU1 [exit]
/// -------------                        -----------
/// pte_free_defer()
///  call_rcu(page.rcu_head,
///      pte_free_now)
///                                      mmdrop()
///                                       atomic_dec_and_test(mm.mm_count):
///                                           1 -> 0
///                                       __mmdrop()
///                                        kmem_cache_free(mm)
///                  ~~~ RCU: a grace period begins ~~~
///                  ~~~ RCU: the grace period ends ~~~
///   <softirq:rcu>
///    rcu_do_batch(page.rcu_head)
///    pte_free_now()
///     spin_lock_bh(mm.lock)
///     *** use-after-free ***
/// ```
///
/// It shows the steps that the finding names, the words by which its parties influenced each other
/// before, the locks that both took, and how callbacks came to run. `...` stands for what somebody has
/// done in between within a function that is shown. The creator in the name of an object (`page@cpu0/alloc`) is left out where only one is
/// of that name. With one or two CPUs no line is wider than 75 characters, unless a single name is.
pub fn race(finding: &Finding, trace: &Trace) -> String {
    let steps = relevant::steps(finding, trace);
    let Some(&culprit) = steps.last() else { return String::new() };
    let waits = |step: &&Step| {
        let name = &trace.agent(step).name;
        let says = |n: &String| {
            let rest = n.strip_prefix(name.as_str());
            rest.is_some_and(|r| r.starts_with(" waits") || r.starts_with(" cannot finish"))
        };
        finding.kind == Kind::Deadlock && finding.notes.iter().any(says)
    };
    // Is what it was noticed at the last thing that anybody could do?
    let stuck = relevant::waits_for_word(finding, trace);
    let waiting = trace.blocked.iter().filter(waits);
    let names = Names::of(steps.iter().map(|&at| &trace.steps[at]).chain(waiting.clone()), finding);
    let waiting: Vec<Step> = waiting.map(|step| names.shorten(step)).collect();
    let shown: Vec<Step> = steps.iter().map(|&at| names.shorten(&trace.steps[at])).collect();
    let all: Vec<&Step> = shown.iter().chain(&waiting).collect();
    let mut story = Story::new(trace, &all, Indent::NARROW);
    let mut lines = Vec::new();
    let mut told: Vec<Option<usize>> = vec![None; trace.agents.len()];
    for (step, &at) in shown.iter().zip(&steps) {
        if at == culprit && !stuck {
            waiting.iter().for_each(|step| story.tell(step, None, &mut lines));
        }
        story.tell(step, untold(trace, told[step.agent], at), &mut lines);
        told[step.agent] = Some(at);
    }
    if stuck {
        waiting.iter().for_each(|step| story.tell(step, None, &mut lines));
    }
    let text = match finding.kind {
        Kind::Deadlock => "*** DEADLOCK ***".to_owned(),
        Kind::DoubleFree if finding.headline.contains("invalid-free") => {
            "*** invalid-free ***".to_owned()
        }
        kind => format!("*** {kind} ***"),
    };
    // What only the final state shows, no CPU has done.
    let object = names.short(&finding.object);
    if finding.kind == Kind::Leak {
        lines
            .push(Line { column: None, text: format!("the run ends: nothing points to {object}") });
    } else if finding.kind == Kind::Stall {
        let text = match object.as_str() {
            "progress" => "and so on for ever".to_owned(),
            head => format!("the run ends: the callback of {head} was never called"),
        };
        lines.push(Line { column: None, text });
    } else if relevant::is_final(finding) {
        lines.push(Line { column: None, text: format!("the run ends: {object}") });
    } else {
        story.remark(&trace.steps[culprit], &text, &mut lines);
    }
    let headers = story.headers();
    let column = (WIDTH / headers.len().max(1)).max(COLUMN);
    let width = WIDTH.max(column * headers.len());
    Grid { column, width: Some(width) }.render(&headers, &lines)
}

/// The last thing that the agent has done between these two steps of its own.
fn untold(trace: &Trace, from: Option<usize>, to: usize) -> Option<&Step> {
    let mine = |step: &&Step| step.agent == trace.steps[to].agent;
    trace.steps[from? + 1..to].iter().rev().find(mine)
}

/// Names of objects as a diagram writes them.
struct Names {
    /// `@cpu0/alloc`, where it need not be said.
    creators: Vec<String>,
}

impl Names {
    /// For a diagram of these steps.
    fn of<'s>(steps: impl Iterator<Item = &'s Step>, finding: &'s Finding) -> Names {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let outcome = |step: &'s Step| match &step.outcome {
            Outcome::None => [None, None],
            Outcome::Reply(reply) => [Some(reply), None],
            Outcome::Change(from, to) => [Some(from), Some(to)],
        };
        let texts = steps.flat_map(|s| s.operands.iter().chain(outcome(s).into_iter().flatten()));
        for text in texts.chain([&finding.object]) {
            let name = relevant::root(text);
            let (plain, creator) = name.find('@').map_or((name, ""), |at| name.split_at(at));
            all.entry(plain).or_default().insert(creator);
        }
        // Longer ones first: one may begin with another.
        let only = all.values().filter(|creators| creators.len() == 1).flatten();
        let mut creators: Vec<String> =
            only.filter(|creator| !creator.is_empty()).map(|c| (*c).to_owned()).collect();
        creators.sort_by_key(|creator| std::cmp::Reverse(creator.len()));
        creators
            .retain(|c| all.values().filter(|of| of.contains(c.as_str())).all(|of| of.len() == 1));
        Names { creators }
    }

    fn short(&self, text: &str) -> String {
        self.creators.iter().fold(text.to_owned(), |text, creator| without(&text, creator))
    }

    fn shorten(&self, step: &Step) -> Step {
        let operands = step.operands.iter().map(|text| self.short(text)).collect();
        let outcome = match &step.outcome {
            Outcome::None => Outcome::None,
            Outcome::Reply(reply) => Outcome::Reply(self.short(reply)),
            Outcome::Change(from, to) => Outcome::Change(self.short(from), self.short(to)),
        };
        Step { operands, outcome, ..step.clone() }
    }
}

/// The text without this creator, where a name ends with it.
fn without(text: &str, creator: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(creator) {
        let end = at + creator.len();
        let ends = rest[end..].chars().next().is_none_or(|c| ". ,)".contains(c));
        out.push_str(&rest[..if ends { at } else { end }]);
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn creators_go_where_a_name_ends() {
        let text = "list_add(page@cpu0/a.lru, page@cpu0/ab.lru) = page@cpu0/a";
        assert_eq!(without(text, "@cpu0/a"), "list_add(page.lru, page@cpu0/ab.lru) = page");
    }
}
