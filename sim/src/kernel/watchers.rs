//! The agents that wait for words of one slot of memory.

use crate::base::agent::AgentId;

/// How many agents can wait at ease.
const AT_EASE: u16 = 48;

/// The agents that wait for words of one slot of memory. One word: a large machine has many slots.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Watchers(u64);

impl Watchers {
    /// Is there any?
    #[inline]
    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    /// Tasks that can act if and only if the mutex that they want is free, the same for all, one
    /// bit each: nothing about such a task has to be looked at when the mutex changes hands.
    #[inline]
    pub(super) fn at_ease(self) -> u64 {
        self.0 & ((1 << AT_EASE) - 1)
    }

    /// The lowest of the tasks that wait at ease.
    #[inline]
    pub(super) fn one_at_ease(self) -> Option<AgentId> {
        (self.at_ease() != 0).then(|| AgentId(self.0.trailing_zeros() as u16))
    }

    /// Does this task wait at ease?
    #[inline]
    pub(super) fn is_at_ease(self, id: AgentId) -> bool {
        Watchers::can_be_at_ease(id) && self.0 >> id.0 & 1 != 0
    }

    /// Is there room for this one?
    #[inline]
    pub(super) fn can_be_at_ease(id: AgentId) -> bool {
        id.0 < AT_EASE
    }

    /// Adds or removes a task that waits at ease.
    #[inline]
    pub(super) fn set_at_ease(&mut self, id: AgentId, member: bool) {
        let bit = 1 << id.0;
        self.0 = if member { self.0 | bit } else { self.0 & !bit };
    }

    /// The first of all others, plus one; 0 for none. The rest is a chain (`Agent::watch_next`).
    #[inline]
    pub(super) fn first(self) -> u16 {
        (self.0 >> AT_EASE) as u16
    }

    /// Changes the first of the chain.
    #[inline]
    pub(super) fn set_first(&mut self, first: u16) {
        self.0 = self.at_ease() | u64::from(first) << AT_EASE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_at_ease_and_the_chain_do_not_touch() {
        let mut watchers = Watchers::default();
        let [low, high, none] = [0, AT_EASE - 1, AT_EASE].map(AgentId);
        watchers.set_first(u16::MAX);
        assert_eq!((watchers.at_ease(), watchers.one_at_ease()), (0, None));
        watchers.set_at_ease(high, true);
        watchers.set_at_ease(low, true);
        assert_eq!((watchers.first(), watchers.one_at_ease()), (u16::MAX, Some(low)));
        // The lowest bit of the chain is no task at ease.
        assert!(watchers.is_at_ease(high) && !watchers.is_at_ease(none));
        watchers.set_first(0);
        watchers.set_at_ease(low, false);
        assert_eq!((watchers.first(), watchers.one_at_ease()), (0, Some(high)));
        watchers.set_at_ease(high, false);
        assert!(!watchers.any());
    }
}
