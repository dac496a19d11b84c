//! Names for reports. All of it runs only when something is found or shown.

use super::bits::{BitNames, Bits};
use super::memory::{Fault, Life, Origin, Record, role};
use super::system::System;
use crate::base::agent::AgentId;
use crate::base::finding::{Alarm, Finding, Kind, Party};
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, FrameId, Op};
use crate::base::preempt::PREEMPT_OFFSET;
use crate::base::ptr::Ptr;
use crate::base::types::{Allocator, FieldKind, TypeDesc};

/// Where the memory of user programs ends (`TASK_SIZE`, as on x86-64).
const TASK_SIZE: u64 = 1 << 47;

impl System {
    /// A word for people: an object and field by role, a function, a poison, or a number.
    pub fn describe(&self, at: Ptr, kind: Option<FieldKind>) -> String {
        if at.text_index().is_some() {
            return self.text_name(at).to_owned();
        }
        let Some(record) = self.mem.record(at).filter(|_| at.is_kernel()) else {
            return format!("{at:?}");
        };
        // A pointer with low bits in use for something else: `mm + 1`.
        let tag = at.0 & 7;
        if tag != 0 {
            let plain = Ptr(at.0 - tag);
            return match plain.addr() == record.base {
                true => format!("{} + {tag}", self.object_name(record)),
                false => format!("{} + {tag}", self.describe(plain, kind)),
            };
        }
        let mut name = self.object_name(record);
        if let Some(desc) = self.mem.desc(at) {
            desc.path(at.offset(), kind, &mut name);
        }
        name
    }

    /// The object that this pointer names, as a whole: `mm`, `page@cpu0/alloc`.
    pub fn describe_object(&self, at: Ptr) -> String {
        self.mem.record(at).map_or_else(|| format!("{at:?}"), |r| self.object_name(r))
    }

    /// An object by role and parent: setup objects by role, others with who made them, and an
    /// ordinal only from the second of the same name on.
    fn object_name(&self, record: &Record) -> String {
        let same = |r: &&Record| {
            r.role == record.role
                && r.alloc.agent == record.alloc.agent
                && r.alloc.event <= record.alloc.event
        };
        let nth = self.mem.records().map(|(_, r)| r).take_while(|r| !std::ptr::eq(*r, record));
        let nth = nth.filter(same).count();
        let mut name = record.role.to_owned();
        if let Some(by) = record.alloc.agent {
            name.push('@');
            name.push_str(&self.m.name(by));
        }
        if nth > 0 {
            name.push_str(&format!("#{nth}"));
        }
        name
    }

    /// Names bits of a word of every object of a type.
    pub fn add_bits(&mut self, ty: &'static TypeDesc, offset: usize, names: BitNames) {
        self.bits.push(Bits { ty, offset, names });
    }

    /// The names of the bits of this word; none if it is just a number.
    pub fn bit_names(&self, at: Ptr) -> BitNames {
        let here = |b: &&Bits| b.offset == at.offset() && self.mem.desc(at) == Some(b.ty);
        self.bits.iter().find(here).map_or(&[], |b| b.names)
    }

    /// Name of the function at a code address.
    pub fn text_name(&self, at: Ptr) -> &'static str {
        let index = at.text_index();
        index.and_then(|i| self.symbols.borrow().text.get(i).copied()).unwrap_or("?")
    }

    /// The modelled function in which the agent's pending operation stands; outside of any, the
    /// operation.
    pub(super) fn func_of(&self, id: AgentId) -> &'static str {
        self.func_at(&self.m.agent(id).pending)
    }

    fn func_at(&self, call: &Call) -> &'static str {
        match self.symbols.borrow().func(call.frame) {
            "" => call.name,
            func => func,
        }
    }

    pub(super) fn party(
        &self,
        what: &str,
        id: AgentId,
        frame: FrameId,
        op: &str,
        event: usize,
    ) -> Party {
        Party {
            what: what.to_owned(),
            agent: self.m.name(id),
            stack: self.symbols.borrow().stack(frame).map(str::to_owned).collect(),
            op: op.to_owned(),
            event: Some(event as u32),
        }
    }

    fn origin_party(&self, what: &str, origin: Origin) -> Party {
        match origin.agent {
            Some(id) => self.party(what, id, origin.frame, origin.op, origin.event as usize),
            None => Party {
                what: what.to_owned(),
                agent: "setup".to_owned(),
                stack: Vec::new(),
                op: "setup".to_owned(),
                event: None,
            },
        }
    }

    /// Who freed, queued and allocated the object, in this order.
    pub(super) fn history(&self, at: Ptr) -> Vec<Party> {
        let Some(record) = self.mem.record(at) else { return Vec::new() };
        let mut parties = Vec::new();
        if let Some(free) = record.free {
            parties.push(self.origin_party("Freed", free));
        }
        if let Some(queued) = record.queued {
            parties.push(self.origin_party("Last potentially related work creation", queued));
        }
        parties.push(self.origin_party("Allocated", record.alloc));
        parties
    }

    /// Reports on an object.
    pub(super) fn report(
        &mut self,
        id: AgentId,
        kind: Kind,
        headline: String,
        at: Ptr,
        others: Vec<Party>,
        notes: Vec<String>,
    ) {
        let wants = match kind {
            Kind::ListCorruption => Some(FieldKind::List),
            Kind::DoubleCallRcu | Kind::OverlayConflict => Some(FieldKind::Rcu),
            _ => None,
        };
        let object = self.describe(at, wants);
        self.report_named(id, kind, headline, object, others, notes);
    }

    /// Reports on something that has a name but no address. The same finding is reported once.
    pub(super) fn report_named(
        &mut self,
        id: AgentId,
        kind: Kind,
        headline: String,
        object: String,
        others: Vec<Party>,
        notes: Vec<String>,
    ) {
        let call = self.m.agent(id).pending;
        let event = self.events.len();
        let mut parties = vec![self.party(&object, id, call.frame, call.name, event)];
        parties.extend(others);
        let finding = Finding { kind, headline, object, parties, notes, event: event as u32 };
        self.fatal |= kind.is_fatal();
        let signature = finding.signature();
        if self.findings.iter().all(|f| f.signature() != signature) {
            self.findings.push(finding);
        }
    }

    pub(super) fn bad_access(&mut self, id: AgentId, at: Ptr, mode: Mode, fault: Fault) {
        let access = if mode == Mode::Read { "Read" } else { "Write" };
        let func = self.func_of(id);
        let name = format!("{access} of size 8 at addr {}", self.describe(at, None));
        let (what, notes) = match fault {
            Fault::Freed => {
                let slab = self.mem.desc(at).is_some_and(|d| d.allocator != Allocator::Page);
                let what = if slab { "slab-use-after-free" } else { "use-after-free" };
                let mut notes = vec![name];
                notes.extend(self.region(at).filter(|_| slab).into_iter().flatten());
                (what, notes)
            }
            Fault::OutOfBounds => {
                let notes = self.region(at).into_iter().flatten();
                ("slab-out-of-bounds", std::iter::once(name).chain(notes).collect())
            }
            Fault::Wild if at.is_null() || at.0 < 4096 => ("null-ptr-deref", vec![name]),
            Fault::Wild if at.0 < TASK_SIZE => ("user-memory-access", vec![name]),
            Fault::Wild => ("wild-memory-access", vec![name]),
        };
        let headline = format!("BUG: KASAN: {what} in {func}");
        let others = self.history(at);
        self.report(id, Kind::UseAfterFree, headline, at, others, notes);
        self.fatal = true;
    }

    /// Where in which object of which cache an address is, in KASAN's words.
    pub(super) fn region(&self, at: Ptr) -> Option<[String; 3]> {
        let (record, desc) = (self.mem.record(at)?, self.mem.desc(at)?);
        let (size, offset) = (record.bytes, at.addr().wrapping_sub(record.base));
        let life = if record.life == Life::Live { "allocated" } else { "freed" };
        let place = match offset.checked_sub(size) {
            None => format!("{offset} bytes inside of"),
            Some(beyond) => format!("{beyond} bytes to the right of"),
        };
        Some([
            format!(" which belongs to the cache {} of size {size}", desc.name),
            format!("The buggy address is located {place}"),
            format!(" {life} {size}-byte region of {}", self.object_name(record)),
        ])
    }

    pub(super) fn overlay_conflict(&mut self, id: AgentId, at: Ptr, index: usize) {
        self.access(Object::word(index), Mode::Read);
        let queued = self.mem.role(index) & role::QUEUED != 0;
        let (was, headline) = if queued {
            let name = self.describe(at, Some(FieldKind::Rcu));
            let headline = format!("BUG: {} writes {name} while it is queued", self.func_of(id));
            ("a queued rcu_head", headline)
        } else {
            let name = self.describe(at, Some(FieldKind::List));
            let headline = format!("BUG: {} writes {name} while it is on a list", self.func_of(id));
            ("a node on a list", headline)
        };
        let mut others = self.history(at);
        others.retain(|p| !p.what.starts_with("Allocated"));
        // A node's last list_add is what made it a node.
        if !queued && let Some(party) = self.last_list_add(at) {
            others.insert(0, party);
        }
        let by_setup = !queued && others.is_empty();
        let by = if by_setup { ", which setup has put there" } else { "" };
        let notes = vec![format!("the words are in use as {was}{by}")];
        self.report(id, Kind::OverlayConflict, headline, at, others, notes);
    }

    fn last_list_add(&self, at: Ptr) -> Option<Party> {
        use crate::base::op::ListOp::{Add, AddRcu, AddTail, AddTailRcu};
        let found = self.events.iter().enumerate().rev().find(|(_, e)| {
            matches!(e.call.op, Op::List { f: Add | AddTail | AddRcu | AddTailRcu, node, .. } if node.addr() == at.addr())
        });
        found.map(|(n, e)| self.party("Put on the list", e.agent, e.call.frame, e.call.name, n))
    }

    /// A task has ended with something still turned off.
    pub(super) fn left_atomic(&mut self, id: AgentId, preempt: u32) {
        let nesting = self.m.agent(id).rcu_nesting;
        let role = self.m.agent(id).role;
        let (kind, headline) = if nesting != 0 {
            (Kind::SuspiciousRcu, format!("WARNING: {role} exited inside rcu_read_lock()"))
        } else {
            // do_exit() has turned preemption off once more by then.
            let count = preempt + PREEMPT_OFFSET;
            let headline = format!("BUG: scheduling while atomic: {role}/0x{count:08x}");
            (Kind::SleepInAtomic, headline)
        };
        self.report_named(id, kind, headline, role.to_owned(), Vec::new(), Vec::new());
    }

    /// Names what a detector has found.
    pub fn report_alarm(&mut self, alarm: Alarm, event: u32) {
        let seen = self.events[event as usize];
        let object = match alarm.object {
            Ptr::NULL => seen.call.name.to_owned(),
            at => self.describe(at, None),
        };
        let step = |(n, what): (u32, &str)| {
            let e = self.events[n as usize];
            // An atomic read-modify-write, as KCSAN calls it.
            let both = matches!(e.call.op, Op::Rmw { .. } | Op::Refcount { .. });
            let what = match both && alarm.kind == Kind::DataRace {
                true => what.replacen("write ", "read-write ", 1),
                false => what.to_owned(),
            };
            self.party(
                &what.replace("{object}", &object),
                e.agent,
                e.call.frame,
                e.call.name,
                n as usize,
            )
        };
        let mut parties = vec![step((event, alarm.what))];
        parties.extend(alarm.others.iter().copied().map(step));
        if alarm.kind == Kind::DataRace {
            // As KCSAN does: which of the two was seen first is chance.
            parties.sort_by_cached_key(Party::site);
        }
        let func = |p: &Party| p.stack.first().unwrap_or(&p.agent).clone();
        let funcs = parties.iter().map(func).collect::<Vec<_>>().join(" / ");
        let names: Vec<String> = alarm.names.iter().map(|&at| self.describe(at, None)).collect();
        let fill = |text: &str| {
            let mut text = text
                .replace("{object}", &object)
                .replace("{funcs}", &funcs)
                .replace("{func}", self.func_at(&seen.call))
                .replace("{agent}", &self.m.name(seen.agent));
            for (i, name) in names.iter().enumerate() {
                text = text.replace(&format!("{{{i}}}"), name);
            }
            text
        };
        let (headline, notes) =
            (fill(&alarm.headline), alarm.notes.iter().map(|n| fill(n)).collect());
        let finding = Finding { kind: alarm.kind, headline, object, parties, notes, event };
        self.fatal |= alarm.kind.is_fatal();
        let signature = finding.signature();
        if self.findings.iter().all(|f| f.signature() != signature) {
            self.findings.push(finding);
        }
    }

    /// Is the object that this pointer names still allocated?
    pub fn is_live(&self, at: Ptr) -> bool {
        self.mem.record(at).is_some_and(|r| r.life == Life::Live)
    }
}
