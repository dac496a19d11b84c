//! Tasks, work items, timers, function calls to other CPUs.

use super::handle::{Field, Timer, Word, Work};
use super::kernel::{Func, Kernel, Operation};
use crate::base::agent::AgentId;
use crate::base::op::Op;

impl Kernel {
    /// `kthread_run()` bound to a CPU: starts `func(arg)` there; replies the task.
    #[track_caller]
    pub fn kthread_run(
        &self,
        cpu: u16,
        func: &'static Func,
        arg: impl Word,
    ) -> Operation<'_, AgentId> {
        let op = Op::Spawn { func: self.address(func), arg: arg.to_word(), cpu };
        self.op("kthread_run", op)
    }

    /// Sleeps until the task has ended (`kthread_stop()`, `wait_for_completion()`).
    #[track_caller]
    pub fn kthread_join(&self, task: AgentId) -> Operation<'_, ()> {
        self.op("kthread_stop", Op::Join(task))
    }

    /// `cond_resched()`: lets other tasks of this CPU run.
    #[track_caller]
    pub fn cond_resched(&self) -> Operation<'_, ()> {
        self.op("cond_resched", Op::Schedule)
    }

    /// `schedule()`: a voluntary context switch.
    #[track_caller]
    pub fn schedule(&self) -> Operation<'_, ()> {
        self.op("schedule", Op::Schedule)
    }

    /// Sleeps for virtual nanoseconds (`usleep_range()`, `schedule_timeout()`).
    #[track_caller]
    pub fn sleep(&self, nanoseconds: u64) -> Operation<'_, ()> {
        self.op("schedule_timeout", Op::Sleep(nanoseconds))
    }

    /// `queue_work()`: replies whether it was not queued yet.
    #[track_caller]
    pub fn queue_work(&self, work: Work, func: &'static Func) -> Operation<'_, bool> {
        self.op("queue_work", Op::QueueWork { work: work.ptr(), func: self.address(func) })
    }

    /// `flush_work()`: sleeps until the item is neither queued nor running.
    #[track_caller]
    pub fn flush_work(&self, work: Work) -> Operation<'_, ()> {
        self.op("flush_work", Op::FlushWork { work: work.ptr() })
    }

    /// `cancel_work_sync()`: replies whether it was pending.
    #[track_caller]
    pub fn cancel_work_sync(&self, work: Work) -> Operation<'_, bool> {
        self.op("cancel_work_sync", Op::CancelWork { work: work.ptr() })
    }

    /// `mod_timer()`: `func(timer)` runs in the timer softirq of this CPU once `delay` virtual
    /// nanoseconds have passed; replies whether it was pending.
    #[track_caller]
    pub fn mod_timer(&self, timer: Timer, func: &'static Func, delay: u64) -> Operation<'_, bool> {
        let func = self.address(func);
        self.op("mod_timer", Op::ModTimer { timer: timer.ptr(), func, delay })
    }

    /// `timer_delete()`: does not wait for a running handler.
    #[track_caller]
    pub fn timer_delete(&self, timer: Timer) -> Operation<'_, bool> {
        self.op("timer_delete", Op::DelTimer { timer: timer.ptr(), sync: false })
    }

    /// `timer_delete_sync()`: waits for a running handler.
    #[track_caller]
    pub fn timer_delete_sync(&self, timer: Timer) -> Operation<'_, bool> {
        self.op("timer_delete_sync", Op::DelTimer { timer: timer.ptr(), sync: true })
    }

    /// `smp_call_function(func, arg, wait)`: runs it in hard interrupt context on all other CPUs.
    #[track_caller]
    pub fn smp_call_function(
        &self,
        func: &'static Func,
        arg: impl Word,
        wait: bool,
    ) -> Operation<'_, ()> {
        let func = self.address(func);
        self.op("smp_call_function", Op::SmpCall { func, arg: arg.to_word(), wait })
    }
}
