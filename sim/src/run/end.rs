//! The end of a run: final checks, and what a run leaves behind.

use super::final_state::End;
use super::sim::{Sim, Stop};
use crate::base::finding::{Finding, Kind};

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Why it stopped.
    pub stop: Stop,
    /// How many steps it took.
    pub steps: u32,
    /// What was found, in order.
    pub findings: Vec<Finding>,
}

impl Sim {
    /// Final checks of a run that came to its end.
    pub(super) fn check_end(&mut self) {
        let checks = std::mem::take(&mut self.end_checks);
        for check in &checks {
            if let Err(text) = check(&End { sys: &self.sys }) {
                self.sys.report_at_end(Kind::Assertion, format!("final state: {text}"), text);
            }
        }
        self.end_checks = checks;
        if self.sys.settings.leaks {
            self.sys.check_leaks();
        }
    }

    /// What this run leaves behind, without its trace.
    pub fn ended(&self, stop: Stop) -> Ended {
        Ended { stop, steps: self.sys.events.len() as u32, findings: self.sys.findings.clone() }
    }

    /// Steps of the last run up to one of its findings.
    pub fn steps_to(&self, finding: &Finding) -> u32 {
        (finding.event + 1).min(self.sys.events.len() as u32)
    }
}
