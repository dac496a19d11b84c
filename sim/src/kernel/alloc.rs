//! Allocation: kmem caches and the page allocator.

use super::memory::{Fault, Life, Origin};
use super::settings::Broken;
use super::system::System;
use crate::base::agent::AgentId;
use crate::base::finding::Kind;
use crate::base::footprint::{Mode, Object};
use crate::base::ptr::{Ptr, SLOT_WORDS};
use crate::base::types::{Allocator, FieldKind, FreeCheck, TypeDesc};

static FREE_AREA: TypeDesc = TypeDesc {
    name: "zone.free_area",
    words: 2,
    fields: &[],
    allocator: Allocator::Static,
    free_checks: &[],
    prep_checks: &[],
};
const SETUP: Origin = Origin { agent: None, event: 0, frame: 0, op: "" };

impl System {
    pub(super) fn alloc(&mut self, id: AgentId, ty: &'static TypeDesc, zero: bool) -> u64 {
        if self.mem.reuse {
            self.access(Object::ALLOCATOR, Mode::Write);
        }
        if self.outcome != 0 {
            return Ptr::NULL.0;
        }
        if !ty.prep_checks.is_empty()
            && self.mem.reuse
            && let Some((page, reason)) = self.prep_fault(ty)
        {
            self.bad_page(id, page, reason);
            return Ptr::NULL.0;
        }
        let origin = self.origin(id);
        let at = self.place(ty, ty.name, zero, origin);
        for word in 0..ty.words {
            self.access(Object::word(at.word(word).index()), Mode::Write);
        }
        at.0
    }

    /// Has the page that comes next been changed since it was freed (`check_new_page()`)?
    fn prep_fault(&self, ty: &TypeDesc) -> Option<(Ptr, &'static str)> {
        let first = self.mem.next_place(ty) * SLOT_WORDS;
        let page = self.mem.occupant_at(first, self.events.len() as u32)?;
        let mut checks = ty.prep_checks.iter().filter(|_| self.mem.desc(page) == Some(ty));
        let wrong = checks.rfind(|c| self.mem.load(first + c.at) & c.mask != c.expect);
        wrong.map(|check| (page, check.reason))
    }

    /// An object made by the scenario's setup, before the first step.
    pub fn setup_alloc(&mut self, ty: &'static TypeDesc, role: &'static str) -> Ptr {
        self.place(ty, role, true, SETUP)
    }

    fn place(&mut self, ty: &'static TypeDesc, role: &'static str, zero: bool, by: Origin) -> Ptr {
        let at = self.mem.alloc(ty, role, zero, by);
        self.mark_invariants(at);
        if ty.allocator == Allocator::Page {
            // post_alloc_hook(): taken off the free list (poisoned), one reference.
            for field in ty.fields {
                let index = at.word(field.at).index();
                match field.kind {
                    FieldKind::List => {
                        self.mem.store(index, Ptr::LIST_POISON1.0);
                        self.mem.store(index + 1, Ptr::LIST_POISON2.0);
                    }
                    FieldKind::Refcount | FieldKind::Atomic if field.name == "_refcount" => {
                        self.mem.store(index, 1);
                    }
                    _ => {}
                }
            }
        }
        at
    }

    pub(super) fn free(&mut self, id: AgentId, at: Ptr) -> u64 {
        if self.mem.reuse {
            self.access(Object::ALLOCATOR, Mode::Write);
        }
        let record = self.mem.record(at).map(|r| (r.base, r.life, r.bytes));
        let Some((base, life, bytes)) = record else {
            self.bad_access(id, at, Mode::Write, Fault::Wild);
            return 0;
        };
        let desc = self.mem.desc(at).expect("a recorded object has a type");
        if life == Life::Freed || base != at.addr() {
            let what = if life == Life::Freed { "double-free" } else { "invalid-free" };
            let headline = format!("BUG: KASAN: {what} in {}", self.func_of(id));
            let parties = self.history(at);
            let object = self.describe_object(at);
            let notes = self.region(at).into_iter().flatten().collect();
            self.report_named(id, Kind::DoubleFree, headline, object, parties, notes);
            return 0;
        }
        for word in 0..(bytes / 8) as usize {
            self.access(Object::word(at.word(word).index()), Mode::Write);
        }
        // page_bad_reason(): the last one is what is printed.
        let bad = |check: &&FreeCheck| {
            self.mem.load(at.word(check.at).index()) & check.mask != check.expect
        };
        if let Some(check) = desc.free_checks.iter().rfind(bad) {
            self.bad_page(id, at, check.reason);
            return 0;
        }
        if desc.allocator == Allocator::Page {
            self.put_on_free_list(at, desc);
        }
        if self.broken(Broken::FreeForgotten) {
            return 0;
        }
        let (origin, ticket) = (self.origin(id), self.rcu.ticket());
        self.mem.free(at, origin, ticket);
        0
    }

    /// The list words of a free page link it to the allocator's free list, which is what
    /// DEBUG_LIST finds there.
    fn put_on_free_list(&mut self, at: Ptr, desc: &TypeDesc) {
        let area = *self.free_area.get_or_insert_with(|| {
            let area = self.mem.alloc(&FREE_AREA, FREE_AREA.name, true, SETUP);
            self.mem.store(area.index(), area.0);
            self.mem.store(area.word(1).index(), area.0);
            area
        });
        if let Some(lru) = desc.fields.iter().find(|f| f.kind == FieldKind::List) {
            self.mem.store(at.word(lru.at).index(), area.0);
            self.mem.store(at.word(lru.at + 1).index(), area.0);
        }
    }

    /// Is this the `struct page` of a free page?
    pub(super) fn is_free_page(&self, at: Ptr) -> bool {
        self.mem.record(at).is_some_and(|r| r.life == Life::Freed)
            && self.mem.desc(at).is_some_and(|d| d.allocator == Allocator::Page)
    }

    fn bad_page(&mut self, id: AgentId, at: Ptr, reason: &'static str) {
        let agent = self.m.agent(id);
        let headline = format!("BUG: Bad page state in process {}", agent.role);
        let mut dump = format!("page:{}", self.describe_object(at));
        if let Some(desc) = self.mem.desc(at) {
            let words = desc.free_checks.iter().map(|check| check.at);
            for field in desc.fields.iter().filter(|f| words.clone().any(|w| w == f.at)) {
                let value = self.mem.load(at.object().word(field.at).index());
                dump.push_str(&format!(" {}:{value:#x}", field.name));
            }
        }
        let notes = vec![dump, format!("page dumped because: {reason}")];
        let mut parties = self.history(at);
        // As page_owner adds to the dump.
        for party in &mut parties {
            party.what = format!("page last {}", party.what.to_lowercase());
        }
        let object = self.describe_object(at);
        self.report_named(id, Kind::BadPageState, headline, object, parties, notes);
    }
}
