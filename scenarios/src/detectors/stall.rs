//! Stalls and livelocks.
//!
//! Expected: `stall` in each `bug`, in a run far shorter than the step limit; nothing in each
//! `fix`.
//!
//! Source: Documentation/RCU/stallwarn.rst, Documentation/admin-guide/lockup-watchdogs.rst, v6.3.

use super::twins;
use ksim::base::finding::Kind;
use ksim::run::Scenario;

const SOURCE: &str = "Documentation/admin-guide/lockup-watchdogs.rst, v6.3";

pub(super) fn scenarios() -> Vec<Scenario> {
    [spin(), retry()].concat()
}

/// Nobody will ever set the flag; in the twin, somebody does.
fn spin() -> [Scenario; 2] {
    let about = "a loop that polls a flag for ever, and holds up a grace period";
    twins("stall-poll", about, SOURCE, &[Kind::Stall], |sim, bug| {
        sim.cpus(2);
        let flag = sim.word("flag", false);
        sim.task(0, "poller", move |k| async move {
            k.preempt_disable().await;
            while !k.read_once(flag).await {
                k.relax().await;
            }
            k.preempt_enable().await;
        });
        sim.task(1, "waiter", move |k| async move {
            if !bug {
                k.write_once(flag, true).await;
            }
            k.synchronize_rcu().await;
        });
    })
}

/// Each holds one lock, fails to get the other, gives up, and tries again; nobody ever succeeds,
/// because neither gives up its own. The twin does.
fn retry() -> [Scenario; 2] {
    let about = "two tasks that try for each other's lock for ever";
    twins("livelock-trylock", about, SOURCE, &[Kind::Stall], |sim, bug| {
        sim.cpus(2);
        let locks = [sim.mutex("a"), sim.mutex("b")];
        for cpu in 0..2 {
            let (mine, other) = (locks[usize::from(cpu)], locks[usize::from(1 - cpu)]);
            sim.task(cpu, "task", move |k| async move {
                k.mutex_lock(mine).await;
                while !k.mutex_trylock(other).await {
                    if !bug {
                        k.mutex_unlock(mine).await;
                    }
                    k.relax().await;
                    if !bug {
                        k.mutex_lock(mine).await;
                    }
                }
                k.mutex_unlock(other).await;
                k.mutex_unlock(mine).await;
            });
        }
    })
}
