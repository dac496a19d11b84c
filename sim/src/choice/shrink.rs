//! Makes a failing schedule shorter: delta debugging over its deviations.

use super::schedule::Schedule;

/// Deletes deviations as long as `fails` still says yes, until none can be deleted alone.
///
/// `fails` must be deterministic. The result is locally minimal, not globally.
pub fn shrink(schedule: &Schedule, mut fails: impl FnMut(&Schedule) -> bool) -> Schedule {
    let mut best = schedule.clone();
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 {
        let mut removed = false;
        // From the end: late deviations are the likeliest to be noise after the failure.
        let mut to = best.len();
        while to > 0 {
            let from = to.saturating_sub(chunk);
            let candidate = best.without(from, to);
            if candidate.len() < best.len() && fails(&candidate) {
                best = candidate;
                removed = true;
            }
            to = from;
        }
        if chunk > 1 || !removed {
            chunk /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::schedule::{Decision, Point};

    fn schedule(numbers: impl IntoIterator<Item = u32>) -> Schedule {
        let point = |nth| Point { agent: "a".into(), site: "s".into(), nth };
        let decisions =
            numbers.into_iter().map(|n| Decision { at: point(n), outcome: 1 }).collect();
        Schedule { holds: Vec::new(), decisions }
    }

    #[test]
    fn only_what_matters_stays() {
        let needed = [3, 17, 18, 60];
        let has = |s: &Schedule, n| s.decisions.iter().any(|d| d.at.nth == n);
        let small = shrink(&schedule(1..=64), |s| needed.iter().all(|&n| has(s, n)));
        assert_eq!(small, schedule(needed));
        assert!(shrink(&schedule(1..=64), |_| true).is_empty());
    }
}
