//! What a finding means, in a short paragraph.

use super::relevant::root;
use crate::base::finding::{Finding, Kind, Party};

/// `softirq:rcu on cpu0`.
pub(super) fn who(party: &Party) -> String {
    match party.agent.split_once('/') {
        Some((cpu, role)) if cpu.starts_with("cpu") => format!("{role} on {cpu}"),
        _ => party.agent.clone(),
    }
}

/// `softirq:rcu on cpu0 (in pte_free_now())`.
fn where_(party: &Party) -> String {
    match party.stack.first() {
        Some(func) => format!("{} (in {func}())", who(party)),
        None => who(party),
    }
}

/// The paragraph.
pub(super) fn meaning(finding: &Finding) -> String {
    let Some(first) = finding.parties.first() else { return String::new() };
    let object = &finding.object;
    let whole = root(object);
    let by = where_(first);
    let said = |what: &str| finding.parties.iter().skip(1).find(|p| p.what.starts_with(what));
    let other = |what: &str| said(what).map_or_else(|| "somebody".to_owned(), where_);
    match finding.kind {
        Kind::UseAfterFree if said("Freed").is_some() => format!(
            "{by} touches {object}, but {} has freed {whole} before. Nothing that the first holds \
             (a reference, a lock, an RCU read-side critical section) keeps {whole} alive until \
             then.",
            other("Freed")
        ),
        Kind::UseAfterFree => format!(
            "{by} follows a pointer to nowhere. It was read before somebody cleared or poisoned \
             it, or never set."
        ),
        Kind::DoubleFree => format!(
            "{by} frees {object}, which {} has freed already. Both believe that they hold the last \
             reference.",
            other("Freed")
        ),
        Kind::ListCorruption => format!(
            "{by} changes a list through {object}, whose links are not those of a node that is on \
             it once. Somebody else has added, removed or overwritten it in between: the check of \
             its state and the change are not under one lock, or the state lies."
        ),
        Kind::DoubleCallRcu => format!(
            "{by} queues {object}, which {} has queued and whose callback has not run yet. The two \
             callbacks share one rcu_head: one of them is lost, or the callback list becomes a \
             circle.",
            other("Last potentially")
        ),
        Kind::OverlayConflict => format!(
            "{by} uses words of {whole} for one purpose while they are in use for another: \
             overlaid fields ({object}) have one storage and two owners."
        ),
        Kind::WriteBeforeGracePeriod => format!(
            "{by} changes {object} although readers that began before may still look at it: no \
             grace period lies between its removal and this change."
        ),
        Kind::ImpossibleState => {
            format!("{by} brings {object} into a state that the code relies on never to occur.")
        }
        Kind::Deadlock => deadlock(finding),
        Kind::LockInversion => format!(
            "{by} takes {object} in an order that other code contradicts. Two of them at the same \
             time wait for each other for ever; lockdep needs to see each order only once."
        ),
        Kind::InconsistentLockState if !finding.headline.contains("inconsistent") => format!(
            "{by} and {object} part in a way that leaves the lock in nobody's hands, or in those of \
             somebody who has forgotten it."
        ),
        Kind::InconsistentLockState => format!(
            "{object} is taken in interrupt context, and also with that interrupt enabled. If the \
             interrupt comes while its own CPU holds the lock, it waits for what it has \
             interrupted, for ever. Lockdep needs to see each use only once."
        ),
        Kind::SleepInAtomic => format!(
            "{by} may sleep where that is forbidden: preemption, softirqs or interrupts are off, \
             so whoever could wake it may never get the CPU."
        ),
        Kind::SuspiciousRcu => format!("{by} breaks a rule of the RCU API."),
        Kind::Refcount => format!(
            "{by} changes {object}, a reference count, in a way that no balanced use of references \
             leads to."
        ),
        Kind::BadPageState => format!(
            "{by} gives {whole} back to the page allocator while it still carries the marks of a \
             use."
        ),
        Kind::Leak => format!(
            "{object} is still allocated at the end, and no reachable memory points to it: nobody \
             can free it any more."
        ),
        Kind::DataRace => format!(
            "{by} and {} touch {object} with no order between them, and at least one access is \
             plain: the compiler may tear, repeat or invent it.",
            finding.parties.get(1).map_or_else(|| "somebody".to_owned(), where_)
        ),
        Kind::Stall => format!("{by} makes no progress."),
        Kind::Assertion => "A condition that the scenario states does not hold.".to_owned(),
    }
}

/// The circle of waiting in words, from the notes of the finding.
fn deadlock(finding: &Finding) -> String {
    match finding.notes.as_slice() {
        [] => "Somebody waits for what never comes.".to_owned(),
        [one] => format!("{one}: nobody is left who could end that."),
        all => format!("{}: a circle, which nobody in it can leave.", all.join("; ")),
    }
}
