//! What a strategy sees of the system.

use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::event::Event;
use crate::base::footprint::Access;
use crate::base::op::Call;
use crate::choice::strategy::View;
use crate::kernel::System;

impl View for System {
    #[inline]
    fn enabled(&self) -> &AgentSet {
        &self.m.enabled
    }

    fn kind(&self, agent: AgentId) -> AgentKind {
        self.m.agent(agent).kind
    }

    fn cpu(&self, agent: AgentId) -> u16 {
        self.m.agent(agent).cpu
    }

    fn pending(&self, agent: AgentId) -> &Call {
        &self.m.agent(agent).pending
    }

    fn begun(&self, agent: AgentId) -> bool {
        self.m.agent(agent).begun
    }

    fn footprint(&self, agent: AgentId, out: &mut Vec<Access>) {
        System::footprint(self, agent, out);
    }

    fn name(&self, agent: AgentId) -> String {
        self.m.name(agent)
    }

    fn func(&self, agent: AgentId) -> &'static str {
        self.symbols.borrow().func(self.m.agent(agent).pending.frame)
    }

    fn func_of(&self, event: &Event) -> &'static str {
        self.symbols.borrow().func(event.call.frame)
    }

    fn agents(&self) -> usize {
        self.m.agents.len()
    }
    fn static_words(&self) -> usize {
        self.static_words
    }

    fn role(&self, agent: AgentId) -> &'static str {
        self.m.agent(agent).role
    }

    fn is_live(&self, agent: AgentId) -> bool {
        self.m.agent(agent).is_live()
    }

    fn blocker(&self, agent: AgentId) -> Option<AgentId> {
        self.waits_behind(agent)
    }
}
