//! Lists (include/linux/list.h, rculist.h). Each function is one step; under `DEBUG_LIST` each
//! checks its neighbours as the kernel does.

use super::handle::{Field, ListHead};
use super::kernel::{Kernel, Operation};
use crate::base::op::{ListOp, Op};
use crate::base::ptr::Ptr;

macro_rules! on_node {
    ($($name:ident, $f:ident, $doc:literal;)+) => {
        $(#[doc = concat!("`", stringify!($name), "()`: ", $doc)]
        #[track_caller]
        pub fn $name(&self, node: ListHead) -> Operation<'_, ()> {
            let op = Op::List { f: ListOp::$f, node: node.ptr(), head: Ptr::NULL };
            self.op(stringify!($name), op)
        })+
    };
}

macro_rules! add {
    ($($name:ident, $f:ident, $doc:literal;)+) => {
        $(#[doc = concat!("`", stringify!($name), "()`: ", $doc)]
        #[track_caller]
        pub fn $name(&self, new: ListHead, head: ListHead) -> Operation<'_, ()> {
            let op = Op::List { f: ListOp::$f, node: new.ptr(), head: head.ptr() };
            self.op(stringify!($name), op)
        })+
    };
}

impl Kernel {
    add! {
        list_add, Add, "behind the head.";
        list_add_tail, AddTail, "before the head.";
        list_add_rcu, AddRcu, "behind the head, published with one store.";
        list_add_tail_rcu, AddTailRcu, "before the head, published with one store.";
    }
    on_node! {
        init_list_head, Init, "the node points to itself.";
        list_del, Del, "unlinks and poisons.";
        list_del_init, DelInit, "unlinks and points the node to itself.";
        list_del_rcu, DelRcu, "unlinks; poisons only `prev`, so that readers walk on.";
    }

    /// `list_empty()`.
    #[track_caller]
    pub fn list_empty(&self, head: ListHead) -> Operation<'_, bool> {
        self.op("list_empty", Op::List { f: ListOp::Empty, node: head.ptr(), head: Ptr::NULL })
    }

    /// `list_is_singular()`.
    #[track_caller]
    pub fn list_is_singular(&self, head: ListHead) -> Operation<'_, bool> {
        let op = Op::List { f: ListOp::Singular, node: head.ptr(), head: Ptr::NULL };
        self.op("list_is_singular", op)
    }

    /// `head->next`: the first node, or the head itself when the list is empty.
    #[track_caller]
    pub fn list_next(&self, node: ListHead) -> Operation<'_, ListHead> {
        self.op("list_next", Op::List { f: ListOp::First, node: node.ptr(), head: Ptr::NULL })
    }

    /// `list_first_entry_or_null()`: the first node, if any.
    pub async fn list_first(&self, head: ListHead) -> Option<ListHead> {
        let op = Op::List { f: ListOp::First, node: head.ptr(), head: Ptr::NULL };
        let first: ListHead = self.op("list_first_entry_or_null", op).await;
        (!crate::base::ptr::same_word(first.0.0, head.0.0)).then_some(first)
    }
}
