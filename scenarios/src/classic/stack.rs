//! SafeStack: a lock-free free list with ABA that needs five preemptions.

use super::{Textbook, bug_on};
use ksim::base::finding::Kind;
use ksim::base::op::Rmw;
use ksim::program::{Array, Kernel, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// Three nodes; links and the head are one more than in the original, 0 ends the list.
    struct SafeStack("safestack", Static) {
        head: Var<u64>,
        count: Var<u64>,
        next: Array<4>,
        value: Array<4>,
    }
}

/// A node that has left the list for good.
const TAKEN: u64 = u64::MAX;

async fn pop(k: &Kernel, s: SafeStack) -> Option<usize> {
    while k.read_once(s.count()).await > 1 {
        let head = k.read_once(s.head()).await;
        let next = k.xchg(s.next().get(head as usize), TAKEN).await;
        if next != TAKEN {
            if k.cmpxchg(s.head(), head, next).await == head {
                k.rmw("atomic_dec", s.count(), Rmw::Add, u64::MAX, 0).await;
                return Some(head as usize);
            }
            k.xchg(s.next().get(head as usize), next).await;
        }
    }
    None
}

async fn push(k: &Kernel, s: SafeStack, node: usize) {
    let mut head = k.read_once(s.head()).await;
    loop {
        k.write_once(s.next().get(node), head).await;
        let seen = k.cmpxchg(s.head(), head, node as u64).await;
        if seen == head {
            break;
        }
        head = seen;
    }
    k.rmw("atomic_inc", s.count(), Rmw::Add, 1, 0).await;
}

async fn rounds(k: &Kernel, s: SafeStack, me: u64) {
    for _ in 0..2 {
        let Some(node) = pop(k, s).await else { continue };
        k.write_once(s.value().get(node), me).await;
        let value = k.read_once(s.value().get(node)).await;
        bug_on(k, value != me, "a node has one owner").await;
        push(k, s, node).await;
    }
}

async fn rounds_1(k: &Kernel, s: SafeStack) {
    rounds(k, s, 1).await;
}

async fn rounds_2(k: &Kernel, s: SafeStack) {
    rounds(k, s, 2).await;
}

async fn rounds_3(k: &Kernel, s: SafeStack) {
    rounds(k, s, 3).await;
}

ksim::kernel_fn! { static ROUNDS_1 = rounds_1; static ROUNDS_2 = rounds_2; static ROUNDS_3 = rounds_3 }

/// A run of each form that shows it: `pos`, the best of the samplers here, met the first after 419,507.
const SHOWN_BY: [&str; 2] =
    [include_str!("safestack.static.ksim"), include_str!("safestack.spawned.ksim")];

pub(super) fn all() -> Vec<Scenario> {
    let forms = Textbook::<SafeStack> {
        name: "safestack".into(),
        about: "ABA in a lock-free stack; needs five preemptions",
        source: "SCTBench SafeStack; Vyukov",
        finds: &[Kind::Assertion],
        init: |sim, s| {
            sim.set(s.head(), 1);
            sim.set(s.count(), 3);
            sim.set(s.next().get(1), 2);
            sim.set(s.next().get(2), 3);
        },
        tasks: vec![&ROUNDS_1, &ROUNDS_2, &ROUNDS_3],
    }
    .scenarios();
    forms.into_iter().zip(SHOWN_BY).map(|(form, saved)| form.shown_by(saved)).collect()
}
