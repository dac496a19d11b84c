//! Every step touches at most what its footprint declared before it: the reduced search, the
//! samplers and the race detector rely on it.

use ksim::base::agent::AgentId;
use ksim::base::event::Event;
use ksim::base::footprint::{Access, Mode};
use ksim::choice::{RandomWalk, Strategy, View};
use ksim::run::Execution;
use std::collections::BTreeSet;

/// A random walk that compares what each step declared with what it did.
#[derive(Default)]
struct Compare {
    walk: RandomWalk,
    picked: AgentId,
    declared: Vec<Access>,
    wrong: BTreeSet<String>,
}

fn covers(declared: &Access, done: Access) -> bool {
    declared.object == done.object && (declared.mode != Mode::Read || done.mode == Mode::Read)
}

impl Strategy for Compare {
    fn begin(&mut self, seed: u64, index: u64) {
        self.walk.begin(seed, index);
    }

    fn pick(&mut self, view: &dyn View) -> AgentId {
        self.picked = self.walk.pick(view);
        view.footprint(self.picked, &mut self.declared);
        self.picked
    }

    fn outcome(&mut self, view: &dyn View, agent: AgentId, n: u32) -> u32 {
        self.walk.outcome(view, agent, n)
    }

    fn observe(&mut self, _: &dyn View, event: &Event, accesses: &[Access]) {
        if event.agent != self.picked {
            return;
        }
        for &access in accesses {
            if !self.declared.iter().any(|d| covers(d, access)) {
                let what = match access.object.word_index() {
                    Some(_) => format!("a word ({:?})", access.mode),
                    None => format!("{access:x?}"),
                };
                self.wrong.insert(format!("{} {:?} touches {what}", event.call.name, event.phase));
            }
        }
    }

    fn observes(&self) -> bool {
        true
    }
}

#[test]
fn steps_touch_only_what_they_declare() {
    let mut report = String::new();
    for scenario in ksim_scenarios::all() {
        let mut execution = Execution::new(&scenario);
        let mut compare = Compare::default();
        let mut steps = 0;
        for index in 0..500 {
            execution.run(&mut compare, 2, index);
            steps += execution.sim().system().events.len();
            if steps > 20_000 {
                break;
            }
        }
        if !compare.wrong.is_empty() {
            report.push_str(&format!("{}: {:#?}\n", scenario.name, compare.wrong));
        }
    }
    assert!(report.is_empty(), "{report}");
}
