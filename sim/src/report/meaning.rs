//! What a finding means, in a short paragraph.

use super::relevant::root;
use crate::base::finding::{Finding, Kind, Party};
use crate::base::preempt;

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

/// Why one must not sleep there, as far as the notes say.
fn atomic(finding: &Finding) -> &'static str {
    let number = |key: &str| {
        let note = finding.notes.iter().find_map(|note| note.split(key).nth(1))?;
        let digits = note.split(|c: char| !c.is_ascii_hexdigit()).next()?;
        u32::from_str_radix(digits, 16).ok()
    };
    match (number("preempt_count: "), number("irqs_disabled(): ")) {
        (Some(count), _) if preempt::in_hardirq(count) => "it is in a hard interrupt",
        (Some(count), _) if preempt::in_serving_softirq(count) => "it serves a softirq",
        (_, Some(1)) => "interrupts are off",
        (Some(count), _) if preempt::bh_disabled(count) => "softirqs are off",
        (Some(0), _) => "an RCU reader is open",
        (Some(_), _) => "preemption is off",
        (None, _) => "preemption, softirqs or interrupts are off, or an RCU reader is open",
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
        Kind::DoubleFree if finding.headline.contains("invalid-free") => format!(
            "{by} frees an address inside of {whole}, and nothing begins there: what is freed must \
             be what an allocation has returned."
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
        Kind::LockInversion => inversion(&by, finding),
        Kind::InconsistentLockState => lock_state(&by, finding),
        Kind::SleepInAtomic => format!(
            "{by} may sleep or wait where that is forbidden: {}, so whoever could wake it may \
             never get the CPU.",
            atomic(finding)
        ),
        Kind::SuspiciousRcu => suspicious(&by, finding),
        Kind::Refcount => format!(
            "{by} changes {object}, a reference count, in a way that no balanced use of references \
             leads to."
        ),
        Kind::BadPageState if said("page last freed").is_some() => format!(
            "{by} gets {whole} from the page allocator, and somebody has changed it since it was \
             freed by {}: a stale pointer to it is in use.",
            other("page last freed")
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
        Kind::Stall if finding.headline.starts_with("rcu: callback") => format!(
            "Nothing is left to do, and the callback that {by} has handed to call_rcu() has not \
             been called: no CPU that takes interrupts has it on its list."
        ),
        Kind::Stall => "The run comes back to the same state again and again, although everybody \
                        who could act has acted: no progress is possible."
            .to_owned(),
        Kind::Assertion => "A condition that the scenario states does not hold.".to_owned(),
    }
}

/// The circle of waiting in words, from the notes of the finding.
fn deadlock(finding: &Finding) -> String {
    let waits = [" waits for ", " is interrupted by ", " cannot finish "];
    let tells = |note: &&String| waits.iter().any(|w| note.contains(w)) && !note.contains("rcu: ");
    let notes: Vec<&str> = finding.notes.iter().filter(tells).map(String::as_str).collect();
    match notes.as_slice() {
        [] => "Somebody waits for what never comes.".to_owned(),
        [one] => format!("{one}: nobody is left who could end that."),
        all => format!("{}: a circle, which nobody in it can leave.", all.join("; ")),
    }
}

/// Lockdep's warnings of orders.
fn inversion(by: &str, finding: &Finding) -> String {
    let object = &finding.object;
    let says = |what: &str| finding.headline.contains(what);
    if says("recursive") {
        return format!(
            "{by} takes {object} while it holds a lock of the same class. If it is the same lock, \
             it waits for itself; if not, two tasks that take them in different orders wait for \
             each other. Lockdep must be told (spin_lock_nested()) if an order is kept."
        );
    }
    if says("irq lock inversion") || says("-unsafe lock order") {
        return format!(
            "{by} has made a chain between a lock that an interrupt takes and one that is taken \
             with that interrupt enabled. A CPU that holds the second may be interrupted and wait \
             for the first, whose holder on another CPU waits for the second. Lockdep needs to see \
             each part only once."
        );
    }
    format!(
        "{by} takes {object} in an order that other code contradicts. Two of them at the same time \
         wait for each other for ever; lockdep needs to see each order only once."
    )
}

/// Lockdep's warnings of one lock.
fn lock_state(by: &str, finding: &Finding) -> String {
    let object = &finding.object;
    let says = |what: &str| finding.headline.contains(what);
    if says("wait context") {
        format!(
            "{by} takes {object}, which may sleep, inside a spinlock, an RCU reader or an \
             interrupt, which must not."
        )
    } else if says("unlock balance") {
        format!("{by} releases {object} without holding it: its owner is no longer alone.")
    } else if says("held lock freed") {
        format!("{by} frees the memory of {object} while holding it: nobody can release it.")
    } else if says("locks held") {
        format!("{by} ends with {object} held: nobody can release it any more.")
    } else if says("__local_bh_enable_ip") {
        format!(
            "{by} turns softirqs on, which may run them there and turn interrupts on, where \
             interrupts are off and must stay so."
        )
    } else {
        format!(
            "{object} is taken in interrupt context, and also with that interrupt enabled. If the \
             interrupt comes while its own CPU holds the lock, it waits for what it has \
             interrupted, for ever. Lockdep needs to see each use only once."
        )
    }
}

/// Rules of the RCU API.
fn suspicious(by: &str, finding: &Finding) -> String {
    let says = |what: &str| finding.headline.contains(what);
    let notes = |what: &str| finding.notes.iter().any(|n| n.contains(what));
    let rule = if notes("offline CPU") || notes("extended quiescent state") {
        "RCU does not watch a CPU that idles or is offline: no grace period waits for what is read \
         there, and nobody calls callbacks queued there"
    } else if says("rcu_dereference") {
        "outside of a reader nothing keeps what the pointer leads to alive"
    } else if says("synchronize_rcu") {
        "a grace period that it waits for waits for the reader that it is in"
    } else if says("context switch") {
        "a reader that blocks holds up every grace period until it is woken"
    } else if says("unlock balance") {
        "there is no reader to leave"
    } else {
        "a reader that is never left holds up every grace period from now on"
    };
    format!("{by} breaks a rule of the RCU API: {rule}.")
}
