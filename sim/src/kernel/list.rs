//! `list_head`: two real words in memory, and every check of `CONFIG_DEBUG_LIST`
//! (lib/list_debug.c, v6.3) in the kernel's order.

use super::memory::role;
use super::settings::Broken;
use super::system::System;
use crate::base::agent::AgentId;
use crate::base::finding::Kind;
use crate::base::footprint::Mode;
use crate::base::op::ListOp;
use crate::base::ptr::{Ptr, same_word};
use crate::base::types::FieldKind;

impl System {
    pub(super) fn list(&mut self, id: AgentId, f: ListOp, node: Ptr, head: Ptr) -> u64 {
        match f {
            ListOp::Init => {
                self.init_list_head(id, node);
                0
            }
            ListOp::Add | ListOp::AddRcu => {
                let Some(next) = self.link(id, head, 0) else { return 0 };
                self.list_add(id, node, head, next);
                0
            }
            ListOp::AddTail | ListOp::AddTailRcu => {
                let Some(prev) = self.link(id, head, 1) else { return 0 };
                self.list_add(id, node, prev, head);
                0
            }
            ListOp::Del | ListOp::DelInit | ListOp::DelRcu => {
                self.list_del(id, f, node);
                0
            }
            ListOp::Empty => {
                self.link(id, node, 0).map_or(0, |n| u64::from(same_word(n.0, node.0)))
            }
            ListOp::First => self.link(id, node, 0).map_or(0, |n| n.0),
            ListOp::Singular => {
                let (Some(next), Some(prev)) = (self.link(id, node, 0), self.link(id, node, 1))
                else {
                    return 0;
                };
                u64::from(!same_word(next.0, node.0) && same_word(next.0, prev.0))
            }
        }
    }

    /// Reads `next` (0) or `prev` (1) of a node.
    fn link(&mut self, id: AgentId, node: Ptr, which: usize) -> Option<Ptr> {
        let index = self.at(id, node.word(which), Mode::Read)?;
        Some(Ptr(self.mem.load(index)))
    }

    /// Writes `next` (0) or `prev` (1) of a node.
    fn set_link(&mut self, id: AgentId, node: Ptr, which: usize, to: Ptr) -> Option<()> {
        let index = self.at(id, node.word(which), Mode::Write)?;
        self.store(index, to.0);
        Some(())
    }

    fn init_list_head(&mut self, id: AgentId, node: Ptr) {
        if self.is_queued(node) {
            let index = node.index();
            return self.overlay_conflict(id, node, index);
        }
        let _ = self.set_link(id, node, 0, node).and_then(|()| self.set_link(id, node, 1, node));
    }

    /// Are the words of this node those of a queued `rcu_head`?
    fn is_queued(&self, node: Ptr) -> bool {
        self.mem.index(node).is_ok_and(|i| self.mem.role(i) & role::QUEUED != 0)
    }

    fn list_add(&mut self, id: AgentId, new: Ptr, prev: Ptr, next: Ptr) {
        if self.is_queued(new) {
            let index = new.index();
            return self.overlay_conflict(id, new, index);
        }
        let name = |s: &System, p: Ptr| s.describe(p, Some(FieldKind::List));
        if prev.is_null() {
            return self.corrupt(id, new, "list_add corruption. prev is NULL.".into());
        }
        if next.is_null() {
            return self.corrupt(id, new, "list_add corruption. next is NULL.".into());
        }
        let Some(back) = self.link(id, next, 1) else { return };
        if !same_word(back.0, prev.0) {
            let text = format!(
                "list_add corruption. next->prev should be prev ({}), but was {}. (next={}).",
                name(self, prev),
                name(self, back),
                name(self, next)
            );
            return self.corrupt(id, new, text);
        }
        let Some(forth) = self.link(id, prev, 0) else { return };
        if !same_word(forth.0, next.0) {
            let text = format!(
                "list_add corruption. prev->next should be next ({}), but was {}. (prev={}).",
                name(self, next),
                name(self, forth),
                name(self, prev)
            );
            return self.corrupt(id, new, text);
        }
        if same_word(new.0, prev.0) || same_word(new.0, next.0) {
            let text = format!(
                "list_add double add: new={}, prev={}, next={}.",
                name(self, new),
                name(self, prev),
                name(self, next)
            );
            return self.corrupt(id, new, text);
        }
        let linked = self
            .set_link(id, next, 1, new)
            .and_then(|()| self.set_link(id, new, 0, next))
            .and_then(|()| self.set_link(id, new, 1, prev))
            .and_then(|()| self.set_link(id, prev, 0, new));
        if linked.is_some() {
            self.mem.set_role(new.index(), role::LISTED, true);
        }
    }

    fn list_del(&mut self, id: AgentId, f: ListOp, entry: Ptr) {
        if self.is_queued(entry) {
            // The words hold an rcu_head now; what DEBUG_LIST would say of them is noise.
            let index = entry.index();
            return self.overlay_conflict(id, entry, index);
        }
        let (Some(next), Some(prev)) =
            (self.link_of_page(id, entry, 0), self.link_of_page(id, entry, 1))
        else {
            return;
        };
        let what = self.describe(entry, Some(FieldKind::List));
        let unlinked_is_fine = f == ListOp::DelInit && same_word(next.0, entry.0);
        let text = if next.is_null() {
            Some(format!("list_del corruption, {what}->next is NULL"))
        } else if prev.is_null() {
            Some(format!("list_del corruption, {what}->prev is NULL"))
        } else if next == Ptr::LIST_POISON1 {
            Some(format!("list_del corruption, {what}->next is LIST_POISON1 (100)"))
        } else if prev == Ptr::LIST_POISON2 {
            Some(format!("list_del corruption, {what}->prev is LIST_POISON2 (122)"))
        } else {
            None
        };
        if let Some(text) = text {
            return self.corrupt(id, entry, text);
        }
        let Some(forth) = self.link(id, prev, 0) else { return };
        if !same_word(forth.0, entry.0) {
            let is = self.describe(forth, Some(FieldKind::List));
            let by = self.describe(prev, Some(FieldKind::List));
            let text = format!(
                "list_del corruption. prev->next should be {what}, but was {is}. (prev={by})"
            );
            return self.corrupt(id, entry, text);
        }
        let Some(back) = self.link(id, next, 1) else { return };
        if !same_word(back.0, entry.0) {
            let is = self.describe(back, Some(FieldKind::List));
            let by = self.describe(next, Some(FieldKind::List));
            let text = format!(
                "list_del corruption. next->prev should be {what}, but was {is}. (next={by})"
            );
            return self.corrupt(id, entry, text);
        }
        if self.mem.index(entry).is_err() {
            // Consistent links, but the page is not ours: KASAN's turn.
            self.at(id, entry, Mode::Write);
            return;
        }
        if !(unlinked_is_fine || self.broken(Broken::ListDelSkipsWrite)) {
            let _ =
                self.set_link(id, next, 1, prev).and_then(|()| self.set_link(id, prev, 0, next));
        }
        let (first, second) = match f {
            ListOp::DelInit => (entry, entry),
            ListOp::DelRcu => (next, Ptr::LIST_POISON2),
            _ => (Ptr::LIST_POISON1, Ptr::LIST_POISON2),
        };
        // list_del_rcu() leaves `next` alone.
        if f != ListOp::DelRcu {
            self.set_link(id, entry, 0, first);
        }
        self.set_link(id, entry, 1, second);
        self.mem.set_role(entry.index(), role::LISTED, false);
    }

    /// As [`System::link`], but `struct page` can be looked at even when the page is free: it is
    /// never unmapped, so DEBUG_LIST gets to see the free list's links.
    fn link_of_page(&mut self, id: AgentId, node: Ptr, which: usize) -> Option<Ptr> {
        if self.is_free_page(node) {
            self.access(crate::base::footprint::Object::word(node.word(which).index()), Mode::Read);
            return Some(Ptr(self.mem.load(node.word(which).index())));
        }
        self.link(id, node, which)
    }

    fn corrupt(&mut self, id: AgentId, at: Ptr, headline: String) {
        let parties = self.history(at);
        self.report(id, Kind::ListCorruption, headline, at, parties, Vec::new());
    }
}
