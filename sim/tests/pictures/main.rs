//! Files for other people's viewers, decoded again with small readers of our own.

mod browser;
mod driver;
mod tools;

use ksim::base::finding::Finding;
use ksim::choice::RandomWalk;
use ksim::report::{html, perfetto, spans, tracedat};
use ksim::run::{Execution, Scenario};
use ksim::trace::Trace;
use std::io::Write;

ksim::kernel_struct! {
    /// Something that is freed too early.
    struct Thing("thing", Slab) { value: ksim::program::Var<u64> }
}

/// Says so, past the capture of the test harness, so that nobody takes it for a success.
fn not_run(why: &str) {
    let _ = writeln!(std::io::stderr(), "not run: {why}");
}

/// A file for a viewer, in a place of its own.
fn written(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the folder for tests can be written");
    path
}

/// A task frees what a task on another CPU still uses.
fn bug() -> (Trace, Vec<Finding>) {
    let scenario = Scenario::new("pictures/bug", "freed in a callback", |sim, _| {
        sim.cpus(2);
        let thing: Thing = sim.object("thing");
        let lock = sim.spin_lock("lock");
        sim.task(0, "owner", move |k| async move {
            k.spin_lock(lock).await;
            k.spin_unlock(lock).await;
            k.kfree(thing).await;
        });
        sim.task(1, "user", move |k| async move {
            let k = &k.func("use_thing");
            for n in 0..4 {
                k.write(thing.value(), n).await;
            }
        });
    });
    let mut execution = Execution::new(&scenario);
    for index in 0..1000 {
        execution.run(&mut RandomWalk::default(), 1, index);
        let sys = execution.sim().system();
        if !sys.findings.is_empty() && sys.events.len() >= 6 {
            return (execution.sim().trace(), sys.findings.clone());
        }
    }
    panic!("the bug is common")
}

/// A task holds a lock while a reader and a grace period go by.
fn trace() -> Trace {
    let scenario = Scenario::new("pictures", "locks, readers, grace periods", |sim, _| {
        sim.cpus(2);
        let lock = sim.spin_lock("lock");
        let word = sim.word("<word>", 0u64);
        sim.task(0, "owner", move |k| async move {
            k.spin_lock(lock).await;
            k.write(word, 1).await;
            k.spin_unlock(lock).await;
            k.synchronize_rcu().await;
        });
        sim.task(1, "reader", move |k| async move {
            k.rcu_read_lock().await;
            k.read_once(word).await;
            k.rcu_read_unlock().await;
        });
    });
    let mut execution = Execution::new(&scenario);
    execution.run(&mut RandomWalk::default(), 1, 0);
    execution.sim().trace()
}

#[test]
fn spans_have_both_ends() {
    let trace = trace();
    let spans = spans::all(&trace);
    let titles: Vec<String> = spans.iter().map(|s| s.title(&trace)).collect();
    for title in ["lock held by cpu0/owner", "RCU reader cpu1/reader", "grace period"] {
        assert!(titles.iter().any(|t| t == title), "{titles:?}");
    }
    for (span, column) in spans.iter().zip(spans::columns(&spans)) {
        assert!(span.from < span.to && span.ends, "{span:?}");
        assert!(column < spans.len());
    }
}

#[test]
fn the_page_is_well_formed_and_escaped() {
    let trace = trace();
    let page = html::page("a <title> & more", &trace, &[]);
    assert!(page.contains("a &lt;title&gt; &amp; more") && !page.contains("<title> &"));
    assert!(page.contains("&lt;word&gt;") && !page.contains("<word>"));
    assert_eq!(page.matches("class=\"step").count(), trace.steps.len());
    assert_eq!(page.matches("class=\"bar ").count(), spans::all(&trace).len());
    assert_eq!(page.matches("<div").count(), page.matches("</div>").count());
    for link in ["src=", "href=\"h", "@import", "url("] {
        assert!(!page.contains(link), "the page needs nothing from elsewhere: {link}");
    }
}

/// A field of a protobuf message: its number, and its bytes or its value.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut n = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        n
    }
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        match key & 7 {
            0 => out.push((key >> 3, Vec::new(), varint(&mut bytes))),
            1 => {
                out.push((key >> 3, bytes[..8].to_vec(), 0));
                bytes = &bytes[8..];
            }
            2 => {
                let len = varint(&mut bytes) as usize;
                out.push((key >> 3, bytes[..len].to_vec(), 0));
                bytes = &bytes[len..];
            }
            wire => panic!("unknown wire type {wire}"),
        }
    }
    out
}

#[test]
fn perfetto_slices_begin_and_end_in_order() {
    let trace = trace();
    let mut open = std::collections::BTreeMap::new();
    let mut operations = Vec::new();
    for (number, packet, _) in fields(&perfetto::file(&trace, &[])) {
        assert_eq!(number, 1, "a file is a sequence of packets");
        let packet = fields(&packet);
        let Some((_, event, _)) = packet.iter().find(|f| f.0 == 11) else { continue };
        let event = fields(event);
        let track = event.iter().find(|f| f.0 == 11).unwrap().2;
        let depth: &mut i32 = open.entry(track).or_default();
        match event.iter().find(|f| f.0 == 9).unwrap().2 {
            1 => *depth += 1,
            2 => *depth -= 1,
            kind => panic!("unknown type {kind}"),
        }
        assert!(*depth >= 0, "a slice ends that has not begun");
        let text =
            |n| event.iter().find(|f| f.0 == n).map(|f| String::from_utf8(f.1.clone()).unwrap());
        if text(22).as_deref() == Some("operation") {
            operations.extend(text(23));
        }
    }
    assert!(open.values().all(|&depth| depth == 0), "{open:?}");
    let mut expected: Vec<String> = trace.steps.iter().map(|s| s.text()).collect();
    expected.sort();
    operations.sort();
    assert_eq!(operations, expected);
}

#[test]
fn trace_dat_holds_every_step_on_its_cpu() {
    let trace = trace();
    let file = tracedat::file(&trace);
    assert!(file.starts_with(b"\x17\x08\x44tracing6\0\0\x08\0\x10\0\0"));
    let fly = file.windows(10).position(|w| w == b"flyrecord\0").unwrap() + 10;
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let mut texts = Vec::new();
    for cpu in 0..usize::from(trace.cpus) {
        let (mut page, len) = (number(fly + cpu * 16), number(fly + cpu * 16 + 8));
        let end = page + len;
        assert_eq!((page % 4096, len % 4096), (0, 0));
        while page < end {
            let (mut time, commit) = (number(page), number(page + 8));
            let mut at = page + 16;
            while at < page + 16 + commit {
                let header = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
                time += (header >> 5) as usize;
                let record = &file[at + 4..at + 4 + (header & 31) as usize * 4];
                let text = record[12..].split(|&b| b == 0).next().unwrap();
                texts.push((time, String::from_utf8(text.to_vec()).unwrap()));
                at += 4 + record.len();
            }
            page += 4096;
        }
    }
    texts.sort();
    let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
    let expected: Vec<String> = trace.steps.iter().map(|s| s.text()).collect();
    assert_eq!(texts, expected);
}
