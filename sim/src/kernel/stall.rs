//! No progress: a state that keeps coming back, a grace period that cannot end, a callback that
//! nobody will call.

use super::memory::{Life, role};
use super::settings::RcuFlavour;
use super::system::System;
use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::finding::{Finding, Kind, Party};
use crate::base::op::Op;
use crate::base::ptr::Ptr;
use crate::base::types::FieldKind;
use crate::machine::agent::{Agent, State};

impl System {
    /// These agents have led the run back to the same state so many times.
    pub fn report_stall(&mut self, acted: &AgentSet, repeats: u32) {
        let mut notes: Vec<String> = Vec::new();
        let mut parties: Vec<Party> = Vec::new();
        for id in acted.iter() {
            let call = self.m.agent(id).pending;
            let party = self.party("Goes round", id, call.frame, call.name, self.events.len());
            notes.push(format!("{} goes round at {}", party.agent, party.site()));
            parties.push(Party { event: None, ..party });
        }
        notes.push(format!("the same state came back {repeats} times (stall_repeats)"));
        notes.extend(self.grace_period_waits_for());
        // The watchdog's own interrupt sees the first; with interrupts off only an NMI does.
        let first = acted.iter().find(|&id| self.m.agent(id).kind <= AgentKind::Irq);
        let first = first.unwrap_or_default();
        let headline = self.stuck_headline(first);
        self.fatal = true;
        self.findings.push(Finding {
            kind: Kind::Stall,
            headline,
            object: "progress".to_owned(),
            parties,
            notes,
            event: self.events.len() as u32,
        });
    }

    /// What notices an agent that never goes on: the hung-task check if it sleeps, a watchdog if it
    /// keeps its CPU.
    pub(super) fn stuck_headline(&self, id: AgentId) -> String {
        let Agent { cpu, role, state, pending, .. } = self.m.agent(id);
        let sleeps = match pending.op {
            Op::Lock { kind, .. } => kind.sleeps(),
            Op::Await { sleeps, .. } => sleeps,
            Op::Join(_) | Op::FlushWork { .. } | Op::CancelWork { .. } => true,
            _ => *state == State::Asleep,
        };
        match self.m.cpu_of(id).irqs_off {
            _ if sleeps => format!("INFO: task {role} blocked for ever"),
            true => format!("Watchdog detected hard LOCKUP on cpu {cpu} [{role}]"),
            false => format!("watchdog: BUG: soft lockup - CPU#{cpu} stuck! [{role}]"),
        }
    }

    /// The kernel's stall warning, if a grace period is in progress that somebody holds up.
    pub(super) fn grace_period_waits_for(&self) -> Option<String> {
        let mut waits: Vec<String> = Vec::new();
        waits.extend(self.rcu.wait_cpus.iter().map(|cpu| format!("cpu{}", cpu.0)));
        waits.extend(self.rcu.wait_tasks.iter().map(|task| self.m.name(task)));
        (self.rcu.in_progress() && !waits.is_empty()).then(|| {
            let flavour = match self.settings.rcu {
                RcuFlavour::Preemptible => "rcu_preempt",
                RcuFlavour::Classic => "rcu_sched",
            };
            format!("rcu: INFO: {flavour} detected stalls on CPUs/tasks: {}", waits.join(" "))
        })
    }

    /// Nothing is left to do: every callback must have been called.
    pub(super) fn check_lost_callbacks(&mut self) {
        if self.rcu.outstanding == 0 {
            return;
        }
        let is_queued = |&at: &Ptr| self.mem.role(at.index()) & role::QUEUED != 0;
        let lost = self
            .mem
            .records()
            .filter(|(_, r)| r.life == Life::Live)
            .flat_map(|(at, r)| (0..(r.bytes / 8) as usize).map(move |w| at.word(w)))
            .find(is_queued);
        let Some(head) = lost else { return };
        let func = self.text_name(Ptr(self.mem.load(head.word(1).index())));
        let object = self.describe(head, Some(FieldKind::Rcu));
        let headline = format!("rcu: callback {func} of {object} was never invoked");
        let mut parties = self.history(head);
        parties.truncate(1);
        self.fatal = true;
        let event = self.events.len() as u32;
        let notes = Vec::new();
        self.findings.push(Finding { kind: Kind::Stall, headline, object, parties, notes, event });
    }
}
