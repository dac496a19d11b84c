//! What an exhaustive search covers, and how.

/// What to search, and how.
#[derive(Copy, Clone, Debug)]
pub struct Settings {
    /// At most so many times a context is left although it could go on; sleep sets are off then,
    /// as what a bound forbids depends on the order of steps that commute.
    pub preemptions: Option<u16>,
    /// At most so many times an interrupt comes where its CPU could go on.
    pub interrupts: Option<u16>,
    /// At most so many times a grace period begins or ends where a task could go on.
    pub grace_periods: Option<u16>,
    /// At most so many allocations fail.
    pub failures: Option<u16>,
    /// Put agents to sleep whose step was explored from an equivalent point.
    pub reduce: bool,
    /// Take points of equal state for one.
    pub merge: bool,
    /// Without merging: source sets instead of wakeup trees, which is simpler, and explores some
    /// runs in vain.
    pub source: bool,
    /// Identify the class of equivalent runs that each run belongs to (one more execution a run).
    pub classes: bool,
    /// Stop after about so many executions.
    pub limit: Option<u64>,
    /// Threads; the result does not depend on it.
    pub jobs: usize,
    /// A deliberate fault of the search, for its tests.
    pub flaw: Option<Flaw>,
}

/// A deliberate fault of the search. The tests must notice each.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// Interrupts and task switches are taken to commute with what they hold up.
    ContextIgnored,
    /// Nothing wakes a sleeper.
    SleepersNeverWake,
    /// A conflict counts only between two writes.
    ReadsIgnored,
    /// What programs have read is no part of a state.
    RepliesForgotten,
    /// What reverses a race is made of the steps up to its second one only.
    ReversalsCutShort,
    /// A step that made another one possible hides what lies further back.
    EnablersStopTheWalk,
    /// A run on which all sleep has no races.
    BlockedRunsForgotten,
    /// Operations that could not be carried out until the end have no races.
    PendingForgotten,
    /// With source sets: a sleeper covers every sequence that it commutes with.
    WeakInitials,
}

impl Flaw {
    /// Those of every search.
    pub const COMMON: [Flaw; 4] =
        [Flaw::ContextIgnored, Flaw::SleepersNeverWake, Flaw::ReadsIgnored, Flaw::RepliesForgotten];
    /// Those of the search by classes.
    pub const CLASSES: [Flaw; 5] = [
        Flaw::ReversalsCutShort,
        Flaw::EnablersStopTheWalk,
        Flaw::BlockedRunsForgotten,
        Flaw::PendingForgotten,
        Flaw::WeakInitials,
    ];
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            preemptions: None,
            interrupts: None,
            grace_periods: None,
            failures: None,
            reduce: true,
            merge: true,
            source: false,
            classes: false,
            limit: None,
            jobs: 1,
            flaw: None,
        }
    }
}

impl Settings {
    /// Is there any bound?
    pub fn bounded(&self) -> bool {
        let bounds = [self.preemptions, self.interrupts, self.grace_periods, self.failures];
        bounds.iter().any(Option::is_some)
    }

    /// Are there sleep sets?
    pub fn sleeps(&self) -> bool {
        self.reduce && !self.bounded()
    }

    /// Is the search one of classes of runs rather than of states?
    pub fn by_class(&self) -> bool {
        self.sleeps() && !self.merge
    }
}
