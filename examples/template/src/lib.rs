//! A cache of one entry, read under RCU: an entry must not be revived once its last reference is
//! gone. The tutorial of `ksim` builds it step by step.
//!
//! ```text
//! CPU0: lookup                      CPU1: replace
//! rcu_read_lock()
//! entry = rcu_dereference(slot)
//!                                   rcu_assign_pointer(slot, new)
//!                                   put(entry): refs 1 -> 0, call_rcu()
//! refcount_inc(&entry->refs)
//! rcu_read_unlock()
//!                                   the grace period ends, kfree(entry)
//! entry->hits++
//! ```

use ksim::prelude::*;

kernel_struct! {
    /// An entry, freed a grace period after its last reference is gone.
    pub struct Entry("entry", Slab) {
        refs: Refcount,
        /// 1 is an entry in use.
        state: Var<u64>,
        hits: Atomic,
        rcu: RcuHead,
    }
}
kernel_fn! { static FREE_ENTRY = free_entry }

async fn free_entry(k: &Kernel, head: RcuHead) {
    let entry: Entry = container_of(head, Entry::rcu);
    k.func("free_entry").kfree(entry).await;
}

async fn put(k: &Kernel, entry: Entry) {
    let k = &k.func("put");
    if k.refcount_dec_and_test(entry.refs()).await {
        k.call_rcu(entry.rcu(), &FREE_ENTRY).await;
    }
}

/// Takes a reference to the entry, if there is one, and uses it.
async fn lookup(k: &Kernel, slot: Var<Option<Entry>>, careful: bool) {
    let k = &k.func("lookup");
    k.rcu_read_lock().await;
    let mut entry = k.rcu_dereference(slot).await;
    if let Some(found) = entry {
        if !careful {
            k.refcount_inc(found.refs()).await;
        } else if !k.refcount_inc_not_zero(found.refs()).await {
            entry = None;
        }
    }
    k.rcu_read_unlock().await;
    if let Some(entry) = entry {
        k.atomic_inc(entry.hits()).await;
        put(k, entry).await;
    }
}

/// Puts a new entry in the place of the old one, or none if there is no memory.
async fn replace(k: &Kernel, slot: Var<Option<Entry>>) {
    let k = &k.func("replace");
    let new: Option<Entry> = k.kzalloc_atomic().await;
    if let Some(new) = new {
        k.refcount_set(new.refs(), 1).await;
        k.write(new.state(), 1).await;
    }
    let old = k.read(slot).await;
    k.rcu_assign_pointer(slot, new).await;
    if let Some(old) = old {
        put(k, old).await;
    }
}

const LOOKUPS: Param =
    Param { name: "lookups", about: "CPUs that look the entry up", default: 1, min: 1, max: 3 };

fn cache(name: &str, careful: bool) -> Scenario {
    let about = "an entry is looked up while it is replaced";
    Scenario::new(name, about, move |sim, params| {
        let lookups = params.get("lookups") as u16;
        sim.cpus(1 + lookups);
        sim.settings().alloc_may_fail = true;
        sim.settings().leaks = true;
        sim.invariant(Entry::state, "a state is 0 or 1", |state| state <= 1);

        let slot = sim.word("slot", None::<Entry>);
        let entry: Entry = sim.object("entry");
        sim.must_be_freed(entry);
        sim.set(entry.refs(), 1);
        sim.set(entry.state(), 1);
        sim.set(slot, Some(entry));

        sim.task(0, "replace", move |k| async move { replace(&k, slot).await });
        for cpu in 1..=lookups {
            sim.task(cpu, "lookup", move |k| async move { lookup(&k, slot, careful).await });
        }
        sim.at_end(move |end| match end.is_live(entry) {
            false => Ok(()),
            true => Err("the old entry is still there".to_owned()),
        });
    })
    .with_params(&[LOOKUPS])
}

/// All scenarios of this crate: the bug, and its fix.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        cache("cache/bug", false).finds(&[Kind::Refcount, Kind::UseAfterFree]),
        cache("cache/fix", true),
    ]
}
