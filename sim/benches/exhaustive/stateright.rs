//! The programs as transition systems, which is what stateright checks: written by hand, with
//! nothing of a machine or of detectors in a state.

use super::Program;
use ::stateright::{Checker, Model, Property};

impl Model for Program {
    /// What each task has done and seen, and the words.
    type State = [[u8; 3]; 3];
    type Action = usize;

    fn init_states(&self) -> Vec<Self::State> {
        vec![[[0; 3]; 3]]
    }

    fn actions(&self, _: &Self::State, actions: &mut Vec<usize>) {
        let tasks = match *self {
            Program::Add { tasks, .. } => tasks,
            Program::Count { .. } => 2,
        };
        actions.extend(0..tasks);
    }

    fn next_state(&self, state: &Self::State, task: usize) -> Option<Self::State> {
        let mut next = *state;
        let [done, seen, words] = &mut next;
        let at = usize::from(done[task]);
        match *self {
            Program::Add { apart, .. } if at < 3 => words[if apart { task } else { 0 }] += 1,
            Program::Count { times } if at < 2 * times => match at % 2 {
                0 => seen[task] = words[0],
                _ => words[0] = seen[task] + 1,
            },
            _ => return None,
        }
        done[task] += 1;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let small = |_: &Self, state: &Self::State| state[2].iter().all(|word| *word < 99);
        vec![Property::always("no word overflows", small)]
    }
}

/// Every state, depth first; how many there were.
pub(crate) fn dfs(program: Program) -> u64 {
    program.checker().threads(1).spawn_dfs().join().unique_state_count() as u64
}

/// Every state, breadth first; how many there were.
pub(crate) fn bfs(program: Program) -> u64 {
    program.checker().threads(1).spawn_bfs().join().unique_state_count() as u64
}
