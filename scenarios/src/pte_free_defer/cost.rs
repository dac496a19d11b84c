//! What a design costs, read off a trace:
//!
//! * *wasted bytes*: at the end of a run, halves that are free but that nobody can get: the most;
//! * *grace periods*: how many pass, from begin to end, from the moment when the last table is out of
//!   reach until it can be used again or its page is free: the least, as those in which nobody waits
//!   for anything do not count;
//! * *longest wait*: the same in steps, of any table.

use ksim::run::Cost;
use ksim::trace::record::Outcome;
use ksim::trace::{Step, Trace};
use std::collections::BTreeMap;

/// Bytes of one table.
pub const TABLE: u64 = 2048;

/// Where two tables share a page.
pub const COSTS: &[Cost] = &[
    Cost { name: "wasted bytes", of: |t| Some(Tables::of(t).wasted), pick: u64::max },
    GRACE_PERIODS,
    LONGEST_WAIT,
];

/// Where each table has a page to itself and wastes half of it, always.
pub const COSTS_OF_FULL_PAGES: &[Cost] = &[
    Cost { name: "wasted bytes", of: |_| Some(TABLE), pick: u64::max },
    GRACE_PERIODS,
    LONGEST_WAIT,
];

const GRACE_PERIODS: Cost =
    Cost { name: "grace periods", of: |t| Tables::of(t).grace_periods, pick: u64::min };
const LONGEST_WAIT: Cost =
    Cost { name: "longest wait", of: |t| Tables::of(t).wait, pick: u64::max };

/// A half by page and number.
type Half = (String, usize);

/// A table out of reach.
#[derive(Clone, PartialEq, Eq)]
struct Waiting {
    /// Since this step.
    since: usize,
    /// Grace periods that have passed.
    passed: u64,
}

/// What a trace says of the tables in it.
#[derive(Default)]
struct Tables {
    waiting: BTreeMap<Half, Waiting>,
    /// The last to get out of reach.
    last: Option<Half>,
    /// The state byte of each page that has one.
    states: BTreeMap<String, u64>,
    listed: BTreeMap<String, bool>,
    /// When the last grace period began.
    began: usize,
    wasted: u64,
    grace_periods: Option<u64>,
    wait: Option<u64>,
}

impl Tables {
    fn of(trace: &Trace) -> Tables {
        let mut tables = Tables::default();
        for (at, step) in trace.steps.iter().enumerate() {
            tables.see(at, step);
        }
        tables.wasted = TABLE * tables.waiting.len() as u64;
        tables
    }

    fn see(&mut self, at: usize, step: &Step) {
        let Some(object) = step.operands.first() else {
            match step.op.as_str() {
                "rcu_gp_init" => self.began = at,
                "rcu_gp_cleanup" => self.grace_period_ends(),
                _ => {}
            }
            return;
        };
        match (step.op.as_str(), &step.outcome) {
            ("xchg", Outcome::Change(table, _)) if object.contains(".pmd[") => {
                self.out_of_reach(table, at);
            }
            ("__free_page", _) => {
                self.states.remove(object);
                for half in 0..2 {
                    self.usable((object.clone(), half), at);
                }
            }
            ("atomic_xor_bits", Outcome::Change(_, new)) => {
                let page = page(object);
                self.states.insert(page.clone(), number(new) >> 24);
                self.look(&page, at);
            }
            ("list_add" | "list_add_tail", _) => self.list(&page(object), true, at),
            ("list_del" | "list_del_init", _) => self.list(&page(object), false, at),
            _ => {}
        }
    }

    fn out_of_reach(&mut self, table: &str, at: usize) {
        let Some(half) = half(table) else { return };
        self.waiting.insert(half.clone(), Waiting { since: at, passed: 0 });
        self.last = Some(half);
        self.grace_periods = None;
    }

    fn grace_period_ends(&mut self) {
        let began = self.began;
        self.waiting.values_mut().filter(|w| w.since < began).for_each(|w| w.passed += 1);
    }

    fn list(&mut self, page: &str, listed: bool, at: usize) {
        self.listed.insert(page.to_owned(), listed);
        self.look(page, at);
    }

    /// A half that is neither allocated nor pending can be had if its page is listed.
    fn look(&mut self, page: &str, at: usize) {
        let state = self.states.get(page).copied().unwrap_or(0);
        if self.listed.get(page).is_some_and(|listed| *listed) {
            for half in (0..2).filter(|half| state >> half & 0x15 == 0) {
                self.usable((page.to_owned(), half), at);
            }
        }
    }

    fn usable(&mut self, half: Half, at: usize) {
        if let Some(waiting) = self.waiting.remove(&half) {
            self.wait = self.wait.max(Some((at - waiting.since) as u64));
            if self.last == Some(half) {
                self.grace_periods = Some(waiting.passed);
            }
        }
    }
}

/// The page that a word is in.
fn page(word: &str) -> String {
    word.rsplit_once('.').map_or(word, |(page, _)| page).to_owned()
}

/// The half that starts at `page.entries[0]` or `page.entries[2]`.
fn half(table: &str) -> Option<Half> {
    let (page, index) = table.strip_suffix(']')?.rsplit_once(".entries[")?;
    Some((page.to_owned(), index.parse::<usize>().ok()? / 2))
}

/// A number as traces print it.
fn number(text: &str) -> u64 {
    let hex = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    hex.unwrap_or_else(|| text.parse()).unwrap_or(0)
}
