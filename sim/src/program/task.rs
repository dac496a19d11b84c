//! The seam: what the run loop resumes.

use super::kernel::{BoxFuture, Mailbox};
use crate::base::op::Call;
use std::task::{Context, Waker};

/// A program that answers every reply with its next operation.
///
/// Async functions are adapted to it; small state machines may implement it directly.
pub trait Program {
    /// The next operation after the reply to the last one (0 at first), or `None` at the end.
    fn resume(&mut self, reply: u64) -> Option<Call>;
}

/// A program of either kind.
pub enum Body {
    /// An async function.
    Async(BoxFuture),
    /// A state machine.
    Machine(Box<dyn Program>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Body::Async(_) => "Body::Async",
            Body::Machine(_) => "Body::Machine",
        })
    }
}

impl Body {
    /// Resumes the program. It leaves its next operation in the mailbox, unless it has ended: then
    /// the answer is false.
    ///
    /// # Panics
    /// When an async program awaits something that is not an operation of the simulated kernel:
    /// nothing would ever wake it.
    #[inline]
    pub(crate) fn resume(&mut self, mailbox: &Mailbox, reply: u64) -> bool {
        match self {
            Body::Async(future) => {
                mailbox.reply.set(reply);
                mailbox.requested.set(false);
                let ended =
                    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                assert!(
                    ended || mailbox.requested.get(),
                    "a program may await only operations of the simulated kernel; it awaited \
                     something else and would never wake"
                );
                !ended
            }
            Body::Machine(program) => {
                let call = program.resume(reply);
                call.inspect(|&call| mailbox.request.set(call)).is_some()
            }
        }
    }
}
