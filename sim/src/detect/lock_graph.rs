//! What lockdep knows of lock classes: how each was used, and which was taken inside which
//! (kernel/locking/lockdep.c, v6.3).

use crate::base::event::Event;
use crate::base::ptr::Ptr;

/// A usage bit: `2 * irq + read` for "taken in that interrupt context", four more for "taken with
/// that interrupt enabled"; irq 0 is hard, 1 is soft.
pub(super) type Usage = u8;

/// The bit for a lock taken in this interrupt context.
pub(super) fn used_in(soft: bool, read: bool) -> Usage {
    1 << (usize::from(soft) * 2 + usize::from(read))
}

/// The bit for a lock taken with this interrupt enabled.
pub(super) fn enabled(soft: bool, read: bool) -> Usage {
    used_in(soft, read) << 4
}

/// Usages that must not go together with this one, in one class or along a chain: the same kind of
/// interrupt, in it and with it enabled, unless both only read.
pub(super) fn exclusive(bit: Usage) -> Usage {
    let other = if bit < 16 { bit << 4 } else { bit >> 4 };
    let read = bit & 0b1010_1010 != 0;
    if read { other >> 1 } else { other | other << 1 }
}

/// All usages that must not go together with one of these.
pub(super) fn exclusive_of(bits: Usage) -> Usage {
    each(bits).fold(0, |mask, bit| mask | exclusive(bit))
}

/// The single bits of a mask, lowest first.
pub(super) fn each(bits: Usage) -> impl Iterator<Item = Usage> {
    (0..8).map(|i| 1 << i).filter(move |bit| bits & bit != 0)
}

/// The kernel's name of a usage.
pub(super) fn name(bit: Usage) -> &'static str {
    const NAMES: [&str; 8] = [
        "IN-HARDIRQ-W",
        "IN-HARDIRQ-R",
        "IN-SOFTIRQ-W",
        "IN-SOFTIRQ-R",
        "HARDIRQ-ON-W",
        "HARDIRQ-ON-R",
        "SOFTIRQ-ON-W",
        "SOFTIRQ-ON-R",
    ];
    NAMES[bit.trailing_zeros() as usize]
}

/// Is this usage about softirqs (rather than hard interrupts)?
pub(super) fn is_soft(bit: Usage) -> bool {
    bit & 0b1100_1100 != 0
}

/// A lock held, or waited for, by one context.
#[derive(Copy, Clone, Debug)]
pub(super) struct Held {
    /// Which lock.
    pub(super) lock: Ptr,
    /// Its class.
    pub(super) class: u16,
    /// The event that took it.
    pub(super) event: u32,
    /// Is it shared?
    pub(super) read: bool,
    /// Is it shared, and taken although a writer waits?
    pub(super) recursive: bool,
    /// Does it sleep?
    pub(super) sleeps: bool,
}

/// How "B inside A" blocks. Whoever asks for B recursively waits only for a writer; whoever holds A shared keeps only
/// writers waiting (Documentation/locking/lockdep-design.rst, "Recursive read locks").
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Strength {
    /// A is shared.
    pub(super) from_shared: bool,
    /// B is shared recursively.
    pub(super) to_recursive: bool,
}

impl Strength {
    /// Of taking `next` inside `held`.
    pub(super) fn of(held: Held, next: Held) -> Strength {
        Strength { from_shared: held.read, to_recursive: next.recursive }
    }

    /// Does an edge of this strength, where the other is known, say nothing new?
    fn is_no_more_than(self, known: Strength) -> bool {
        (self.from_shared || !known.from_shared) && (self.to_recursive || !known.to_recursive)
    }
}

/// "B was taken while holding A", seen on A.
#[derive(Copy, Clone, Debug)]
pub(super) struct Edge {
    /// B.
    pub(super) to: u16,
    /// How it blocks.
    pub(super) strength: Strength,
    /// The event that took B.
    pub(super) event: u32,
}

/// What is known of one lock class.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    /// The lock that it was first seen at, for its name.
    pub(super) lock: Ptr,
    /// Does waiting for it sleep?
    pub(super) sleeps: bool,
    /// How it was used, if it sleeps: always with interrupts on, which contradicts nothing. For
    /// reports.
    pub(super) slept: Usage,
    /// How it was used.
    pub(super) usage: Usage,
    /// The event that first set each usage bit.
    pub(super) first: [u32; 8],
    /// Locks taken while holding one of this class.
    pub(super) edges: Vec<Edge>,
    /// A problem of it was reported; only the first one is.
    pub(super) reported: bool,
}

impl Class {
    /// The four usage characters of a lock line, as `{+.?.}`: hardirq write and read, softirq
    /// write and read; `-` in that context, `+` with it enabled, `?` both, `.` neither.
    pub(super) fn chars(&self) -> String {
        let usage = self.usage | self.slept;
        let char = |i: u8| match (usage >> i & 1, usage >> (i + 4) & 1) {
            (0, 0) => '.',
            (_, 0) => '-',
            (0, _) => '+',
            _ => '?',
        };
        (0..4).map(char).collect()
    }
}

/// All classes of a run and the order in which they were taken.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The classes; those behind `used` are storage of earlier runs.
    classes: Vec<Class>,
    used: usize,
    /// Number of each kernel class here, plus one.
    index: Vec<u16>,
    /// Classes of nesting levels: kernel class, level, number here.
    nested: Vec<(u16, u8, u16)>,
    /// Storage of a search: a class and the position of the one that led to it.
    queue: Vec<(u16, u16, Edge)>,
    /// The same for [`Graph::circle`], with how each class was asked for.
    ways: Vec<(u16, bool, usize, Option<Edge>)>,
}

impl Graph {
    /// Forgets the last run; keeps the storage.
    pub(super) fn reset(&mut self) {
        self.used = 0;
        self.index.clear();
        self.nested.clear();
    }

    /// The class of a lock, known from now on.
    #[inline]
    pub(super) fn class_of(&mut self, class: u16, subclass: u8, lock: Ptr, sleeps: bool) -> u16 {
        if subclass == 0 {
            match self.index.get(usize::from(class)) {
                Some(&known) if known != 0 => return known - 1,
                _ => {}
            }
        } else if let Some(n) = self.nested.iter().find(|n| (n.0, n.1) == (class, subclass)) {
            return n.2;
        }
        self.register(class, subclass, lock, sleeps)
    }

    fn register(&mut self, class: u16, subclass: u8, lock: Ptr, sleeps: bool) -> u16 {
        let number = self.used as u16;
        if self.used == self.classes.len() {
            self.classes.push(Class::default());
        }
        let new = &mut self.classes[self.used];
        new.edges.clear();
        let edges = std::mem::take(&mut new.edges);
        *new = Class { lock, sleeps, edges, ..Class::default() };
        self.used += 1;
        if subclass != 0 {
            self.nested.push((class, subclass, number));
            return number;
        }
        if self.index.len() <= usize::from(class) {
            self.index.resize(usize::from(class) + 1, 0);
        }
        self.index[usize::from(class)] = number + 1;
        number
    }

    /// One class.
    pub(super) fn class(&self, number: u16) -> &Class {
        &self.classes[usize::from(number)]
    }

    /// One class, to change.
    pub(super) fn class_mut(&mut self, number: u16) -> &mut Class {
        &mut self.classes[usize::from(number)]
    }

    /// Grows with every class, usage and order that is new.
    pub(super) fn changes(&self) -> u32 {
        let known = self.classes[..self.used].iter();
        known.map(|c| 1 + c.usage.count_ones() + c.edges.len() as u32 + u32::from(c.reported)).sum()
    }

    /// Appends all that is known, for [`Detector::digest`](super::Detector::digest).
    pub(super) fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        out.push(self.used as u64);
        for class in &self.classes[..self.used] {
            let edges = class.edges.len() as u64;
            out.push(edges << 32 | u64::from(class.usage) << 1 | u64::from(class.reported));
            out.push(class.lock.0);
            let seen = (0..class.first.len()).filter(|bit| class.usage >> bit & 1 != 0);
            out.extend(seen.map(|bit| super::place(events, class.first[bit])));
            for edge in &class.edges {
                let Strength { from_shared, to_recursive } = edge.strength;
                let strength = u64::from(from_shared) << 1 | u64::from(to_recursive);
                out.extend([strength << 16 | u64::from(edge.to), super::place(events, edge.event)]);
            }
        }
    }

    /// Was `to` taken before while holding `from`, in a way that blocks at least as much?
    #[inline]
    pub(super) fn has_edge(&self, from: u16, to: u16, strength: Strength) -> bool {
        let known = |e: &Edge| e.to == to && strength.is_no_more_than(e.strength);
        self.class(from).edges.iter().any(known)
    }

    /// The edges from `next` to `held` that make a circle of waiting with the new "`next` inside
    /// `held`": nowhere in it is a lock asked for recursively and held shared (check_noncircular()).
    pub(super) fn circle(&mut self, next: Held, held: Held) -> Option<Vec<Edge>> {
        let mut queue = std::mem::take(&mut self.ways);
        queue.clear();
        queue.push((next.class, next.recursive, 0, None));
        let mut at = 0;
        let mut found = None;
        while let Some(&(class, recursive, ..)) = queue.get(at) {
            if class == held.class && !(recursive && held.read) {
                let mut path = Vec::new();
                while let (_, _, before, Some(edge)) = queue[at] {
                    path.push(edge);
                    at = before;
                }
                path.reverse();
                found = Some(path);
                break;
            }
            for &edge in &self.class(class).edges {
                let blocks = !(recursive && edge.strength.from_shared);
                let to = (edge.to, edge.strength.to_recursive);
                if blocks && queue.iter().all(|q| (q.0, q.1) != to) {
                    queue.push((to.0, to.1, at, Some(edge)));
                }
            }
            at += 1;
        }
        self.ways = queue;
        found
    }

    /// Searches from a class along the edges (or against them) for the first class that fits, itself
    /// included, nearest first, and returns the edges that lead to it, in order from `from`.
    pub(super) fn search(
        &mut self,
        from: u16,
        backwards: bool,
        fits: impl Fn(&Graph, u16) -> bool,
    ) -> Option<(u16, Vec<Edge>)> {
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        let strength = Strength { from_shared: false, to_recursive: false };
        queue.push((from, 0, Edge { to: from, event: 0, strength }));
        let mut at = 0;
        let mut found = None;
        while let Some(&(class, _, _)) = queue.get(at) {
            if fits(self, class) {
                found = Some((class, path(&queue, at)));
                break;
            }
            if backwards {
                for before in 0..self.used as u16 {
                    let edge = self.class(before).edges.iter().find(|e| e.to == class);
                    if let Some(&edge) = edge.filter(|_| queue.iter().all(|q| q.0 != before)) {
                        queue.push((before, at as u16, edge));
                    }
                }
            } else {
                for &edge in &self.class(class).edges {
                    if queue.iter().all(|q| q.0 != edge.to) {
                        queue.push((edge.to, at as u16, edge));
                    }
                }
            }
            at += 1;
        }
        self.queue = queue;
        found
    }
}

/// The edges that led to position `at` of a search.
fn path(queue: &[(u16, u16, Edge)], mut at: usize) -> Vec<Edge> {
    let mut edges = Vec::new();
    while at != 0 {
        edges.push(queue[at].2);
        at = usize::from(queue[at].1);
    }
    edges.reverse();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_excludes_its_opposite_unless_both_read() {
        let bits = |names: &[&str]| -> Usage {
            (0..8).map(|i| 1u8 << i).filter(|&b| names.contains(&name(b))).sum()
        };
        let one = |text: &str| bits(&[text]);
        assert_eq!(exclusive(one("IN-HARDIRQ-W")), bits(&["HARDIRQ-ON-W", "HARDIRQ-ON-R"]));
        assert_eq!(exclusive(one("IN-SOFTIRQ-R")), one("SOFTIRQ-ON-W"));
        assert_eq!(exclusive(one("SOFTIRQ-ON-W")), bits(&["IN-SOFTIRQ-W", "IN-SOFTIRQ-R"]));
        assert_eq!(exclusive(one("HARDIRQ-ON-R")), one("IN-HARDIRQ-W"));
        assert!(is_soft(one("SOFTIRQ-ON-R")) && !is_soft(one("HARDIRQ-ON-W")));
    }

    #[test]
    fn characters_are_those_of_the_kernel() {
        // The lock of the seed mail: taken with both enabled, and in softirq.
        let usage = enabled(false, false) | enabled(true, false) | used_in(true, false);
        assert_eq!(Class { usage, ..Class::default() }.chars(), "+.?.");
        assert_eq!(Class { usage: used_in(false, true), ..Class::default() }.chars(), ".-..");
    }
}
