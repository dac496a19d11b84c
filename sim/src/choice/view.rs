//! What a strategy may see of the machine.

use crate::base::agent::{AgentId, AgentKind, AgentSet};
use crate::base::event::Event;
use crate::base::footprint::Access;
use crate::base::op::Call;

/// What a strategy may see of the machine when it decides.
pub trait View {
    /// Who can act.
    fn enabled(&self) -> &AgentSet;
    /// What an agent is.
    fn kind(&self, agent: AgentId) -> AgentKind;
    /// On which CPU it is.
    fn cpu(&self, agent: AgentId) -> u16;
    /// Its next operation.
    fn pending(&self, agent: AgentId) -> &Call;
    /// Has its next operation begun already?
    fn begun(&self, agent: AgentId) -> bool;
    /// What its next operation would touch; replaces the contents of `out`.
    fn footprint(&self, agent: AgentId, out: &mut Vec<Access>);
    /// Its stable name.
    fn name(&self, agent: AgentId) -> String;
    /// The modelled function in which its next operation stands.
    fn func(&self, agent: AgentId) -> &'static str;
    /// The modelled function in which this event's operation stands.
    fn func_of(&self, event: &Event) -> &'static str;
    /// How many agents there are so far; their numbers are below this.
    fn agents(&self) -> usize;
    /// What people call it, without its CPU.
    fn role(&self, agent: AgentId) -> &'static str;
    /// How many words of memory there were before the first step.
    fn static_words(&self) -> usize;
    /// Has it begun and not ended?
    fn is_live(&self, agent: AgentId) -> bool;
    /// For whom must it wait before it can go on, if for a certain one?
    fn blocker(&self, agent: AgentId) -> Option<AgentId>;
}
