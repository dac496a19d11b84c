//! The determinism check: the same run twice, step by step.

use super::execute::Execution;
use crate::choice::strategy::Strategy;
use crate::trace::Trace;
use std::fmt;

/// The first step in which two runs of the same seed differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Number of the step, from 1.
    pub step: usize,
    /// What the first run did; `None` if it had ended.
    pub first: Option<String>,
    /// What the second did.
    pub second: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "the end".to_owned());
        write!(
            f,
            "two runs of the same seed differ from step {} on:\n  first:  {}\n  second: {}\n\
             The scenario depends on more than its seed: on state that outlives a run (a static, a \
             captured cell), on a clock, on the environment, or on the order of a hash map.",
            self.step,
            side(&self.first),
            side(&self.second)
        )
    }
}

/// Runs the same seed twice and compares the whole traces and the findings.
///
/// # Errors
/// The first difference.
pub fn check(
    execution: &mut Execution<'_>,
    strategy: &mut dyn Strategy,
    seed: u64,
    index: u64,
) -> Result<(), Difference> {
    let mut lines = || {
        execution.run(strategy, seed, index);
        let findings = &execution.sim().system().findings;
        let found = findings.iter().map(|f| format!("{}: {}", f.signature(), f.headline));
        lines(&execution.sim().trace()).chain(found).collect::<Vec<String>>()
    };
    let (first, second) = (lines(), lines());
    compare(&first, &second)
}

/// Everything in a trace, a line for each step.
fn lines(trace: &Trace) -> impl Iterator<Item = String> + '_ {
    trace.steps.iter().map(|step| {
        let agent = &trace.agent(step).name;
        let stack = step.stack.join(" < ");
        let state = format!(
            "cpu {}, {:?}, preempt_count {:#x}, irqs_off {}, rcu {}, {} ns",
            step.cpu, step.phase, step.preempt, step.irqs_off, step.rcu_nesting, step.time
        );
        let touched: Vec<&str> = step.touches.iter().map(|t| t.object.as_str()).collect();
        format!("{agent}: {} in {stack} ({state}; {})", step.text(), touched.join(", "))
    })
}

fn compare(first: &[String], second: &[String]) -> Result<(), Difference> {
    let longest = first.len().max(second.len());
    match (0..longest).find(|&i| first.get(i) != second.get(i)) {
        None => Ok(()),
        Some(i) => Err(Difference {
            step: i + 1,
            first: first.get(i).cloned(),
            second: second.get(i).cloned(),
        }),
    }
}
