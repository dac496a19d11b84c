//! Data races: two accesses to a word that nothing orders, at least one of them a write and at
//! least one of them plain (kernel/kcsan/report.c, v6.3; the rules are those of
//! tools/memory-model/Documentation/access-marking.txt).
//!
//! Vector clocks order accesses, so a race is found in schedules in which the two accesses are far
//! apart. What orders: a lock and its next owner; a marked write (or atomic operation) and the
//! marked read that sees it, since memory is sequentially consistent here; starting a task, work
//! item, timer, cross-call, callback, and waiting for its end; the end of a reader and the end of
//! a grace period, and the end of a grace period and readers that begin later. A region with
//! interrupts, softirqs or preemption off is ordered with what it keeps off its CPU, and with
//! nothing else: a plain access in a task races with one in an interrupt of the same CPU.
//!
//! Words that only locks, lists heads of callbacks and the like touch are not checked; nor is the
//! act of freeing, which is KASAN's business.

use super::Detector;
use super::clocks::{Cell, Clock, Named, PLAIN, Shadow, Shadows, WRITE, digest_clock, join};
use crate::base::agent::AgentId;
use crate::base::event::{Event, Phase};
use crate::base::finding::{Alarm, Kind};
use crate::base::footprint::{Access, Mode};
use crate::base::op::{ListOp, Marking, Op};
use crate::base::preempt;
use crate::base::ptr::{Ptr, SLOT_WORDS};

/// What is off: other tasks, softirqs, interrupts of this CPU.
const REGIONS: [u8; 3] = [1, 2, 4];

/// One context.
#[derive(Debug, Default)]
struct Thread {
    clock: Clock,
    /// What was off before its last event.
    off: u8,
}

/// See the module.
#[derive(Debug, Default)]
pub struct DataRace {
    threads: Vec<Thread>,
    used: usize,
    named: Named,
    shadows: Shadows,
    /// Tasks of a CPU run one after the other, except where they give way.
    pub cooperative: bool,
}

impl Detector for DataRace {
    fn reset(&mut self) {
        self.used = 0;
        self.named.reset();
        self.shadows.reset();
    }

    fn digest(&self, events: &[Event], out: &mut Vec<u64>) {
        for thread in &self.threads[..self.used] {
            out.push(thread.off.into());
            digest_clock(&thread.clock, out);
        }
        self.named.digest(out);
        self.shadows.digest(events, out);
    }

    fn observe(&mut self, at: u32, event: &Event, accesses: &[Access], alarms: &mut Vec<Alarm>) {
        let me = event.agent;
        self.ensure(me);
        match event.call.op {
            Op::IrqEntry => self.threads[me.index()].off = 0,
            Op::GpEnd => self.named.end_grace_period(),
            Op::Tick | Op::RunKsoftirqd | Op::GpStart | Op::Advance | Op::Migrate => return,
            _ => {
                self.enter_regions(event);
                self.perform(at, event, accesses, alarms);
            }
        }
        if event.ends {
            self.leave_regions(event);
            self.release_named(me, Named::DONE);
            self.threads[me.index()].off = 0;
        }
    }
}

impl DataRace {
    fn ensure(&mut self, agent: AgentId) {
        while self.used <= agent.index() {
            if self.threads.len() == self.used {
                self.threads.push(Thread::default());
            }
            let thread = &mut self.threads[self.used];
            thread.off = 0;
            thread.clock.clear();
            thread.clock.resize(self.used + 1, 0);
            thread.clock[self.used] = 1;
            self.used += 1;
        }
    }

    /// What this context keeps off its CPU.
    #[inline]
    fn off(&self, event: &Event) -> u8 {
        let hard = preempt::in_hardirq(event.preempt) || event.irqs_off;
        let soft = hard || preempt::bh_disabled(event.preempt);
        let tasks = soft || event.preempt != 0 || self.cooperative;
        u8::from(tasks) | u8::from(soft) << 1 | u8::from(hard) << 2
    }

    /// A region that has begun since the last event comes after those of its CPU that have ended.
    #[inline]
    fn enter_regions(&mut self, event: &Event) {
        let off = self.off(event);
        let thread = &mut self.threads[event.agent.index()];
        let new = off & !std::mem::replace(&mut thread.off, off);
        if new != 0 {
            for (i, bit) in REGIONS.into_iter().enumerate() {
                if new & bit != 0 {
                    join(&mut thread.clock, self.named.region(event.cpu, i));
                }
            }
        }
    }

    /// A region may end with this event.
    fn leave_regions(&mut self, event: &Event) {
        let off = self.off(event);
        let thread = &mut self.threads[event.agent.index()];
        for (i, bit) in REGIONS.into_iter().enumerate() {
            if off & bit != 0 {
                join(self.named.region(event.cpu, i), &thread.clock);
            }
        }
        thread.clock[event.agent.index()] += 1;
    }

    fn release_named(&mut self, me: AgentId, which: usize) {
        let thread = &mut self.threads[me.index()];
        join(self.named.get(which), &thread.clock);
        thread.clock[me.index()] += 1;
    }

    fn acquire_named(&mut self, me: AgentId, which: usize) {
        join(&mut self.threads[me.index()].clock, self.named.get(which));
    }

    /// Later marked reads of this word come after what was done so far.
    #[inline]
    fn release(&mut self, me: AgentId, word: usize) {
        let thread = &mut self.threads[me.index()];
        join(self.shadows.sync(word), &thread.clock);
        thread.clock[me.index()] += 1;
    }

    #[inline]
    fn acquire(&mut self, me: AgentId, word: usize) {
        if let Some(clock) = self.shadows.known_sync(word) {
            join(&mut self.threads[me.index()].clock, clock);
        }
    }

    fn perform(&mut self, at: u32, event: &Event, accesses: &[Access], alarms: &mut Vec<Alarm>) {
        let me = event.agent;
        let done = event.phase != Phase::Begun;
        match event.call.op {
            Op::Read { how: Marking::Plain, at: word } => {
                self.each(accesses, |d, w, _| d.check(at, me, w, PLAIN, word, alarms));
            }
            Op::Write { how: Marking::Plain, at: word, .. } => {
                self.each(accesses, |d, w, _| d.check(at, me, w, PLAIN | WRITE, word, alarms));
            }
            Op::Read { at: word, .. }
            | Op::Write { at: word, .. }
            | Op::Rmw { at: word, .. }
            | Op::Refcount { at: word, .. }
            | Op::Await { at: word, .. }
                if done =>
            {
                let acquires = !matches!(event.call.op, Op::Write { .. });
                self.each(accesses, |d, w, mode| {
                    d.marked(at, me, w, mode, acquires, word, alarms);
                });
            }
            Op::List { f, node, head } => self.list(at, me, f, [node, head], accesses, alarms),
            Op::Lock { attempt, .. } if done && (!attempt || event.reply != 0) => {
                self.each(accesses, |d, w, _| d.acquire(me, w));
            }
            Op::Unlock { .. } => {
                self.each(accesses, |d, w, _| d.release(me, w));
                self.leave_regions(event);
            }
            Op::Toggle(_) | Op::IrqRestore(_) => self.leave_regions(event),
            Op::RcuReadLock => self.acquire_named(me, Named::GRACE_PERIODS),
            Op::RcuReadUnlock => {
                self.release_named(me, Named::READERS);
                self.leave_regions(event);
            }
            Op::SynchronizeRcu => {
                self.release_named(me, Named::READERS);
                if done {
                    self.acquire_named(me, Named::GRACE_PERIODS);
                }
            }
            Op::CallRcu { .. } | Op::QueueWork { .. } | Op::ModTimer { .. } => {
                self.each(accesses, |d, w, _| d.release(me, w));
            }
            Op::RcuInvoke | Op::WorkInvoke | Op::TimerInvoke => {
                self.each(accesses, |d, w, _| d.acquire(me, w));
                self.acquire_named(me, Named::GRACE_PERIODS);
            }
            Op::RcuBarrier | Op::FlushWork { .. } | Op::CancelWork { .. } | Op::DelTimer { .. }
                if done =>
            {
                self.acquire_named(me, Named::DONE);
            }
            Op::SmpCall { .. } => {
                self.release_named(me, Named::CALLS);
                self.acquire_named(me, Named::DONE);
            }
            Op::CallInvoke => self.acquire_named(me, Named::CALLS),
            Op::RaiseSoftirq(_) => {
                let thread = &mut self.threads[me.index()];
                join(self.named.region(event.cpu, 1), &thread.clock);
                thread.clock[me.index()] += 1;
            }
            Op::Spawn { .. } => self.spawn(me, AgentId(event.reply as u16)),
            Op::Join(target) if done => {
                self.ensure(target);
                let ended = std::mem::take(&mut self.threads[target.index()].clock);
                join(&mut self.threads[me.index()].clock, &ended);
                self.threads[target.index()].clock = ended;
            }
            Op::Alloc { .. } => {
                let clock = self.threads[me.index()].clock[me.index()];
                self.each(accesses, |d, w, _| d.shadows.fresh(w, me, clock, at));
            }
            _ => {}
        }
        // Giving way is where tasks of a non-preemptible kernel meet.
        if self.cooperative && (!done || matches!(event.call.op, Op::Schedule)) {
            self.leave_regions(event);
            self.threads[me.index()].off = 0;
        }
    }

    fn spawn(&mut self, me: AgentId, child: AgentId) {
        self.ensure(child);
        let parent = std::mem::take(&mut self.threads[me.index()].clock);
        join(&mut self.threads[child.index()].clock, &parent);
        self.threads[me.index()].clock = parent;
        self.threads[me.index()].clock[me.index()] += 1;
    }

    /// For each word touched, in order.
    #[inline]
    fn each(&mut self, accesses: &[Access], mut f: impl FnMut(&mut DataRace, usize, Mode)) {
        for access in accesses {
            if let Some(word) = access.object.word_index() {
                f(self, word, access.mode);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call, spelled out")]
    fn marked(
        &mut self,
        at: u32,
        me: AgentId,
        word: usize,
        mode: Mode,
        acquires: bool,
        ptr: Ptr,
        alarms: &mut Vec<Alarm>,
    ) {
        if acquires {
            self.acquire(me, word);
        }
        let writes = mode == Mode::Write;
        self.check(at, me, word, u8::from(writes) * WRITE, ptr, alarms);
        if writes {
            self.release(me, word);
        }
    }

    /// A list operation: which of its accesses are marked is written in include/linux/list.h.
    fn list(
        &mut self,
        at: u32,
        me: AgentId,
        f: ListOp,
        nodes: [Ptr; 2],
        accesses: &[Access],
        alarms: &mut Vec<Alarm>,
    ) {
        let mut writes = 0;
        self.each(accesses, |d, word, mode| {
            let ptr = nodes.into_iter().find(|n| n.index() / SLOT_WORDS == word / SLOT_WORDS);
            let write = mode == Mode::Write;
            let marked = match f {
                ListOp::Init => true,
                ListOp::Empty | ListOp::First => true,
                ListOp::Singular => false,
                // prev->next, the last of four.
                ListOp::Add | ListOp::AddTail | ListOp::AddRcu | ListOp::AddTailRcu => {
                    write && writes == 3
                }
                // prev->next, the second; then the entry itself.
                ListOp::Del | ListOp::DelRcu => write && writes == 1,
                ListOp::DelInit => write && writes != 0,
            };
            writes += u32::from(write);
            let ptr = ptr.unwrap_or(Ptr::NULL);
            if marked {
                d.marked(at, me, word, mode, !write, ptr, alarms);
            } else {
                d.check(at, me, word, PLAIN | (u8::from(write) * WRITE), ptr, alarms);
            }
        });
    }

    /// Compares an access with the last ones of others, and remembers it.
    #[inline]
    fn check(
        &mut self,
        at: u32,
        me: AgentId,
        word: usize,
        how: u8,
        ptr: Ptr,
        alarms: &mut Vec<Alarm>,
    ) {
        let clock = &self.threads[me.index()].clock;
        let shadow = self.shadows.of(word);
        if let Some((other, was)) = shadow.record(at, me, how, clock) {
            alarms.push(report(ptr, how, other, was));
        }
    }
}

fn words(how: u8) -> &'static str {
    match (how & WRITE != 0, how & PLAIN != 0) {
        (true, true) => "write to {object}",
        (true, false) => "write (marked) to {object}",
        (false, true) => "read to {object}",
        (false, false) => "read (marked) to {object}",
    }
}

fn report(ptr: Ptr, how: u8, other: u32, was: u8) -> Alarm {
    let headline = "BUG: KCSAN: data-race in {funcs}";
    Alarm {
        what: words(how),
        others: vec![(other, words(was))],
        ..Alarm::new(Kind::DataRace, headline, ptr)
    }
}

impl Shadow {
    /// Remembers an access; returns an earlier one that races with it, if it is the first such of
    /// this word.
    fn record(&mut self, at: u32, me: AgentId, how: u8, clock: &[u32]) -> Option<(u32, u8)> {
        let mut race = None;
        let mut slot = at as usize % self.cells.len();
        let mut best = 0;
        for (i, cell) in self.cells.iter().enumerate() {
            let mine = cell.agent == me.0;
            let before =
                mine || clock.get(usize::from(cell.agent)).is_some_and(|&c| cell.clock <= c);
            // The best place for the new one: an empty one, or one that says nothing more.
            let fits = if cell.clock == 0 {
                2
            } else {
                u8::from(before && cell.how & !how == 0) * if mine { 3 } else { 1 }
            };
            if fits > best {
                (slot, best) = (i, fits);
            }
            let conflict = (cell.how | how) == (WRITE | PLAIN);
            if cell.clock != 0 && !before && conflict && race.is_none() {
                race = Some((cell.event, cell.how));
            }
        }
        let mine = clock[me.index()];
        self.cells[slot] = Cell { clock: mine, event: at, agent: me.0, how };
        if race.is_some() && !std::mem::replace(&mut self.reported, true) { race } else { None }
    }
}
