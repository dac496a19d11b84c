//! What an operation touches. Detectors, samplers and the reduced search live on this.

/// How an object is touched. Two accesses conflict unless both are [`Mode::Read`].
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Only looked at.
    Read,
    /// Changed.
    Write,
    /// A lock taken.
    Acquire,
    /// A lock released.
    Release,
}

/// A thing that can be touched: a word of simulated memory, or a piece of the machine's own state.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Object(pub u32);

impl Object {
    const MACHINE: u32 = 1 << 31;

    /// Word number `index` of the flat store.
    pub fn word(index: usize) -> Object {
        Object(index as u32)
    }

    /// The index of the word, unless it is machine state.
    pub fn word_index(self) -> Option<usize> {
        (self.0 & Object::MACHINE == 0).then_some(self.0 as usize)
    }

    const fn machine(kind: u32, index: u32) -> Object {
        Object(Object::MACHINE | kind << 24 | index)
    }

    /// Grace-period state: readers read it when they begin or end, grace periods write it.
    pub const RCU: Object = Object::machine(1, 0);

    /// The callback list of one CPU.
    pub fn callbacks(cpu: u16) -> Object {
        Object::machine(2, cpu.into())
    }

    /// The life of a task: its end writes, a join reads.
    pub fn life(agent: super::agent::AgentId) -> Object {
        Object::machine(3, agent.0.into())
    }

    /// The pending softirqs of one CPU.
    pub fn softirqs(cpu: u16) -> Object {
        Object::machine(4, cpu.into())
    }

    /// Is it a word, or the state of RCU: what programs share by intent?
    pub fn is_shareable(self) -> bool {
        self.word_index().is_some() || self == Object::RCU
    }

    /// Is it the pending softirqs of some CPU?
    pub fn is_softirqs(self) -> bool {
        self.0 & 0xff00_0000 == Object::machine(4, 0).0
    }

    /// The pending function calls of one CPU.
    pub fn calls(cpu: u16) -> Object {
        Object::machine(5, cpu.into())
    }

    /// The calendar of virtual time.
    pub const TIME: Object = Object::machine(6, 0);

    /// The allocator: which slot comes next.
    pub const ALLOCATOR: Object = Object::machine(7, 0);

    /// Who runs on one CPU, and what is turned off there. Only the exhaustive search looks at it.
    pub fn context(cpu: u16) -> Object {
        Object::machine(8, cpu.into())
    }

    /// The numbers of agents: which comes next.
    pub const AGENTS: Object = Object::machine(9, 0);

    /// The work items that are queued or running.
    pub const WORKS: Object = Object::machine(10, 0);

    /// The run as a whole: written by what does not commute with anything.
    pub const RUN: Object = Object::machine(11, 0);

    /// What the detectors know of locks.
    pub const DETECTORS: Object = Object::machine(12, 0);

    /// Whether an agent can take its step number `turn`. Only the exhaustive search looks at it.
    pub fn turn(agent: super::agent::AgentId, turn: u32) -> Object {
        Object::machine(13, (u32::from(agent.0) & 0x3ff) << 14 | (turn & 0x3fff))
    }

    /// The agent whose life this is, if it is one.
    pub fn life_of(self) -> Option<super::agent::AgentId> {
        let first = Object::machine(3, 0).0;
        (self.0 >> 24 == first >> 24).then_some(super::agent::AgentId(self.0 as u16))
    }

    /// Machine state as text: `rcu`, `callbacks of cpu1`.
    pub fn machine_name(self) -> Option<String> {
        let index = self.0 & 0xff_ffff;
        let name = match (self.0 & !Object::MACHINE) >> 24 {
            _ if self.word_index().is_some() => return None,
            1 => "rcu".to_owned(),
            2 => format!("callbacks of cpu{index}"),
            3 => format!("life of agent {index}"),
            4 => format!("softirqs of cpu{index}"),
            5 => format!("calls to cpu{index}"),
            6 => "time".to_owned(),
            7 => "allocator".to_owned(),
            8 => format!("context of cpu{index}"),
            9 => "agents".to_owned(),
            10 => "works".to_owned(),
            11 => "run".to_owned(),
            12 => "detectors".to_owned(),
            _ => format!("turn of agent {}", index >> 14),
        };
        Some(name)
    }
}

/// One object touched.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// What.
    pub object: Object,
    /// How.
    pub mode: Mode,
}

impl Default for Access {
    /// Nobody's: what storage is filled with.
    fn default() -> Access {
        Access { object: Object::word(0), mode: Mode::Read }
    }
}

impl Access {
    /// Do two accesses conflict: same object, and not both reads?
    pub fn conflicts(self, other: Access) -> bool {
        self.object == other.object && (self.mode != Mode::Read || other.mode != Mode::Read)
    }
}
