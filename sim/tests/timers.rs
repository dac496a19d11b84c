//! A timer that was deleted leaves nothing behind.

use ksim::base::op::Op;
use ksim::choice::RandomWalk;
use ksim::program::{Kernel, Timer};
use ksim::run::{Execution, Scenario};

ksim::kernel_struct! {
    struct Dev("dev", Static) { timer: Timer }
}
ksim::kernel_fn! { static EXPIRED = expired }

async fn expired(k: &Kernel, _: Timer) {
    k.relax().await;
}

fn deleted() -> Scenario {
    Scenario::new("test/deleted", "a timer expires, and is deleted", |sim, _| {
        sim.cpus(1);
        let dev: Dev = sim.object("dev");
        sim.task(0, "task", move |k| async move {
            k.mod_timer(dev.timer(), &EXPIRED, 0).await;
            k.relax().await;
            k.timer_delete(dev.timer()).await;
            k.relax().await;
        });
    })
}

#[test]
fn no_tick_comes_for_a_timer_that_was_deleted_after_it_had_expired() {
    let scenario = deleted();
    let (mut execution, mut pending) = (Execution::new(&scenario), 0);
    for index in 0..100 {
        execution.run(&mut RandomWalk::default(), 1, index);
        let events = &execution.sim().system().events;
        let place = |of: fn(&Op) -> bool| events.iter().position(|e| of(&e.call.op));
        let ticks = place(|op| matches!(op, Op::Tick));
        let delete = place(|op| matches!(op, Op::DelTimer { .. })).expect("it is deleted");
        if events[delete].reply != 0 {
            pending += 1;
            assert!(ticks.is_none_or(|tick| tick < delete), "run {index}");
        }
    }
    assert!((1..100).contains(&pending), "pending in {pending} runs of 100");
}
