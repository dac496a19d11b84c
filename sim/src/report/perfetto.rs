//! A trace for the Perfetto UI: protobuf, written by hand (the format is stable and small).
//!
//! Field numbers are those of `protos/perfetto/trace`. Each CPU has a track with a slice for each
//! stretch of a context and, inside it, a slice for each operation; softirqs, interrupts, each lock,
//! readers and grace periods have tracks of their own. Flows lead from `call_rcu()` to its callback,
//! and between the parties of a finding. One step is drawn as one microsecond.

use super::spans::{self, Span};
use super::stretches::{self, Stretch};
use crate::base::agent::AgentKind;
use crate::base::finding::Finding;
use crate::base::hash::StableHash;
use crate::trace::{Step, Trace};

const STEP_NS: u64 = 1000;
const SEQUENCE: u64 = 1;
const ROOT: u64 = 1;
const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;

/// One protobuf message in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn number(mut self, field: u64, n: u64) -> Message {
        self.varint(field << 3);
        self.varint(n);
        self
    }

    fn fixed64(mut self, field: u64, n: u64) -> Message {
        self.varint(field << 3 | 1);
        self.0.extend(n.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }
}

/// Packets in order, and the tracks so far.
struct File {
    bytes: Message,
    tracks: u64,
}

impl File {
    fn packet(&mut self, message: Message) {
        // The first packet says that incremental state begins here.
        let flags = if self.bytes.0.is_empty() { 1 } else { 2 };
        let message = message.number(10, SEQUENCE).number(13, flags);
        self.bytes = std::mem::take(&mut self.bytes).bytes(1, &message.0);
    }

    /// A new track below another, after all that it has already.
    fn track(&mut self, parent: u64, name: &str) -> u64 {
        self.tracks += 1;
        let (uuid, rank) = (ROOT + self.tracks, self.tracks);
        let descriptor = Message::default().number(1, uuid).text(2, name).number(5, parent);
        // Children in the order of their ranks.
        let descriptor = descriptor.number(11, 3).number(12, rank);
        self.packet(Message::default().bytes(60, &descriptor.0));
        uuid
    }

    fn event(&mut self, time: u64, event: Message) {
        self.packet(Message::default().number(8, time).bytes(11, &event.0));
    }

    /// A slice from the beginning of one step to the end of another.
    fn slice(&mut self, track: u64, from: usize, to: usize, category: &str, name: &str) {
        self.event(from as u64 * STEP_NS, event(BEGIN, track).text(22, category).text(23, name));
        self.event((to as u64 + 1) * STEP_NS - 1, event(END, track));
    }
}

fn event(kind: u64, track: u64) -> Message {
    Message::default().number(9, kind).number(11, track)
}

/// Renders a run as a Perfetto trace file.
pub fn file(trace: &Trace, findings: &[Finding]) -> Vec<u8> {
    let mut file = File { bytes: Message::default(), tracks: 0 };
    let root = Message::default().number(1, ROOT).text(2, "ksim").number(11, 3);
    file.packet(Message::default().bytes(60, &root.0));
    let spans = spans::all(trace);
    let stretches = stretches::all(trace);
    for cpu in 0..trace.cpus {
        let mine: Vec<&Stretch> = stretches.iter().filter(|s| s.cpu == cpu).collect();
        let track = file.track(ROOT, &format!("CPU {cpu}"));
        operations(&mut file, trace, findings, &mine, Some(cpu), track);
        for (name, first, last) in [
            ("softirqs", AgentKind::Softirq, AgentKind::Softirq),
            ("interrupts", AgentKind::Irq, AgentKind::Tick),
        ] {
            let kinds = first..=last;
            let served = |s: &&&Stretch| kinds.contains(&trace.agents[s.agent].kind);
            let track = match mine.iter().any(|s| served(&s)) {
                true => file.track(ROOT, &format!("CPU {cpu} {name}")),
                false => continue,
            };
            for s in mine.iter().filter(served) {
                file.slice(track, s.from, s.to, name, trace.agents[s.agent].role());
            }
        }
    }
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for span in &spans {
        if !groups.contains(&(span.class, &span.what)) {
            groups.push((span.class, &span.what));
        }
    }
    groups
        .sort_by_key(|(class, _)| ["lock", "off", "reader", "gp"].iter().position(|c| c == class));
    for (class, what) in groups {
        let mine: Vec<&Span> =
            spans.iter().filter(|s| s.class == class && s.what == what).collect();
        bars(&mut file, trace, &mine);
    }
    let track = file.track(ROOT, "RCU and time: steps");
    operations(&mut file, trace, findings, &[], None, track);
    file.bytes.0
}

/// The bars of one lock, or of all readers, or of all grace periods; a second track where two
/// overlap.
fn bars(file: &mut File, trace: &Trace, spans: &[&Span]) {
    let columns = spans::columns(spans.iter().copied());
    for column in 0..columns.iter().max().map_or(0, |c| c + 1) {
        let Some(first) = spans.first() else { return };
        let name = match first.class {
            "lock" => format!("lock {}", first.what),
            "reader" => "RCU readers".to_owned(),
            "gp" => "RCU grace periods".to_owned(),
            _ => first.what.clone(),
        };
        let track = file.track(ROOT, &name);
        for (span, _) in spans.iter().zip(&columns).filter(|(_, c)| **c == column) {
            file.slice(track, span.from, span.to, span.class, &span.title(trace));
        }
    }
}

/// Slices of contexts and operations on a CPU, or beside them, in order of time.
fn operations(
    file: &mut File,
    trace: &Trace,
    findings: &[Finding],
    stretches: &[&Stretch],
    cpu: Option<u16>,
    track: u64,
) {
    let mut open: Vec<&Stretch> = Vec::new();
    for (n, step) in trace.steps.iter().enumerate() {
        let agent = trace.agent(step);
        if agent.is_on_cpu().then_some(step.cpu) != cpu {
            continue;
        }
        let time = n as u64 * STEP_NS;
        while let Some(over) = open.pop_if(|s| s.to < n) {
            file.event((over.to as u64 + 1) * STEP_NS, event(END, track));
        }
        for begins in stretches.iter().filter(|s| s.from == n) {
            open.push(begins);
            file.event(time, event(BEGIN, track).text(22, "context").text(23, &agent.name));
        }
        file.event(time, operation(step, n, findings, track));
        file.event(time + STEP_NS - 1, event(END, track));
        for found in findings.iter().filter(|f| f.event as usize == n) {
            let mark = event(INSTANT, track).text(22, "finding").text(23, &found.headline);
            file.event(time + STEP_NS / 2, mark);
        }
    }
    while let Some(over) = open.pop() {
        file.event((over.to as u64 + 1) * STEP_NS, event(END, track));
    }
}

fn operation(step: &Step, n: usize, findings: &[Finding], track: u64) -> Message {
    let note = |name: &str, text: &str| Message::default().text(10, name).text(6, text);
    let mut message = event(BEGIN, track)
        .text(22, "operation")
        .text(23, &step.text())
        .bytes(4, &note("stack", &step.stack.join(" < ")).0)
        .bytes(4, &note("preempt_count", &format!("{:#x}", step.preempt)).0);
    let head = match step.op.as_str() {
        "call_rcu" | "rcu_do_batch" => step.operands.first(),
        _ => None,
    };
    if let Some(head) = head {
        message = message.fixed64(47, StableHash::new().text("rcu_head").text(head).finish());
    }
    for (i, finding) in findings.iter().enumerate() {
        if finding.parties.iter().any(|p| p.event == Some(n as u32)) {
            message = message.fixed64(47, StableHash::new().text("finding").num(i as u64).finish());
        }
    }
    message
}
