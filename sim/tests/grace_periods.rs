//! Grace periods end once nobody is left whom they wait for.

use ksim::choice::RandomWalk;
use ksim::run::sim::Stop;
use ksim::run::{Execution, Scenario};

#[test]
fn a_reader_that_ends_with_its_task_is_not_waited_for() {
    let scenario = Scenario::new("reader-exits", "", |sim, _| {
        sim.cpus(2);
        sim.task(0, "updater", move |k| async move {
            k.synchronize_rcu().await;
        });
        sim.task(1, "reader", move |k| async move {
            k.rcu_read_lock().await;
            k.rcu_read_unlock().await;
        });
    });
    let mut execution = Execution::new(&scenario);
    let mut walk = RandomWalk::default();
    for index in 0..200 {
        assert_eq!(execution.run(&mut walk, 1, index), Stop::Finished, "run {index}");
    }
}
