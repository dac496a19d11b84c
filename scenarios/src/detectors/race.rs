//! Data races, with the detector switched on.
//!
//! Expected: `data-race` in each `bug`; nothing in each `fix`, which orders or marks the accesses.
//!
//! Source: kernel/kcsan/ and tools/memory-model/Documentation/access-marking.txt, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::machine::cpu::TASKLET_SOFTIRQ;
use ksim::program::{Kernel, RcuHead, Timer, Var, Work, container_of};
use ksim::run::{Scenario, Sim};

const SOURCE: &str = "Documentation/dev-tools/kcsan.rst, v6.3";

ksim::kernel_struct! {
    /// An object that is handed around.
    struct State("state", Slab) { value: Var<u64>, rcu: RcuHead, work: Work, timer: Timer }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [plain(), lock(), publish(), irq(), softirq(), list(), rcu(), handover()].concat()
}

fn races(
    name: &str,
    about: &str,
    build: impl Fn(&mut Sim, bool) + Copy + Send + Sync + 'static,
) -> [Scenario; 2] {
    twins(name, about, SOURCE, &[Kind::DataRace], move |sim, bug| {
        sim.cpus(2);
        sim.settings().data_race = true;
        build(sim, bug);
    })
}

/// A plain read races with a marked write.
fn plain() -> [Scenario; 2] {
    races(
        "race-plain-read",
        "a plain read of what another CPU writes with WRITE_ONCE()",
        |sim, bug| {
            let flag = sim.word("flag", 0u64);
            sim.task(0, "writer", move |k| async move { k.write_once(flag, 1).await });
            sim.task(1, "reader", move |k| async move {
                match bug {
                    true => k.read(flag).await,
                    false => k.read_once(flag).await,
                };
            });
        },
    )
}

/// Two CPUs count; one of them forgets the lock.
fn lock() -> [Scenario; 2] {
    races("race-no-lock", "a counter under a lock, and once without", |sim, bug| {
        let (lock, count) = (sim.spin_lock("lock"), sim.word("count", 0u64));
        for cpu in 0..2 {
            sim.task(cpu, "task", move |k| async move {
                let locks = cpu == 0 || !bug;
                if locks {
                    k.spin_lock(lock).await;
                }
                let n = k.read(count).await;
                k.write(count, n + 1).await;
                if locks {
                    k.spin_unlock(lock).await;
                }
            });
        }
    })
}

/// The data is plain; what makes it visible must be marked, and waited for.
fn publish() -> [Scenario; 2] {
    races("race-publish", "data read without waiting for the flag that publishes it", |sim, bug| {
        let (data, ready) = (sim.word("data", 0u64), sim.atomic("ready", 0));
        sim.task(0, "producer", move |k| async move {
            k.write(data, 42).await;
            k.atomic_set(ready, 1).await;
        });
        sim.task(1, "consumer", move |k| async move {
            if bug || k.atomic_read(ready).await == 1 {
                k.read(data).await;
            }
        });
    })
}

/// The same CPU: an interrupt between the read and the write of a task.
fn irq() -> [Scenario; 2] {
    races("race-irq", "a counter of one CPU, changed in a task and in an interrupt", |sim, bug| {
        let count = sim.word("count", 0u64);
        sim.irq(0, "device", 2, move |k| async move {
            let n = k.read(count).await;
            k.write(count, n + 1).await;
        });
        sim.task(0, "task", move |k| async move {
            if !bug {
                k.local_irq_disable().await;
            }
            let n = k.read(count).await;
            k.write(count, n + 1).await;
            if !bug {
                k.local_irq_enable().await;
            }
        });
    })
}

/// A softirq, which a task on the same CPU holds off with bottom halves disabled. The task raises
/// it first, so that it may come at an interrupt.
fn softirq() -> [Scenario; 2] {
    races("race-softirq", "data of one CPU, changed in a task and in a softirq", |sim, bug| {
        let count = sim.word("count", 0u64);
        sim.softirq(TASKLET_SOFTIRQ, move |k| async move {
            let n = k.read(count).await;
            k.write(count, n + 1).await;
        });
        sim.irq(0, "device", 1, |k| async move { k.relax().await });
        sim.task(0, "task", move |k| async move {
            k.raise_softirq(TASKLET_SOFTIRQ).await;
            match bug {
                true => k.preempt_disable().await,
                false => k.local_bh_disable().await,
            }
            let n = k.read(count).await;
            k.write(count, n + 1).await;
            match bug {
                true => k.preempt_enable().await,
                false => k.local_bh_enable().await,
            }
        });
    })
}

/// `list_empty()` may look from outside, `list_add()` may not write there.
fn list() -> [Scenario; 2] {
    races("race-list", "list_add() outside the lock that the others take", |sim, bug| {
        let (lock, head) = (sim.spin_lock("lock"), sim.list_head("head"));
        let nodes = [sim.list_head("node0"), sim.list_head("node1")];
        for (cpu, node) in (0..2).zip(nodes) {
            sim.task(cpu, "task", move |k| async move {
                k.list_empty(head).await;
                let locks = cpu == 0 || !bug;
                if locks {
                    k.spin_lock(lock).await;
                }
                k.list_add(node, head).await;
                if locks {
                    k.spin_unlock(lock).await;
                }
            });
        }
    })
}

ksim::kernel_fn! {
    static FREE_STATE = free_state;
    static RUN_WORK = run_work;
    static RUN_TIMER = run_timer;
    static RUN_CALL = run_call;
}

async fn free_state(k: &Kernel, head: RcuHead) {
    let k = &k.func("free_state");
    let state: State = container_of(head, State::rcu);
    k.write(state.value(), 0).await;
    k.kfree(state).await;
}

/// A reader reads plainly; who replaces the object may write to it after a grace period.
fn rcu() -> [Scenario; 2] {
    races("race-rcu", "an object written by its updater while readers may be inside", |sim, bug| {
        let pointer = sim.word::<Option<State>>("pointer", None);
        let first: State = sim.object("first");
        sim.set(pointer, Some(first));
        sim.task(0, "reader", move |k| async move {
            let k = &k.func("read_state");
            k.rcu_read_lock().await;
            if let Some(state) = k.rcu_dereference(pointer).await {
                k.read(state.value()).await;
            }
            k.rcu_read_unlock().await;
        });
        sim.task(1, "updater", move |k| async move {
            let k = &k.func("update_state");
            let new: State = k.kzalloc().await;
            k.write(new.value(), 7).await;
            k.rcu_assign_pointer(pointer, Some(new)).await;
            if bug {
                k.write(first.value(), 0).await;
            } else {
                k.call_rcu(first.rcu(), &FREE_STATE).await;
                k.rcu_barrier().await;
            }
        });
    })
}

async fn run_work(k: &Kernel, work: Work) {
    let state: State = container_of(work, State::work);
    k.write(state.value(), 1).await;
}

async fn run_timer(k: &Kernel, timer: Timer) {
    let state: State = container_of(timer, State::timer);
    k.write(state.value(), 2).await;
}

async fn run_call(k: &Kernel, state: State) {
    k.write(state.value(), 3).await;
}

/// Work, timers, cross-calls and kthreads come after who starts them, and before who waits for
/// them.
fn handover() -> [Scenario; 2] {
    races("race-handover", "a result read without waiting for the work item", |sim, bug| {
        let state: State = sim.object("state");
        sim.task(0, "task", move |k| async move {
            k.write(state.value(), 0).await;
            k.queue_work(state.work(), &RUN_WORK).await;
            if !bug {
                k.flush_work(state.work()).await;
            }
            k.read(state.value()).await;
            k.flush_work(state.work()).await;
            k.smp_call_function(&RUN_CALL, state, true).await;
            k.write(state.value(), 0).await;
            k.mod_timer(state.timer(), &RUN_TIMER, 5_000).await;
            k.timer_delete_sync(state.timer()).await;
            k.read(state.value()).await;
        });
    })
}
