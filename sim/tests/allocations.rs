//! A run allocates one box for each program that it starts and nothing else: no step allocates, and
//! all other storage is reused from run to run.

use allocation_counter::measure;
use ksim::choice::RandomWalk;
use ksim::program::{Kernel, RcuHead, SpinLock, Var, container_of};
use ksim::run::sim::Stop;
use ksim::run::{Execution, Scenario};

const CPUS: u16 = 3;

ksim::kernel_struct! {
    struct Node("node", Slab) { rcu: RcuHead, value: Var<u64> }
}

ksim::kernel_fn! {
    static CHILD = child;
    static NODE_FREE_RCU = node_free_rcu
}

async fn child(k: &Kernel, lock: SpinLock) {
    let k = &k.func("child");
    k.spin_lock_bh(lock).await;
    k.spin_unlock_bh(lock).await;
}

async fn node_free_rcu(k: &Kernel, head: RcuHead) {
    let k = &k.func("node_free_rcu");
    k.kfree(container_of(head, Node::rcu)).await;
}

/// A task on each CPU that locks, reads, writes and unlocks `rounds` times.
fn locking(rounds: u64) -> Scenario {
    Scenario::new("locking", "", move |sim, _| {
        sim.cpus(CPUS);
        let (spin, mutex) = (sim.spin_lock("spin"), sim.mutex("mutex"));
        let word: Var = sim.word("word", 0);
        for cpu in 0..CPUS {
            sim.task(cpu, "task", move |k| async move {
                let k = &k.func("count");
                for _ in 0..rounds {
                    k.mutex_lock(mutex).await;
                    k.spin_lock_irq(spin).await;
                    let seen = k.read(word).await;
                    k.write(word, seen + 1).await;
                    k.spin_unlock_irq(spin).await;
                    k.mutex_unlock(mutex).await;
                }
            });
        }
    })
}

/// A task that starts others, one after the other.
fn starting(children: u16) -> Scenario {
    Scenario::new("starting", "", move |sim, _| {
        sim.cpus(CPUS);
        let lock = sim.spin_lock("lock");
        sim.task(0, "parent", move |k| async move {
            for n in 0..children {
                let task = k.kthread_run(n % CPUS, &CHILD, lock).await;
                k.kthread_join(task).await;
            }
        });
    })
}

/// A task that frees nodes after grace periods, beside a reader.
fn deferring(nodes: u64) -> Scenario {
    Scenario::new("deferring", "", move |sim, _| {
        sim.cpus(2);
        sim.reuse_memory(true);
        sim.task(0, "updater", move |k| async move {
            for _ in 0..nodes {
                let node: Node = k.kzalloc().await;
                k.call_rcu(node.rcu(), &NODE_FREE_RCU).await;
            }
        });
        sim.task(1, "reader", move |k| async move {
            for _ in 0..nodes {
                k.rcu_read_lock().await;
                k.rcu_read_unlock().await;
            }
        });
    })
}

/// Allocations in each of ten runs, once all storage has had time to grow to its size.
fn allocations(scenario: &Scenario) -> Vec<u64> {
    let mut execution = Execution::new(scenario);
    let mut walk = RandomWalk::default();
    let mut run = |index| assert_eq!(execution.run(&mut walk, 1, index), Stop::Finished);
    (0..200).for_each(&mut run);
    (200..210).map(|index| measure(|| run(index)).count_total).collect()
}

#[test]
fn a_step_allocates_nothing() {
    for rounds in [1, 10, 100] {
        assert_eq!(allocations(&locking(rounds)), [u64::from(CPUS); 10], "{rounds} rounds");
    }
}

#[test]
fn a_run_allocates_a_box_for_each_program_that_it_starts() {
    for children in [1, 10] {
        assert_eq!(allocations(&starting(children)), [1 + u64::from(children); 10]);
    }
    for nodes in [1, 10] {
        assert_eq!(allocations(&deferring(nodes)), [2 + nodes; 10]);
    }
}
