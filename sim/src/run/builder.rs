//! What a scenario sees while it builds its machine: CPUs, objects, tasks, interrupts, checks.

use super::final_state::End;
use super::sim::Sim;
use crate::base::agent::AgentId;
use crate::base::ptr::Ptr;
use crate::base::types::{Allocator, FieldDesc, TypeDesc};
use crate::kernel::settings::Settings;
use crate::program::handle::Scalar;
use crate::program::{
    Atomic, Body, Field, Kernel, ListHead, Mutex, Object, Program, Refcount, RwLock, RwSem,
    SpinLock, Var, Word,
};
use std::rc::Rc;

macro_rules! static_object {
    ($($method:ident, $ty:ty, $tag:literal, $doc:literal;)+) => {
        $(#[doc = $doc]
        pub fn $method(&mut self, role: &'static str) -> $ty {
            static FIELDS: &[FieldDesc] = &[];
            static DESC: TypeDesc = TypeDesc {
                name: $tag,
                words: <$ty as Field>::WORDS,
                fields: FIELDS,
                allocator: Allocator::Static,
                free_checks: &[],
                prep_checks: &[],
            };
            <$ty as Field>::at(self.sys.setup_alloc(&DESC, role))
        })+
    };
}

impl Sim {
    /// How many CPUs the machine has (1 unless said otherwise). Comes first.
    ///
    /// # Panics
    /// When something was built already.
    #[track_caller]
    pub fn cpus(&mut self, n: u16) {
        assert!(n > 0, "a machine needs a CPU");
        assert!(
            self.sys.m.agents.is_empty() && self.sys.mem.records().next().is_none(),
            "say how many CPUs there are before building anything on them"
        );
        self.sys.set_cpus(n);
    }

    /// How many CPUs the machine has.
    pub fn cpu_count(&self) -> u16 {
        self.sys.m.cpus.len() as u16
    }

    /// Settings of this run.
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.sys.settings
    }

    /// May tasks be preempted in the kernel (`CONFIG_PREEMPT`, the default)?
    pub fn preemptible(&mut self, yes: bool) {
        self.sys.m.preemptible = yes;
    }

    /// Does freed memory come back as the next object (off unless said otherwise)?
    pub fn reuse_memory(&mut self, yes: bool) {
        self.sys.mem.reuse = yes;
    }

    /// Is access to freed memory a finding (on unless said otherwise)? If not, a stale access does
    /// what it would really do.
    pub fn kasan(&mut self, yes: bool) {
        self.sys.mem.kasan = yes;
    }

    /// An object that exists before the first step, called by its role; all words 0.
    pub fn object<T: Object>(&mut self, role: &'static str) -> T {
        T::from_ptr(self.sys.setup_alloc(T::desc(), role))
    }

    /// This object of setup is a leak unless it is freed or some other object points to it when the
    /// run ends, like memory that was allocated in the run (see [`Settings::leaks`]).
    pub fn must_be_freed<T: Object>(&mut self, object: T) {
        if let Some(record) = self.sys.mem.record_mut(object.ptr()) {
            record.owned = true;
        }
    }

    static_object! {
        spin_lock, SpinLock, "spinlock", "A static spinlock; each role is a lock class of its own.";
        mutex, Mutex, "mutex", "A static mutex.";
        rw_sem, RwSem, "rwsem", "A static reader-writer semaphore.";
        rw_lock, RwLock, "rwlock", "A static `rwlock_t`.";
        list_head_uninit, ListHead, "list_head", "A static list head, not initialized.";
        refcount_zero, Refcount, "refcount", "A static `refcount_t` of 0.";
    }

    /// A static word.
    pub fn word<T: Word>(&mut self, role: &'static str, value: T) -> Var<T> {
        static DESC: TypeDesc = TypeDesc {
            name: "word",
            words: 1,
            fields: &[],
            allocator: Allocator::Static,
            free_checks: &[],
            prep_checks: &[],
        };
        let var = Var::at(self.sys.setup_alloc(&DESC, role));
        self.set(var, value);
        var
    }

    /// A static `atomic_t`.
    pub fn atomic(&mut self, role: &'static str, value: u64) -> Atomic {
        Atomic(self.word(role, value).0)
    }

    /// A static, empty list.
    pub fn list_head(&mut self, role: &'static str) -> ListHead {
        let head = self.list_head_uninit(role);
        self.init_list_head(head);
        head
    }

    /// Sets a word before the first step.
    pub fn set<F: Scalar>(&mut self, field: F, value: F::Value) {
        self.poke(field.ptr(), value.to_word());
    }

    /// Reads a word before the first step.
    pub fn get<F: Scalar>(&self, field: F) -> F::Value {
        F::Value::from_word(self.sys.mem.load(field.ptr().index()))
    }

    fn poke(&mut self, at: Ptr, value: u64) {
        self.sys.mem.store(at.index(), value);
    }

    /// `INIT_LIST_HEAD()` before the first step.
    pub fn init_list_head(&mut self, head: ListHead) {
        self.poke(head.0, head.0.0);
        self.poke(head.0.word(1), head.0.0);
    }

    /// `list_add_tail()` before the first step.
    pub fn list_add_tail(&mut self, new: ListHead, head: ListHead) {
        let prev = Ptr(self.sys.mem.load(head.0.word(1).index()));
        self.poke(new.0, head.0.0);
        self.poke(new.0.word(1), prev.0);
        self.poke(prev, new.0.0);
        self.poke(head.0.word(1), new.0.0);
        self.sys.mem.set_role(new.0.index(), crate::kernel::memory::role::LISTED, true);
    }

    /// A task on a CPU. Write `move |k| async move { … }`.
    ///
    /// # Panics
    /// When there is no such CPU.
    #[track_caller]
    pub fn task<F>(
        &mut self,
        cpu: u16,
        role: &'static str,
        program: impl FnOnce(Kernel) -> F,
    ) -> AgentId
    where
        F: Future<Output = ()> + 'static,
    {
        let future = Box::pin(program(Kernel::new(&self.mailbox)));
        self.add(cpu, role, Body::Async(future))
    }

    /// A task whose program is a state machine.
    #[track_caller]
    pub fn machine(
        &mut self,
        cpu: u16,
        role: &'static str,
        program: impl Program + 'static,
    ) -> AgentId {
        self.add(cpu, role, Body::Machine(Box::new(program)))
    }

    #[track_caller]
    fn add(&mut self, cpu: u16, role: &'static str, body: Body) -> AgentId {
        let id = self.sys.add_task(cpu, role);
        self.set_body(id, Some(body));
        self.prime(id);
        id
    }

    /// Lets a task that waits for its CPU be moved to another.
    pub fn migratable(&mut self, task: AgentId) {
        self.sys.make_migratable(task);
    }

    /// A task that need not finish for the run to be complete.
    pub fn daemon(&mut self, task: AgentId) {
        self.sys.m.agent_mut(task).daemon = true;
    }

    /// An interrupt line of a CPU that may fire up to `times` times, at any moment.
    pub fn irq<F>(
        &mut self,
        cpu: u16,
        role: &'static str,
        times: u32,
        handler: impl Fn(Kernel) -> F + 'static,
    ) where
        F: Future<Output = ()> + 'static,
    {
        let id = self.sys.add_line(cpu, role, times);
        self.lines.push((id, Rc::new(move |k| Box::pin(handler(k)))));
    }

    /// The handler of a softirq vector, on all CPUs (`open_softirq()`).
    pub fn softirq<F>(&mut self, vector: u8, handler: impl Fn(Kernel) -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        self.vectors[usize::from(vector)] = Some(Rc::new(move |k| Box::pin(handler(k))));
    }

    /// A check of the state in which a run ends when nothing is left to do; an error is a finding
    /// of kind `assertion`.
    pub fn at_end(&mut self, check: impl Fn(&End<'_>) -> Result<(), String> + 'static) {
        self.end_checks.push(Box::new(check));
    }

    /// A condition on a field of every object of a type, checked at each write to it; a violation
    /// is a finding of kind `impossible-state`.
    pub fn invariant<T: Object, F: Field>(
        &mut self,
        accessor: fn(T) -> F,
        what: &'static str,
        holds: fn(u64) -> bool,
    ) {
        let offset = accessor(T::from_ptr(Ptr::NULL)).ptr().offset();
        self.sys.add_invariant(T::desc(), offset, what, holds);
    }

    /// Names bits of a field of every object of its type, for people who look at its value:
    /// `sim.bits(Page::flags, &[(PG_ACTIVE, "active")])`.
    pub fn bits<T: Object, F: Field>(
        &mut self,
        accessor: fn(T) -> F,
        names: &'static [(u64, &'static str)],
    ) {
        let offset = accessor(T::from_ptr(Ptr::NULL)).ptr().offset();
        self.sys.add_bits(T::desc(), offset, names);
    }
}
