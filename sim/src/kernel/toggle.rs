//! Preemption, softirqs and interrupts, off and on.

use super::system::System;
use crate::base::agent::AgentId;
use crate::base::event::Eqs;
use crate::base::footprint::{Mode, Object};
use crate::base::op::Toggle;
use crate::base::preempt::{PREEMPT_OFFSET, SOFTIRQ_DISABLE_OFFSET, SOFTIRQ_MASK};
use crate::machine::cpu::Cpu;

impl System {
    pub(super) fn cpu(&self, id: AgentId) -> &Cpu {
        self.m.cpu_of(id)
    }

    pub(super) fn irqs_off(&self, id: AgentId) -> bool {
        self.cpu(id).irqs_off
    }

    pub(super) fn toggle(&mut self, id: AgentId, toggle: Toggle) -> u64 {
        match toggle {
            Toggle::PreemptDisable => self.preempt_add(id, PREEMPT_OFFSET),
            Toggle::PreemptEnable => self.preempt_sub(id, PREEMPT_OFFSET),
            Toggle::BhDisable => self.preempt_add(id, SOFTIRQ_DISABLE_OFFSET),
            Toggle::BhEnable => self.preempt_sub(id, SOFTIRQ_DISABLE_OFFSET),
            Toggle::IrqDisable => self.set_irqs_off(id, true),
            Toggle::IrqEnable => self.set_irqs_off(id, false),
            Toggle::IrqSave => {
                let flags = u64::from(self.irqs_off(id));
                self.set_irqs_off(id, true);
                return flags;
            }
            Toggle::IdleEnter => self.set_eqs(id, Eqs::Idle),
            Toggle::IdleExit => self.set_eqs(id, Eqs::Watching),
            Toggle::CpuDead => {
                self.set_eqs(id, Eqs::Offline);
                self.migrate_callbacks(self.m.agent(id).cpu);
            }
        }
        0
    }

    pub(super) fn irq_restore(&mut self, id: AgentId, flags: u64) -> u64 {
        self.set_irqs_off(id, flags != 0);
        0
    }

    /// A context that begins or ends holding off RCU conflicts with the grace-period machinery.
    fn context_changes(&mut self, id: AgentId) {
        self.access(Object::RCU, Mode::Read);
        let cpu = self.m.agent(id).cpu;
        self.m.touch(cpu);
    }

    fn set_eqs(&mut self, id: AgentId, eqs: Eqs) {
        self.m.cpu_of_mut(id).eqs = eqs;
        self.context_changes(id);
    }

    pub(super) fn set_irqs_off(&mut self, id: AgentId, off: bool) {
        self.m.cpu_of_mut(id).irqs_off = off;
        self.context_changes(id);
    }

    pub(super) fn preempt_add(&mut self, id: AgentId, offset: u32) {
        if offset != 0 {
            self.m.cpu_of_mut(id).preempt += offset;
            self.context_changes(id);
        }
    }

    /// Lowers the count; leaving the outermost bottom-half region runs what is pending.
    pub(super) fn preempt_sub(&mut self, id: AgentId, offset: u32) {
        if offset == 0 {
            return;
        }
        let cpu = self.m.cpu_of_mut(id);
        let before = cpu.preempt;
        cpu.preempt = before.saturating_sub(offset);
        let left_bh = before & SOFTIRQ_MASK != 0 && cpu.preempt & SOFTIRQ_MASK == 0;
        self.context_changes(id);
        if left_bh {
            let cpu = self.m.agent(id).cpu;
            self.run_pending_softirqs(cpu);
        }
    }
}
