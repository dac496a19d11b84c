//! Words: reads, writes, atomics, `refcount_t`, assertions.

use super::memory::role;
use super::system::System;
use crate::base::agent::AgentId;
use crate::base::finding::Kind;
use crate::base::footprint::{Mode, Object};
use crate::base::op::{RefOp, Rmw};
use crate::base::ptr::Ptr;

/// `REFCOUNT_SATURATED` as a 32-bit value (include/linux/refcount.h).
pub const REFCOUNT_SATURATED: u32 = 0xc000_0000;

/// What a `refcount_t` operation makes of a value: the new one, refcount_warn_saturate()'s
/// complaint, and the reply (include/linux/refcount.h, lib/refcount.c, v6.3). Counters are signed.
fn refcount_step(f: RefOp, old: u32) -> (u32, Option<&'static str>, u64) {
    let negative = old > i32::MAX as u32;
    match f {
        RefOp::IncNotZero if old == 0 => (0, None, 0),
        RefOp::Inc if old == 0 => (REFCOUNT_SATURATED, Some("addition on 0; use-after-free."), 1),
        RefOp::Inc | RefOp::IncNotZero if negative || old == i32::MAX as u32 => {
            (REFCOUNT_SATURATED, Some("saturated; leaking memory."), 1)
        }
        RefOp::Inc | RefOp::IncNotZero => (old + 1, None, 1),
        RefOp::DecAndTest if old == 0 || negative => {
            (REFCOUNT_SATURATED, Some("underflow; use-after-free."), 0)
        }
        RefOp::Dec if old <= 1 || negative => {
            (REFCOUNT_SATURATED, Some("decrement hit 0; leaking memory."), 0)
        }
        RefOp::Dec | RefOp::DecAndTest => (old - 1, None, u64::from(old == 1)),
    }
}

impl System {
    pub(super) fn read(&mut self, id: AgentId, at: Ptr) -> u64 {
        self.at(id, at, Mode::Read).map_or(0, |i| self.mem.load(i))
    }

    pub(super) fn write(&mut self, id: AgentId, at: Ptr, value: u64) -> u64 {
        if let Some(index) = self.at(id, at, Mode::Write) {
            self.overwrite(id, at, index);
            self.store(index, value);
        }
        0
    }

    pub(super) fn rmw(&mut self, id: AgentId, at: Ptr, f: Rmw, a: u64, b: u64) -> u64 {
        let Ok(index) = self.mem.index(at) else {
            self.at(id, at, Mode::Write);
            return 0;
        };
        let old = self.mem.load(index);
        match f.apply(old, a, b) {
            Some(new) => {
                self.access(Object::word(index), Mode::Write);
                self.overwrite(id, at, index);
                self.store(index, new);
            }
            None => self.access(Object::word(index), Mode::Read),
        }
        old
    }

    /// A word in use as a list node or a queued `rcu_head` must not be written as anything else.
    #[inline]
    fn overwrite(&mut self, id: AgentId, at: Ptr, index: usize) {
        if self.mem.role(index) & (role::LISTED | role::QUEUED) != 0 {
            self.overlay_conflict(id, at, index);
        }
    }

    pub(super) fn refcount(&mut self, id: AgentId, at: Ptr, f: RefOp) -> u64 {
        let Some(index) = self.at(id, at, Mode::Write) else { return 0 };
        let (new, complaint, reply) = refcount_step(f, self.mem.load(index) as u32);
        let new = u64::from(new);
        self.store(index, new);
        if let Some(text) = complaint {
            let headline = format!("refcount_t: {text}");
            self.report(id, Kind::Refcount, headline, at, Vec::new(), Vec::new());
        }
        reply
    }

    pub(super) fn check(&mut self, id: AgentId, ok: bool, what: &'static str) -> u64 {
        if !ok {
            let func = self.func_of(id);
            let headline = match func {
                "BUG_ON" => format!("kernel BUG: {what}"),
                func => format!("kernel BUG at {func}: {what}"),
            };
            self.report_named(
                id,
                Kind::Assertion,
                headline,
                what.to_owned(),
                Vec::new(),
                Vec::new(),
            );
        }
        u64::from(ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every message of lib/refcount.c, at the value that brings it about and at its neighbours.
    #[test]
    fn refcounts_saturate_as_in_the_kernel() {
        const MAX: u32 = 0x7fff_ffff;
        let sat = REFCOUNT_SATURATED;
        let uaf = Some("addition on 0; use-after-free.");
        let full = Some("saturated; leaking memory.");
        let under = Some("underflow; use-after-free.");
        let leak = Some("decrement hit 0; leaking memory.");
        let cases = [
            (RefOp::Inc, 0, sat, uaf, 1),
            (RefOp::Inc, 1, 2, None, 1),
            (RefOp::Inc, MAX - 1, MAX, None, 1),
            (RefOp::Inc, MAX, sat, full, 1),
            (RefOp::Inc, sat, sat, full, 1),
            (RefOp::IncNotZero, 0, 0, None, 0),
            (RefOp::IncNotZero, 1, 2, None, 1),
            (RefOp::IncNotZero, MAX, sat, full, 1),
            (RefOp::IncNotZero, sat, sat, full, 1),
            (RefOp::DecAndTest, 2, 1, None, 0),
            (RefOp::DecAndTest, 1, 0, None, 1),
            (RefOp::DecAndTest, 0, sat, under, 0),
            (RefOp::DecAndTest, sat, sat, under, 0),
            (RefOp::Dec, 2, 1, None, 0),
            (RefOp::Dec, 1, sat, leak, 0),
            (RefOp::Dec, 0, sat, leak, 0),
            (RefOp::Dec, sat, sat, leak, 0),
        ];
        for (f, old, new, complaint, reply) in cases {
            assert_eq!(refcount_step(f, old), (new, complaint, reply), "{f:?} of {old:#x}");
        }
    }
}
