//! The races of a run, and the sequences of steps that reverse them.

use super::search::Dpor;
use super::stack::Steps;
use super::wakeup::{Move, Relation, Tree, relation};
use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Access, Mode, Object};
use crate::choice::traces::conflict;
use crate::machine::agent::State;
use crate::run::prove::settings::Flaw;
use crate::run::prove::walker::Choice;
use std::sync::Arc;

/// A step whose races are looked for: one of the run, or one that could not be taken at its end.
struct Target {
    choice: Choice,
    /// Its number, or the length of the run.
    at: usize,
    touches: Arc<[Access]>,
    /// The step that its agent took before, or that made its agent.
    pred: Option<usize>,
}

impl Dpor<'_> {
    /// Plans what reverses each race of the run that was just explored.
    pub(super) fn analyse(&mut self) {
        let skipped = self.settings.flaw == Some(Flaw::PendingForgotten);
        let pending = if skipped { Vec::new() } else { self.pending() };
        let agents = self.walker.system().m.agents.len();
        let taken = (0..self.stack.frames.len()).map(|at| {
            let step = &self.stack.frames[at].step;
            let pred = self.stack.before(step.choice.agent, at, agents);
            Target {
                choice: step.choice,
                at,
                touches: self.stack.frames[at].effects().clone(),
                pred,
            }
        });
        let targets: Vec<Target> = taken.chain(pending).collect();
        for target in &targets {
            self.races_of(target);
        }
    }

    /// Operations that stand before those who cannot act, or who were not let.
    fn pending(&self) -> Vec<Target> {
        let sys = self.walker.system();
        let at = self.stack.frames.len();
        let agents = sys.m.agents.len();
        let mut out = Vec::new();
        for (agent, who) in (0..).map(AgentId).zip(&sys.m.agents) {
            let spent = who.kind == AgentKind::Irq
                && who.budget == 0
                && who.state == State::Idle
                && sys.m.cpu_of(agent).ipi != Some(agent);
            let served = who.kind == AgentKind::Softirq && who.state == State::Idle;
            if who.state == State::Dead || spent || served {
                continue;
            }
            let mut touches = Vec::new();
            sys.footprint(agent, &mut touches);
            touches.push(Access { object: Object::RUN, mode: Mode::Read });
            touches.push(Access { object: Object::context(who.cpu), mode: Mode::Write });
            touches.push(self.turn(agent, Mode::Write));
            for outcome in 0..sys.outcomes(agent) as u16 {
                let pred = self.stack.before(agent, at, agents);
                let choice = Choice { agent, outcome };
                out.push(Target { choice, at, touches: touches.clone().into(), pred });
            }
        }
        out
    }

    /// Walks back over what each object was used for, as long as that did not have to come first.
    fn races_of(&mut self, target: &Target) {
        let known = target.pred.map_or_else(Steps::default, |p| self.stack.frames[p].past.clone());
        let mut seen: Vec<(usize, bool)> = Vec::new();
        for touch in &*target.touches {
            for i in (0..target.at).rev() {
                let effects = self.stack.frames[i].effects();
                if !effects.iter().any(|a| a.conflicts(*touch)) {
                    continue;
                }
                let changes = |a: &Access| a.object == touch.object && a.mode != Mode::Read;
                let writes = effects.iter().any(changes);
                if known.contains(i) {
                    if writes {
                        break;
                    }
                    continue;
                }
                let done = seen.iter().find(|(k, _)| *k == i).map(|(_, possible)| *possible);
                let possible = done.unwrap_or_else(|| {
                    let possible = self.reverse(i, target);
                    seen.push((i, possible));
                    possible
                });
                // A step that only made the other one possible is no race; one further back is.
                let enabler = self.settings.flaw == Some(Flaw::EnablersStopTheWalk);
                if writes && (possible || enabler) {
                    break;
                }
            }
        }
    }

    /// Plans that the target comes before step `i`; `false` if it is not possible there.
    fn reverse(&mut self, i: usize, target: &Target) -> bool {
        let end = match self.settings.flaw {
            Some(Flaw::ReversalsCutShort) => target.at,
            _ => self.stack.frames.len(),
        };
        let frames = &self.stack.frames;
        let apart = (i + 1..end).filter(|&k| k != target.at && !frames[k].past.contains(i));
        let mut plan: Vec<Move> = apart.map(|k| frames[k].step.clone()).collect();
        let meets = |m: &Move| m.effects.as_ref().is_none_or(|e| conflict(e, &target.touches));
        let simple = target.pred.is_none_or(|p| p < i) && !plan.iter().any(meets);
        if simple && !frames[i].enabled.contains(target.choice.agent) {
            return false;
        }
        plan.push(Move { choice: target.choice, effects: None });
        if !simple && !self.probe(i, &mut plan) {
            return false;
        }
        if self.settings.source {
            self.plan_source(i, &plan)
        } else {
            self.plan(i, plan)
        }
        true
    }

    /// Plans a sequence of steps from before step `i`, unless that is covered.
    fn plan(&mut self, i: usize, mut plan: Vec<Move>) {
        for q in 0..self.stack.frames[i].sleep.len() {
            let mut how = relation(&self.stack.frames[i].sleep[q], &plan);
            if how == Relation::Unknown {
                self.probe(i, &mut plan);
                how = relation(&self.stack.frames[i].sleep[q], &plan);
            }
            if matches!(how, Relation::Initial(_) | Relation::Independent) {
                return;
            }
        }
        let mut tree = std::mem::take(&mut self.stack.frames[i].tree);
        tree.insert(plan, &mut |sequence| _ = self.probe(i, sequence));
        self.stack.frames[i].tree = tree;
    }

    /// Source sets: plans one first step of the sequence, unless one is planned or done.
    fn plan_source(&mut self, i: usize, plan: &[Move]) {
        let frame = &mut self.stack.frames[i];
        let weak = self.settings.flaw == Some(Flaw::WeakInitials);
        let covered = frame.sleep.iter().any(|q| match relation(q, plan) {
            Relation::Initial(_) => true,
            Relation::Independent => weak,
            Relation::Other | Relation::Unknown => false,
        });
        let first = |m: &Move| matches!(relation(m, plan), Relation::Initial(_));
        if !covered && !frame.tree.ways.iter().any(|(m, _)| first(m)) {
            let step = Move { choice: plan[0].choice, effects: None };
            frame.tree.ways.push((step, Tree::default()));
        }
    }
}
