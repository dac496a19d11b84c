//! A schedule: sparse deviations from the default policy, each keyed by names that survive edits.

use super::strategy::View;
use crate::base::agent::AgentId;
use std::fmt;

/// A point in the life of an agent: the `nth` time (from 1) that it is about to do this.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Point {
    /// The agent's name: `cpu1/exit`.
    pub agent: String,
    /// Function and operation: `page_table_free_rcu:spin_lock_bh`; a `+` behind it is the moment
    /// when an operation that had begun to wait goes on.
    pub site: String,
    /// Which occurrence.
    pub nth: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}#{}", self.agent, self.site, self.nth)
    }
}

impl Point {
    /// The inverse of `Display`.
    pub fn parse(text: &str) -> Option<Point> {
        let (agent, rest) = text.split_once(' ')?;
        let (site, nth) = rest.rsplit_once('#')?;
        let nth = nth.parse().ok().filter(|&n| n > 0)?;
        let plain = |s: &str| !s.is_empty() && !s.contains(char::is_whitespace);
        (plain(agent) && plain(site)).then(|| Point {
            agent: agent.to_owned(),
            site: site.to_owned(),
            nth,
        })
    }
}

/// The site of an agent's next operation.
pub fn site(view: &dyn View, agent: AgentId) -> String {
    site_of(view.func(agent), view.pending(agent).name, view.begun(agent))
}

/// A site from its parts.
pub fn site_of(func: &str, op: &str, continues: bool) -> String {
    let plus = if continues { "+" } else { "" };
    if func.is_empty() { format!("{op}{plus}") } else { format!("{func}:{op}{plus}") }
}

/// An ordering: `before` does not happen until `until` has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hold {
    /// Who is held back, and where.
    pub before: Point,
    /// What must have happened.
    pub until: Point,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hold {} until {}", self.before, self.until)
    }
}

/// An outcome other than 0 of a choice.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Decision {
    /// Which choice.
    pub at: Point,
    /// Its outcome.
    pub outcome: u32,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "choose {} = {}", self.at, self.outcome)
    }
}

/// Deviations from the default policy.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Schedule {
    /// Orderings.
    pub holds: Vec<Hold>,
    /// Outcomes.
    pub decisions: Vec<Decision>,
}

impl Schedule {
    /// How many deviations it has.
    pub fn len(&self) -> usize {
        self.holds.len() + self.decisions.len()
    }

    /// Is it the default policy itself?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One line for each deviation, in the order in which they are numbered.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let holds = self.holds.iter().map(Hold::to_string);
        holds.chain(self.decisions.iter().map(Decision::to_string))
    }

    /// The schedule without the deviations numbered `from..to` (holds first).
    #[must_use]
    pub fn without(&self, from: usize, to: usize) -> Schedule {
        let keep = |i: usize| !(from..to).contains(&i);
        let n = self.holds.len();
        let holds = self.holds.iter().enumerate().filter(|(i, _)| keep(*i));
        let decisions = self.decisions.iter().enumerate().filter(|(i, _)| keep(*i + n));
        Schedule {
            holds: holds.map(|(_, h)| h.clone()).collect(),
            decisions: decisions.map(|(_, d)| d.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_survives_text() {
        let point = Point { agent: "cpu0/softirq:rcu".into(), site: "f:call_rcu+".into(), nth: 2 };
        assert_eq!(Point::parse(&point.to_string()), Some(point));
        for bad in ["", "a", "a b", "a b#0", "a b#x", " b#1", "a #1", "a b c#1"] {
            assert_eq!(Point::parse(bad), None, "{bad:?}");
        }
    }
}
