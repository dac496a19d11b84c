//! What peers do not have: interrupts on a task's own CPU, and grace periods.

use super::bug_on;
use ksim::base::finding::Kind;
use ksim::program::{Kernel, Var};
use ksim::run::{End, Scenario, Sim};

async fn increment(k: &Kernel, x: Var<u64>) {
    let old = k.read_once(x).await;
    k.write_once(x, old + 1).await;
}

/// `m` private reads before and after an increment that an interrupt also makes.
fn irq_counter(m: usize) -> Scenario {
    let about = "an interrupt between the read and the write of an increment";
    Scenario::new(format!("classic/irq-counter-{m}/static"), about, move |sim, _| {
        let x = sim.word("x", 0u64);
        let private = sim.word("private", 0u64);
        sim.task(0, "task", move |k| async move {
            for _ in 0..m {
                k.read_once(private).await;
            }
            increment(&k, x).await;
            for _ in 0..m {
                k.read_once(private).await;
            }
        });
        sim.irq(0, "irq:nic", 1, move |k| async move { increment(&k, x).await });
        sim.at_end(move |end| match end.get(x) {
            2 => Ok(()),
            _ => Err("an update is lost".to_owned()),
        });
    })
    .finds(&[Kind::Assertion])
}

/// A lock taken in a task with interrupts on, and in the handler that may interrupt it.
fn irq_lock_deadlock() -> Scenario {
    let about = "the handler spins on the lock of the task that it interrupted";
    Scenario::new("classic/irq-lock-deadlock/static", about, |sim, _| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let x = sim.word("x", 0u64);
        for cpu in 0..2 {
            sim.task(cpu, "task", move |k| async move {
                k.spin_lock(lock).await;
                increment(&k, x).await;
                k.spin_unlock(lock).await;
            });
        }
        sim.irq(0, "irq:nic", 1, move |k| async move {
            k.spin_lock(lock).await;
            increment(&k, x).await;
            k.spin_unlock(lock).await;
        });
    })
    .finds(&[Kind::Deadlock, Kind::InconsistentLockState])
}

/// Flag and data of another CPU, seen through a copy that a handler makes.
fn irq_3way() -> Scenario {
    let about = "the handler copies the flag before the data are there";
    Scenario::new("classic/irq-3way/static", about, |sim, _| {
        sim.cpus(2);
        let flag = sim.word("flag", 0u64);
        let data = sim.word("data", 0u64);
        let copy = sim.word("copy", 0u64);
        sim.task(0, "task", move |k| async move {
            if k.read_once(copy).await == 1 {
                let data = k.read_once(data).await;
                bug_on(&k, data == 0, "the flag follows the data").await;
            }
        });
        sim.task(1, "writer", move |k| async move {
            k.write_once(flag, 1).await;
            k.write_once(data, 1).await;
        });
        sim.irq(0, "irq:nic", 1, move |k| async move {
            let seen = k.read_once(flag).await;
            k.write_once(copy, seen).await;
        });
    })
    .finds(&[Kind::Assertion])
}

/// What the RCU litmus test does differently from the right thing.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Fault {
    None,
    /// `synchronize_rcu()` is missing.
    NoGracePeriod,
    /// The reader leaves its section in the middle.
    QuiescentInside,
    /// The reader waits inside its section for what comes after the grace period.
    WaitsInside,
}

fn rcu_litmus(fault: Fault) -> Scenario {
    let (name, finds): (_, &[Kind]) = match fault {
        Fault::None => ("right", &[]),
        Fault::NoGracePeriod => ("no-grace-period", &[Kind::Assertion]),
        Fault::QuiescentInside => ("quiescent-inside", &[Kind::Assertion]),
        Fault::WaitsInside => ("waits-inside", &[Kind::Deadlock]),
    };
    let build = move |sim: &mut Sim| {
        sim.cpus(2);
        let (x, y) = (sim.word("x", 0u64), sim.word("y", 0u64));
        let (saw_x, saw_y) = (sim.word("saw_x", 1u64), sim.word("saw_y", 0u64));
        sim.task(0, "reader", move |k| async move {
            k.rcu_read_lock().await;
            let first = k.read_once(x).await;
            if fault == Fault::QuiescentInside {
                k.rcu_read_unlock().await;
                k.rcu_read_lock().await;
            }
            let second = match fault {
                Fault::WaitsInside => k.spin_until(y, 1).await,
                _ => k.read_once(y).await,
            };
            k.rcu_read_unlock().await;
            k.write_once(saw_x, first).await;
            k.write_once(saw_y, second).await;
        });
        sim.task(1, "updater", move |k| async move {
            k.write_once(x, 1).await;
            if fault != Fault::NoGracePeriod {
                k.synchronize_rcu().await;
            }
            k.write_once(y, 1).await;
        });
        sim.at_end(move |end: &End<'_>| {
            let bad = end.get(saw_x) == 0 && end.get(saw_y) == 1;
            if bad && fault != Fault::WaitsInside {
                return Err("the reader's section spans the grace period".to_owned());
            }
            Ok(())
        });
    };
    let name = format!("classic/rcu-litmus/{name}");
    let about = "one section sees both sides of a grace period";
    let scenario = Scenario::new(name, about, move |sim, _| build(sim)).source(
        "Alglave and others, ASPLOS 2018; faults after Kokologiannakis and Sagonas, SPIN 2017",
    );
    if finds.is_empty() { scenario } else { scenario.finds(finds) }
}

pub(super) fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = [4, 10, 20].map(irq_counter).into();
    all.extend([irq_lock_deadlock(), irq_3way()]);
    let faults = [Fault::None, Fault::NoGracePeriod, Fault::QuiescentInside, Fault::WaitsInside];
    all.extend(faults.map(rcu_litmus));
    all
}
