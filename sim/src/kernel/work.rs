//! Workqueues: each queued item runs in a kworker task on the CPU that queued it.

use super::settings::Broken;
use super::system::{Applied, Code, Start, System};
use super::workqueue::Work;
use crate::base::agent::{AgentId, AgentKind};
use crate::base::footprint::{Mode, Object};
use crate::base::op::{Call, Op};
use crate::base::ptr::{Ptr, same_word};

impl System {
    pub(super) fn queue_work(&mut self, id: AgentId, work: Ptr, func: Ptr) -> u64 {
        let Some(pending) = self.at(id, work, Mode::Write) else { return 0 };
        if self.at(id, work.word(1), Mode::Write).is_none() {
            return 0;
        }
        if self.mem.load(pending) == 1 {
            return 0;
        }
        self.store(pending, 1);
        self.store(pending + 1, func.0);
        let origin = self.origin(id);
        if let Some(record) = self.mem.record_mut(work) {
            record.queued = Some(origin);
        }
        if self.broken(Broken::WorkLost) {
            return 1;
        }
        let cpu = self.m.agent(id).cpu;
        let call = Call::internal(Op::WorkInvoke, "process_one_work");
        let worker = self.m.add(AgentKind::Task, cpu, "kworker", call);
        self.m.cpus[usize::from(cpu)].agents.push(worker);
        self.m.touch(cpu);
        self.works.push(Work { item: work, worker, running: false });
        1
    }

    pub(super) fn work_invoke(&mut self, id: AgentId) -> u64 {
        let Some(work) = self.works.iter_mut().find(|w| w.worker == id) else { return 0 };
        work.running = true;
        let item = work.item;
        let Some(pending) = self.at(id, item, Mode::Write) else { return 0 };
        self.at(id, item.word(1), Mode::Read);
        let func = Ptr(self.mem.load(pending + 1));
        self.store(pending, 0);
        self.starts.push(Start { agent: id, what: Code::Func(func, item.0) });
        0
    }

    /// The task that has ended may have been a kworker.
    pub(super) fn work_done(&mut self, id: AgentId) {
        let Some(work) = self.works.iter().find(|w| w.worker == id) else { return };
        // Those who flush the item wait for this.
        if let Ok(index) = self.mem.index(work.item) {
            self.access(Object::word(index), Mode::Write);
        }
        self.works.retain(|w| w.worker != id);
        self.m.touch_waiters();
    }

    /// The item's worker, if it is queued or running.
    pub(super) fn worker_of(&self, work: Ptr) -> Option<AgentId> {
        self.works.iter().find(|w| same_word(w.item.0, work.0)).map(|w| w.worker)
    }

    pub(super) fn flush_work(&mut self, id: AgentId, work: Ptr) -> Applied {
        self.at(id, work, Mode::Read);
        if self.worker_of(work).is_none() {
            return Applied::Done(0);
        }
        self.wait_off_cpu(id);
        Applied::Begun
    }

    pub(super) fn cancel_work(&mut self, id: AgentId, work: Ptr) -> Applied {
        if self.m.agent(id).begun {
            return Applied::Done(self.m.agent(id).ticket);
        }
        let Some(pending) = self.at(id, work, Mode::Write) else { return Applied::Done(0) };
        let same = |w: &&Work| same_word(w.item.0, work.0);
        let queued = self.works.iter().filter(same).find(|w| !w.running).map(|w| w.worker);
        if let Some(worker) = queued {
            self.store(pending, 0);
            self.task_exit(worker);
        }
        let was_pending = u64::from(queued.is_some());
        if self.worker_of(work).is_none() {
            return Applied::Done(was_pending);
        }
        self.m.agent_mut(id).ticket = was_pending;
        self.wait_off_cpu(id);
        Applied::Begun
    }

    /// Is the item of this kworker being run by another one?
    pub(super) fn is_running_elsewhere(&self, worker: AgentId) -> bool {
        let mine = self.works.iter().find(|w| w.worker == worker);
        mine.is_some_and(|mine| {
            let same = |w: &Work| w.worker != worker && same_word(w.item.0, mine.item.0);
            self.works.iter().any(|w| w.running && same(w))
        })
    }
}
