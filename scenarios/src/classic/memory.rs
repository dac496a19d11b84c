//! Memory errors from kernel CVEs (ConVul), and a table with one task too many.

use super::{Textbook, times};
use ksim::base::finding::Kind;
use ksim::program::{Array, Field, Kernel, Mutex, Var};
use ksim::run::Scenario;

ksim::kernel_struct! {
    /// Something allocated.
    struct Item("item", Slab) { num: Var<u64> }
}
ksim::kernel_struct! {
    /// A pointer to it, and a lock.
    struct Holder("holder", Static) { lock: Mutex, item: Var<Option<Item>> }
}

async fn dump(k: &Kernel, h: Holder) {
    k.mutex_lock(h.lock()).await;
    let item: Item = k.kzalloc().await;
    k.write_once(h.item(), Some(item)).await;
    k.mutex_unlock(h.lock()).await;
    if let Some(item) = k.read_once(h.item()).await {
        k.kfree(item).await;
    }
}

async fn fanout(k: &Kernel, h: Holder) {
    let item: Item = k.kzalloc().await;
    k.write_once(h.item(), Some(item)).await;
    let x = k.read_once(h.item()).await;
    k.write_once(item_of(x).num(), 0).await;
    k.mutex_lock(h.lock()).await;
    k.mutex_unlock(h.lock()).await;
    if let Some(y) = k.read_once(h.item()).await {
        k.kfree(y).await;
    }
    k.write_once(h.item(), None).await;
}

/// Following NULL is a finding.
fn item_of(item: Option<Item>) -> Item {
    item.unwrap_or(Item(ksim::base::ptr::Ptr::NULL))
}

async fn get_ioprio(k: &Kernel, h: Holder) {
    if k.read_once(h.item()).await.is_some() {
        let again = k.read_once(h.item()).await;
        k.read_once(item_of(again).num()).await;
    }
}

async fn exit_io_context(k: &Kernel, h: Holder) {
    k.mutex_lock(h.lock()).await;
    k.read_once(h.item()).await;
    k.write_once(h.item(), None).await;
    k.mutex_unlock(h.lock()).await;
}

async fn pipe_open(k: &Kernel, h: Holder) {
    k.mutex_lock(h.lock()).await;
    let pipe = k.read_once(h.item()).await;
    k.read_once(item_of(pipe).num()).await;
    k.mutex_unlock(h.lock()).await;
}

async fn pipe_release(k: &Kernel, h: Holder) {
    k.mutex_lock(h.lock()).await;
    k.write_once(h.item(), None).await;
    k.mutex_unlock(h.lock()).await;
}

ksim::kernel_fn! {
    static DUMP = dump; static FANOUT = fanout; static GET_IOPRIO = get_ioprio;
    static EXIT_IO_CONTEXT = exit_io_context; static PIPE_OPEN = pipe_open;
    static PIPE_RELEASE = pipe_release
}

fn with_item(sim: &mut ksim::run::Sim, h: Holder) {
    let item: Item = sim.object("item");
    sim.set(h.item(), Some(item));
}

/// Tasks for `n` inodes look for free blocks among 26; the table of locks has 26 entries.
fn fsbench(n: u16) -> Scenario {
    const LOCKS: usize = 26;
    let name = format!("classic/fsbench-{n}/static");
    let finds: &[Kind] = if usize::from(n) > LOCKS { &[Kind::UseAfterFree] } else { &[] };
    let scenario = Scenario::new(name, "the 27th inode has no lock", move |sim, _| {
        sim.cpus(n);
        let inode_locks: Vec<Mutex> = (0..LOCKS).map(|_| sim.mutex("inode_lock")).collect();
        let block_locks: Vec<Mutex> = (0..LOCKS).map(|_| sim.mutex("block_lock")).collect();
        let table: Table = sim.object("table");
        for t in 0..n {
            let i = usize::from(t) % 32;
            let beyond = Mutex::at(ksim::base::ptr::Ptr::NULL);
            let inode_lock = inode_locks.get(i).copied().unwrap_or(beyond);
            let block_locks = block_locks.clone();
            sim.task(t, "create", move |k| async move {
                k.mutex_lock(inode_lock).await;
                if k.read_once(table.inode().get(i)).await == 0 {
                    let mut b = 2 * i % LOCKS;
                    for _ in 0..LOCKS / 2 {
                        k.mutex_lock(block_locks[b]).await;
                        let busy = k.read_once(table.busy().get(b)).await != 0;
                        if !busy {
                            k.write_once(table.busy().get(b), 1).await;
                            k.write_once(table.inode().get(i), b as u64 + 1).await;
                        }
                        k.mutex_unlock(block_locks[b]).await;
                        if !busy {
                            break;
                        }
                        b = (b + 1) % LOCKS;
                    }
                }
                k.mutex_unlock(inode_lock).await;
            });
        }
    });
    let scenario = scenario.source("SCTBench CS/fsbench; Flanagan and Godefroid, POPL 2005");
    if finds.is_empty() { scenario } else { scenario.finds(finds) }
}

ksim::kernel_struct! {
    /// The file system.
    struct Table("table", Static) { busy: Array<26>, inode: Array<32> }
}

pub(super) fn all() -> Vec<Scenario> {
    let holders = [
        Textbook::<Holder> {
            name: "netlink-dump".into(),
            about: "two dumps free the same control block",
            source: "CVE-2016-9806",
            finds: &[Kind::DoubleFree],
            init: |_, _| {},
            tasks: times(2, &DUMP).collect(),
        },
        Textbook {
            name: "packet-fanout".into(),
            about: "two sockets free the same rollover, or use it when it is gone",
            source: "CVE-2017-6346",
            finds: &[Kind::DoubleFree, Kind::UseAfterFree],
            init: |_, _| {},
            tasks: times(2, &FANOUT).collect(),
        },
        Textbook {
            name: "ioprio".into(),
            about: "the io context goes between two reads of its pointer",
            source: "CVE-2016-7911",
            finds: &[Kind::UseAfterFree],
            init: with_item,
            tasks: vec![&GET_IOPRIO, &EXIT_IO_CONTEXT],
        },
        Textbook {
            name: "pipe-inode".into(),
            about: "the pipe is released before it is opened",
            source: "CVE-2009-3547",
            finds: &[Kind::UseAfterFree],
            init: with_item,
            tasks: vec![&PIPE_OPEN, &PIPE_RELEASE],
        },
    ];
    let mut all: Vec<Scenario> = holders.iter().flat_map(Textbook::scenarios).collect();
    all.extend([19, 27].map(fsbench));
    all
}
