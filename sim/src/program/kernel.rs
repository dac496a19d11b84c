//! The handle through which a program acts.

use super::handle::Word;
use crate::base::finding::Symbols;
use crate::base::op::{Call, FrameId, Op};
use crate::base::ptr::Ptr;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A program in the making.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A function with a name and, in each run, an address; made by [`kernel_fn!`](crate::kernel_fn).
#[derive(Debug)]
pub struct Func {
    /// Its name in the kernel.
    pub name: &'static str,
    /// Starts it with one argument, a word.
    pub call: fn(Kernel, u64) -> BoxFuture,
}

/// Where a program leaves its next operation and finds the reply.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) request: Cell<Call>,
    /// Operations made so far; the last one is the request.
    operations: Cell<u32>,
    /// Was the request awaited since this was last cleared?
    pub(crate) requested: Cell<bool>,
    pub(crate) reply: Cell<u64>,
    pub(crate) symbols: Rc<RefCell<Symbols>>,
    pub(crate) text: RefCell<Vec<&'static Func>>,
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        Mailbox {
            request: Cell::new(Call::internal(Op::Nop, "start")),
            operations: Cell::default(),
            requested: Cell::default(),
            reply: Cell::default(),
            symbols: Rc::default(),
            text: RefCell::default(),
        }
    }
}

impl Mailbox {
    /// Forgets the functions of the last run.
    pub(crate) fn reset(&self) {
        self.text.borrow_mut().clear();
        self.symbols.borrow_mut().text.clear();
    }

    /// Starts the function at this address.
    pub(crate) fn call(&self, at: Ptr, kernel: Kernel, arg: u64) -> Option<BoxFuture> {
        let func = *self.text.borrow().get(at.text_index()?)?;
        Some((func.call)(kernel, arg))
    }

    fn address(&self, func: &'static Func) -> Ptr {
        let mut text = self.text.borrow_mut();
        let known = text.iter().position(|f| std::ptr::eq(*f, func) || f.name == func.name);
        let index = known.unwrap_or_else(|| {
            text.push(func);
            self.symbols.borrow_mut().text.push(func.name);
            text.len() - 1
        });
        Ptr::text(index)
    }
}

/// The kernel as a program sees it. Cheap to clone; the same type in every context, so that
/// sleeping in a softirq can be written, and found.
#[derive(Clone, Debug)]
pub struct Kernel {
    mailbox: Rc<Mailbox>,
    frame: FrameId,
}

impl Kernel {
    pub(crate) fn new(mailbox: &Rc<Mailbox>) -> Kernel {
        Kernel { mailbox: mailbox.clone(), frame: 0 }
    }

    /// The handle for the body of a modelled function: reports then say that an operation stands
    /// in it. Written at its top: `let k = &k.func("page_table_free");`
    #[must_use]
    pub fn func(&self, name: &'static str) -> Kernel {
        let frame = self.mailbox.symbols.borrow_mut().enter(self.frame, name);
        Kernel { mailbox: self.mailbox.clone(), frame }
    }

    /// The address that this function has in this run.
    pub fn address(&self, func: &'static Func) -> Ptr {
        self.mailbox.address(func)
    }

    /// An operation under the name that the kernel has for it. The methods of this type are made
    /// of it; a scenario may add its own.
    #[track_caller]
    pub fn op<T: Word>(&self, name: &'static str, op: Op) -> Operation<'_, T> {
        let (loc, silent) = (Location::caller(), size_of::<T>() == 0);
        self.mailbox.request.set(Call { op, name, frame: self.frame, loc, silent });
        let number = self.mailbox.operations.get().wrapping_add(1);
        self.mailbox.operations.set(number);
        Operation { kernel: self, number, sent: false, reply: PhantomData }
    }
}

/// One operation on its way; `.await` it before the next one is made. It lies in the mailbox from
/// the beginning, so that a program that waits holds no copy of it.
///
/// # Panics
/// When it is awaited after another operation was made.
#[derive(Debug)]
#[must_use = "an operation does nothing unless it is awaited"]
pub struct Operation<'k, T> {
    kernel: &'k Kernel,
    /// Which of the operations made it is.
    number: u32,
    sent: bool,
    reply: PhantomData<T>,
}

impl<T> Unpin for Operation<'_, T> {}

impl<T: Word> Future for Operation<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let mailbox = &self.kernel.mailbox;
        if self.sent {
            return Poll::Ready(T::from_word(mailbox.reply.get()));
        }
        assert!(
            mailbox.operations.get() == self.number,
            "await an operation before making the next one"
        );
        mailbox.requested.set(true);
        self.sent = true;
        Poll::Pending
    }
}
