//! Who can be chosen to act next.

/// Number of an agent within one run: an index, never printed. People see its name.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AgentId(pub u16);

impl AgentId {
    /// As an index into a table of agents.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What kind of thing an agent is. The order is that of context levels, lowest first; all kinds
/// from [`AgentKind::Irq`] on belong to the environment, which the default policy lets act last.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AgentKind {
    /// A task (user process in the kernel, or kthread).
    Task,
    /// A softirq vector of one CPU, while it is being served.
    Softirq,
    /// An interrupt line of one CPU; its handler runs in hard interrupt context.
    Irq,
    /// The timer interrupt of one CPU, offered only when it has something to do.
    Tick,
    /// `ksoftirqd/N`, about to run softirqs that were left pending.
    Ksoftirqd,
    /// The grace-period machinery of RCU.
    Rcu,
    /// Virtual time, about to jump to the next timer.
    Clock,
    /// The load balancer, about to move a waiting task to another CPU.
    Balance,
}

impl AgentKind {
    /// Does this agent act for the environment rather than for code of the scenario?
    pub fn is_environment(self) -> bool {
        self >= AgentKind::Irq
    }
}

/// A set of agents, as a bit mask that grows with the highest member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSet {
    words: Vec<u64>,
    len: u32,
}

impl AgentSet {
    /// Removes all members; keeps the storage.
    pub fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    /// Number of members.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Has it no member?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds or removes one agent.
    #[inline]
    pub fn set(&mut self, agent: AgentId, member: bool) {
        let (word, bit) = (agent.index() / 64, agent.0 % 64);
        if let Some(mask) = self.words.get_mut(word) {
            // Without a branch: whether a call changes anything is hard to foresee.
            let (was, is) = (*mask >> bit & 1, u64::from(member));
            *mask ^= (was ^ is) << bit;
            self.len = self.len + is as u32 - was as u32;
        } else if member {
            self.grow(agent);
        }
    }

    /// Adds or removes all agents of a bit mask, of which the lowest bit is agent 0.
    #[inline]
    pub fn set_first(&mut self, mask: u64, members: bool) {
        if self.words.is_empty() {
            self.words.push(0);
        }
        let word = &mut self.words[0];
        let was = *word;
        *word = if members { was | mask } else { was & !mask };
        let changed = (was ^ *word).count_ones();
        self.len = if members { self.len + changed } else { self.len - changed };
    }

    #[cold]
    fn grow(&mut self, agent: AgentId) {
        self.words.resize(agent.index() / 64 + 1, 0);
        self.set(agent, true);
    }

    /// Is the agent a member?
    #[inline]
    pub fn contains(&self, agent: AgentId) -> bool {
        self.words.get(agent.index() / 64).is_some_and(|w| w & 1 << (agent.0 % 64) != 0)
    }

    /// The `n`-th member in ascending order, counting from 0.
    ///
    /// # Panics
    /// When there are not that many members.
    #[inline]
    pub fn nth(&self, n: u32) -> AgentId {
        // Small machines have few agents.
        if let (Some(&word), Some(select)) = (self.words.first(), SELECT.get(n as usize)) {
            let bit = select[word as usize & 0xff];
            if bit < 8 {
                return AgentId(bit.into());
            }
        }
        self.nth_of_many(n)
    }

    fn nth_of_many(&self, n: u32) -> AgentId {
        let mut left = n;
        for (i, &word) in self.words.iter().enumerate() {
            let sums = byte_sums(word);
            let here = (sums >> 56) as u32;
            if left < here {
                return AgentId((i * 64) as u16 + nth_bit(word, sums, left));
            }
            left -= here;
        }
        panic!("AgentSet::nth({n}) of a set with {} members", self.len)
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = AgentId> + '_ {
        let mut words = self.words.iter();
        let (mut first, mut left) = (0, words.next().copied().unwrap_or(0));
        std::iter::from_fn(move || {
            while left == 0 {
                left = *words.next()?;
                first += 64;
            }
            let member = AgentId(first + left.trailing_zeros() as u16);
            left &= left - 1;
            Some(member)
        })
    }
}

/// A one in each byte.
const BYTES: u64 = 0x0101_0101_0101_0101;

/// For each byte, how many bits are set up to its end: all counts of a word in one go, for there
/// may be no instruction that counts bits.
#[inline]
fn byte_sums(word: u64) -> u64 {
    let pairs = word - (word >> 1 & 0x5555_5555_5555_5555);
    let nibbles = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    let bytes = (nibbles + (nibbles >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    bytes.wrapping_mul(BYTES)
}

/// Position of the `n`-th set bit of a word with these sums. Without a branch: who acts next is
/// random, so that the processor would guess wrong every other time.
#[inline]
fn nth_bit(word: u64, sums: u64, n: u32) -> u16 {
    // The highest bit of each byte whose sum is at most `n`.
    let before = (((u64::from(n) * BYTES) | (BYTES << 7)) - sums) & (BYTES << 7);
    let skipped = ((before >> 7).wrapping_mul(BYTES) >> 56) as u32 * 8;
    let left = n - (((sums << 8) >> skipped) as u32 & 0xff);
    skipped as u16 + u16::from(SELECT[left as usize & 7][(word >> skipped) as usize & 0xff])
}

/// Position of the `n`-th set bit of a byte, 8 if there is none: `SELECT[n][byte]`.
static SELECT: [[u8; 256]; 8] = {
    let mut select = [[8; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut n) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 != 0 {
                select[n][byte] = bit;
                n += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    select
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nth_finds_every_bit() {
        for word in [u64::MAX, u64::MAX << 8, 0x8000_0000_0000_0001, 0xff00_f0f1_0380_1fff, 1 << 63]
        {
            let bits = (0..64).filter(|bit| word >> bit & 1 != 0);
            for (n, bit) in bits.enumerate() {
                assert_eq!(nth_bit(word, byte_sums(word), n as u32), bit, "{word:x}, {n}");
            }
        }
    }

    #[test]
    fn nth_agrees_with_iteration() {
        let mut set = AgentSet::default();
        let members = [0u16, 1, 7, 8, 40, 47, 62, 63, 64, 130, 300];
        for m in members {
            set.set(AgentId(m), true);
        }
        set.set(AgentId(5), true);
        set.set(AgentId(5), false);
        set.set(AgentId(900), false);
        assert_eq!(set.len(), 11);
        assert_eq!(set.iter().map(|a| a.0).collect::<Vec<_>>(), members);
        for (n, m) in members.into_iter().enumerate() {
            assert_eq!(set.nth(n as u32), AgentId(m));
            assert!(set.contains(AgentId(m)));
        }
        assert!(!set.contains(AgentId(5)));
    }

    #[test]
    fn a_mask_is_as_good_as_its_members_one_by_one() {
        for (before, mask) in [(0u64, 0b1011), (0b0110, 0b1011), (u64::MAX, 1 << 63), (0b100, 0)] {
            for member in [true, false] {
                let (mut set, mut other) = (AgentSet::default(), AgentSet::default());
                let agents = |mask: u64| (0..64).filter(move |n| mask >> n & 1 != 0).map(AgentId);
                agents(before).for_each(|agent| set.set(agent, true));
                agents(before).for_each(|agent| other.set(agent, true));
                set.set_first(mask, member);
                agents(mask).for_each(|agent| other.set(agent, member));
                assert!(set.iter().eq(other.iter()), "{before:b}, {mask:b}, {member}");
                assert_eq!(set.len(), other.len(), "{before:b}, {mask:b}, {member}");
            }
        }
    }

    #[test]
    fn nobody_comes_back_into_a_set_that_was_cleared() {
        let mut set = AgentSet::default();
        set.set(AgentId(3), true);
        set.set(AgentId(200), true);
        set.clear();
        set.set(AgentId(200), true);
        assert_eq!((set.len(), set.iter().collect::<Vec<_>>()), (1, vec![AgentId(200)]));
    }
}
