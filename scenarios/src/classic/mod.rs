//! Textbook concurrency bugs, on which samplers are compared. The shapes are those of the SCTBench,
//! CHESS, ConVul and RADBench programs that the literature measures, told anew; each names its
//! origin. `static` has all tasks from the start, in `spawned` a main task starts them one by one
//! with two private steps before each, which is what samplers find hard.

mod depth;
mod interrupts;
mod locks;
mod memory;
mod order;
mod queues;
mod stack;
mod waiting;

use ksim::base::finding::Kind;
use ksim::program::{Func, Kernel, Object, Word};
use ksim::run::{Scenario, Sim};

/// All of them.
pub fn all() -> Vec<Scenario> {
    let families: [fn() -> Vec<Scenario>; 8] = [
        depth::all,
        interrupts::all,
        locks::all,
        memory::all,
        order::all,
        queues::all,
        stack::all,
        waiting::all,
    ];
    families.iter().flat_map(|family| family()).collect()
}

/// A program: its functions, each to be run by a task of its own with the shared object as its
/// argument, in the order in which they start.
struct Textbook<T> {
    name: String,
    about: &'static str,
    source: &'static str,
    finds: &'static [Kind],
    /// Fills the shared object before the first step.
    init: fn(&mut Sim, T),
    tasks: Vec<&'static Func>,
}

impl<T: Object> Textbook<T> {
    /// Both forms.
    fn scenarios(&self) -> Vec<Scenario> {
        vec![self.form(false), self.form(true)]
    }

    fn form(&self, spawned: bool) -> Scenario {
        let (init, tasks) = (self.init, self.tasks.clone());
        let form = if spawned { "spawned" } else { "static" };
        Scenario::new(format!("classic/{}/{form}", self.name), self.about, move |sim, _| {
            sim.cpus(tasks.len() as u16 + u16::from(spawned));
            sim.settings().lockdep = false;
            let shared: T = sim.object("shared");
            init(sim, shared);
            if spawned {
                let tasks = tasks.clone();
                sim.task(0, "main", move |k| start_all(k, tasks, shared.ptr().to_word()));
            } else {
                for (cpu, &func) in tasks.iter().enumerate() {
                    let arg = shared.ptr().to_word();
                    sim.task(cpu as u16, func.name, move |k| (func.call)(k, arg));
                }
            }
        })
        .finds(self.finds)
        .source(self.source)
    }
}

async fn start_all(k: Kernel, tasks: Vec<&'static Func>, arg: u64) {
    for (i, func) in tasks.into_iter().enumerate() {
        k.relax().await;
        k.relax().await;
        k.kthread_run(i as u16 + 1, func, arg).await;
    }
}

/// `BUG_ON(bad)` that costs no step while all is well, as in the published models.
async fn bug_on(k: &Kernel, bad: bool, what: &'static str) {
    if bad {
        k.assert(false, what).await;
    }
}

/// `n` times the same function.
fn times(n: usize, func: &'static Func) -> impl Iterator<Item = &'static Func> {
    std::iter::repeat_n(func, n)
}
