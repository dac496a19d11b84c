//! Producers and consumers: circular buffer, queue, stack.

use super::{Textbook, bug_on};
use ksim::base::finding::Kind;
use ksim::program::{Array, Kernel, Mutex, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// A ring of ten with one slot in flight.
    struct Ring("ring", Static) {
        lock: Mutex,
        send: Var<u64>,
        receive: Var<u64>,
        first: Var<u64>,
        next: Var<u64>,
        slots: Array<10>,
    }
}

const RING_ITEMS: u64 = 7;

async fn send(k: &Kernel, r: Ring) {
    for i in 0..RING_ITEMS {
        k.mutex_lock(r.lock()).await;
        if k.read_once(r.send()).await == 1 {
            let next = k.read_once(r.next()).await;
            k.write_once(r.slots().get(next as usize), i).await;
            k.write_once(r.next(), (next + 1) % 10).await;
            k.write_once(r.send(), 0).await;
            k.write_once(r.receive(), 1).await;
        }
        k.mutex_unlock(r.lock()).await;
    }
}

/// Its `i` goes on even when it found nothing.
async fn receive(k: &Kernel, r: Ring) {
    for i in 0..RING_ITEMS {
        k.mutex_lock(r.lock()).await;
        if k.read_once(r.receive()).await == 1 {
            let (next, first) = (k.read_once(r.next()).await, k.read_once(r.first()).await);
            let mut value = u64::MAX;
            if next > 0 && first < 10 {
                k.write_once(r.first(), first + 1).await;
                value = k.read_once(r.slots().get(first as usize)).await;
            }
            bug_on(k, value != i, "the i-th item is i").await;
            k.write_once(r.receive(), 0).await;
            k.write_once(r.send(), 1).await;
        }
        k.mutex_unlock(r.lock()).await;
    }
}

ksim::kernel_struct! {
    /// A queue with a shadow of what was put in.
    struct Queue("queue", Static) {
        lock: Mutex,
        may_enqueue: Var<u64>,
        may_dequeue: Var<u64>,
        head: Var<u64>,
        tail: Var<u64>,
        amount: Var<u64>,
        slots: Array<20>,
        stored: Array<20>,
    }
}

async fn enqueue(k: &Kernel, q: Queue, value: u64) {
    let tail = k.read_once(q.tail()).await;
    k.write_once(q.slots().get(tail as usize), value).await;
    k.write_once(q.tail(), (tail + 1) % 20).await;
    let amount = k.read_once(q.amount()).await;
    k.write_once(q.amount(), amount + 1).await;
}

async fn dequeue(k: &Kernel, q: Queue) -> u64 {
    let head = k.read_once(q.head()).await;
    let value = k.read_once(q.slots().get(head as usize)).await;
    k.write_once(q.head(), (head + 1) % 20).await;
    let amount = k.read_once(q.amount()).await;
    k.write_once(q.amount(), amount.wrapping_sub(1)).await;
    value
}

async fn produce(k: &Kernel, q: Queue) {
    k.mutex_lock(q.lock()).await;
    enqueue(k, q, 0).await;
    k.write_once(q.stored().get(0), 0).await;
    let amount = k.read_once(q.amount()).await;
    bug_on(k, amount == 0, "the queue is not empty").await;
    k.mutex_unlock(q.lock()).await;
    let mut value = 0;
    for i in 0..19 {
        k.mutex_lock(q.lock()).await;
        if k.read_once(q.may_enqueue()).await == 1 {
            value += 1;
            enqueue(k, q, value).await;
            k.write_once(q.stored().get(i + 1), value).await;
            k.write_once(q.may_enqueue(), 0).await;
            k.write_once(q.may_dequeue(), 1).await;
        }
        k.mutex_unlock(q.lock()).await;
    }
}

async fn consume(k: &Kernel, q: Queue) {
    for i in 0..20 {
        k.mutex_lock(q.lock()).await;
        if k.read_once(q.may_dequeue()).await == 1 {
            let value = dequeue(k, q).await;
            let stored = k.read_once(q.stored().get(i)).await;
            bug_on(k, value != stored, "what comes out is what was stored").await;
            k.write_once(q.may_dequeue(), 0).await;
            k.write_once(q.may_enqueue(), 1).await;
        }
        k.mutex_unlock(q.lock()).await;
    }
}

ksim::kernel_struct! {
    /// A stack whose flag says that something was pushed once.
    struct Stack("stack", Static) { lock: Mutex, top: Var<u64>, flag: Var<u64> }
}

async fn push(k: &Kernel, s: Stack) {
    for _ in 0..10 {
        k.mutex_lock(s.lock()).await;
        let top = k.read_once(s.top()).await;
        bug_on(k, top == 10, "no overflow").await;
        k.write_once(s.top(), top + 1).await;
        k.write_once(s.flag(), 1).await;
        k.mutex_unlock(s.lock()).await;
    }
}

async fn pop(k: &Kernel, s: Stack) {
    for _ in 0..10 {
        k.mutex_lock(s.lock()).await;
        if k.read_once(s.flag()).await == 1 {
            let top = k.read_once(s.top()).await;
            bug_on(k, top == 0, "no underflow").await;
            k.write_once(s.top(), top.wrapping_sub(1)).await;
        }
        k.mutex_unlock(s.lock()).await;
    }
}

ksim::kernel_fn! {
    static SEND = send; static RECEIVE = receive; static PRODUCE = produce;
    static CONSUME = consume; static PUSH = push; static POP = pop
}

pub(super) fn all() -> Vec<Scenario> {
    let ring = Textbook::<Ring> {
        name: "circular-buffer".into(),
        about: "the consumer counts on although it found nothing",
        source: "SCTBench CS/circular_buffer",
        finds: &[Kind::Assertion],
        init: |sim, r| sim.set(r.send(), 1),
        tasks: vec![&SEND, &RECEIVE],
    };
    let queue = Textbook::<Queue> {
        name: "queue".into(),
        about: "the consumer counts on although it found nothing",
        source: "SCTBench CS/queue",
        finds: &[Kind::Assertion],
        init: |sim, q| sim.set(q.may_enqueue(), 1),
        tasks: vec![&PRODUCE, &CONSUME],
    };
    let stack = Textbook::<Stack> {
        name: "stack".into(),
        about: "the flag is never cleared, so that an empty stack is popped",
        source: "SCTBench CS/stack",
        finds: &[Kind::Assertion],
        init: |_, _| {},
        tasks: vec![&PUSH, &POP],
    };
    [ring.scenarios(), queue.scenarios(), stack.scenarios()].concat()
}
