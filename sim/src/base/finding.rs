//! Findings: what a detector has to say.

use super::op::FrameId;

/// What kind of rule was broken. The names are stable and kebab-case.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Access to freed memory.
    UseAfterFree,
    /// Free of freed memory.
    DoubleFree,
    /// A DEBUG_LIST check failed.
    ListCorruption,
    /// `call_rcu()` on a head that is queued already.
    DoubleCallRcu,
    /// Words in use as a list node used as an `rcu_head`, or the reverse.
    OverlayConflict,
    /// An object changed before the grace period that protects its readers.
    WriteBeforeGracePeriod,
    /// A declared invariant does not hold.
    ImpossibleState,
    /// Nobody can go on.
    Deadlock,
    /// Locks taken in opposite orders, or recursively.
    LockInversion,
    /// A lock used in interrupt context and also with that interrupt enabled, or freed or left
    /// behind while held, or released by one who does not hold it.
    InconsistentLockState,
    /// Sleeping where it is forbidden.
    SleepInAtomic,
    /// RCU API misuse.
    SuspiciousRcu,
    /// `refcount_t` misuse.
    Refcount,
    /// A page freed in a state it must not have.
    BadPageState,
    /// Memory that nobody can reach any more.
    Leak,
    /// Conflicting accesses without order, one of them plain.
    DataRace,
    /// No progress.
    Stall,
    /// An assertion of the scenario failed.
    Assertion,
}

impl Kind {
    /// All kinds, in the order of columns in a matrix.
    pub const ALL: [Kind; 18] = [
        Kind::UseAfterFree,
        Kind::DoubleFree,
        Kind::ListCorruption,
        Kind::DoubleCallRcu,
        Kind::OverlayConflict,
        Kind::WriteBeforeGracePeriod,
        Kind::ImpossibleState,
        Kind::Deadlock,
        Kind::LockInversion,
        Kind::InconsistentLockState,
        Kind::SleepInAtomic,
        Kind::SuspiciousRcu,
        Kind::Refcount,
        Kind::BadPageState,
        Kind::Leak,
        Kind::DataRace,
        Kind::Stall,
        Kind::Assertion,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::UseAfterFree => "use-after-free",
            Kind::DoubleFree => "double-free",
            Kind::ListCorruption => "list-corruption",
            Kind::DoubleCallRcu => "double-call-rcu",
            Kind::OverlayConflict => "overlay-conflict",
            Kind::WriteBeforeGracePeriod => "write-before-grace-period",
            Kind::ImpossibleState => "impossible-state",
            Kind::Deadlock => "deadlock",
            Kind::LockInversion => "lock-inversion",
            Kind::InconsistentLockState => "inconsistent-lock-state",
            Kind::SleepInAtomic => "sleep-in-atomic",
            Kind::SuspiciousRcu => "suspicious-rcu",
            Kind::Refcount => "refcount",
            Kind::BadPageState => "bad-page-state",
            Kind::Leak => "leak",
            Kind::DataRace => "data-race",
            Kind::Stall => "stall",
            Kind::Assertion => "assertion",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Does the run end here? The kernel prints a warning for the others and goes on.
    pub fn is_fatal(self) -> bool {
        !matches!(
            self,
            Kind::InconsistentLockState
                | Kind::LockInversion
                | Kind::SuspiciousRcu
                | Kind::SleepInAtomic
                | Kind::Refcount
                | Kind::DataRace
                | Kind::WriteBeforeGracePeriod
        )
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// One of those involved in a finding: who did what where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// What it did: `Write of size 8 at mm.context.lock`, `Freed`, `Allocated`.
    pub what: String,
    /// Name of the agent.
    pub agent: String,
    /// Functions, innermost first: `__tlb_remove_table`, `pte_free_now0`.
    pub stack: Vec<String>,
    /// The operation: `spin_lock_bh`.
    pub op: String,
    /// Number of the step in its run, where it was one.
    pub event: Option<u32>,
}

impl Party {
    /// Function and operation: `__tlb_remove_table:spin_lock_bh`.
    pub fn site(&self) -> String {
        match self.stack.first() {
            Some(f) => format!("{f}:{}", self.op),
            None => self.op.clone(),
        }
    }
}

/// What identifies a finding across runs and seeds: kind, object role, the two sites.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signature(pub String);

impl Signature {
    /// The kind that it begins with.
    pub fn kind(&self) -> Option<Kind> {
        self.0.split_whitespace().next().and_then(Kind::from_name)
    }

    /// Kind and object: what remains the same when the bug shows at other sites.
    pub fn without_sites(&self) -> &str {
        self.0.split_once(" in ").map_or(&self.0, |(what, _)| what)
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A broken rule, with everything a report needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which rule.
    pub kind: Kind,
    /// The kernel's own first line: `BUG: KASAN: slab-use-after-free in __tlb_remove_table`.
    pub headline: String,
    /// The object by its role: `mm.context.lock`.
    pub object: String,
    /// Who noticed, then the others.
    pub parties: Vec<Party>,
    /// Further lines, in the kernel's words.
    pub notes: Vec<String>,
    /// Step at which it was noticed.
    pub event: u32,
}

impl Finding {
    /// Its identity: no values, no step numbers, no ordinals.
    pub fn signature(&self) -> Signature {
        let mut text = format!("{} {}", self.kind, without_ordinals(&self.object));
        for (i, party) in self.parties.iter().take(2).enumerate() {
            text.push_str(if i == 0 { " in " } else { " vs " });
            text.push_str(&party.site());
        }
        Signature(text)
    }
}

/// Drops `#3` and the creator `@cpu0/alloc` from an object's name.
fn without_ordinals(name: &str) -> String {
    let mut out = String::new();
    let mut skip = false;
    for c in name.chars() {
        match c {
            '#' | '@' => skip = true,
            '.' | ' ' | ',' if skip => skip = false,
            _ => {}
        }
        if !skip {
            out.push(c);
        }
    }
    out
}

/// A finding as a detector states it, before anything is named: indices and addresses only.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Which rule.
    pub kind: Kind,
    /// First line, where `{object}` stands for the object's name, `{func}` for the function, and
    /// `{funcs}` for the functions of the first two parties in alphabetic order.
    pub headline: String,
    /// The object.
    pub object: super::ptr::Ptr,
    /// What the one who noticed did, for its party; `{object}` if nothing else is known.
    pub what: &'static str,
    /// The other parties: steps of this run, and what each did.
    pub others: Vec<(u32, &'static str)>,
    /// Further objects, which `{0}`, `{1}` … stand for.
    pub names: Vec<super::ptr::Ptr>,
    /// Further lines, with the same placeholders; `{agent}` is the one who noticed.
    pub notes: Vec<String>,
}

impl Alarm {
    /// An alarm about the current step alone.
    pub fn new(kind: Kind, headline: impl Into<String>, object: super::ptr::Ptr) -> Alarm {
        Alarm {
            kind,
            headline: headline.into(),
            object,
            what: "{object}",
            others: Vec::new(),
            names: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The functions in whose names steps were made (a tree of calls), and the functions that can be
/// called by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    frames: Vec<(FrameId, &'static str)>,
    /// Name of the function at [`Ptr::text`](super::ptr::Ptr::text) of its index.
    pub text: Vec<&'static str>,
}

impl Symbols {
    /// The frame of `name` called from `parent`.
    pub fn enter(&mut self, parent: FrameId, name: &'static str) -> FrameId {
        let known = self.frames.iter().position(|&(p, n)| p == parent && n == name);
        let index = known.unwrap_or_else(|| {
            self.frames.push((parent, name));
            self.frames.len() - 1
        });
        index as FrameId + 1
    }

    /// Function names of a frame, innermost first.
    pub fn stack(&self, frame: FrameId) -> impl Iterator<Item = &'static str> + '_ {
        let mut at = frame;
        std::iter::from_fn(move || {
            let (parent, name) = *self.frames.get(usize::from(at).checked_sub(1)?)?;
            at = parent;
            Some(name)
        })
    }

    /// The innermost function, or the empty string outside of any.
    pub fn func(&self, frame: FrameId) -> &'static str {
        self.stack(frame).next().unwrap_or("")
    }
}
