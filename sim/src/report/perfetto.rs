//! A trace for the Perfetto UI: protobuf, written by hand (the format is stable and small).
//!
//! Field numbers are those of `protos/perfetto/trace`. Each CPU has a track with a slice for each
//! stretch of a context and, inside it, a slice for each operation; locks, readers and grace
//! periods have tracks of their own; a flow leads from `call_rcu()` to its callback. One step is
//! drawn as one microsecond.

use super::spans;
use crate::trace::{Step, Trace};

const STEP_NS: u64 = 1000;
const SEQUENCE: u64 = 1;
const ROOT: u64 = 1;
const CPU_TRACK: u64 = 100;
const SPAN_TRACK: u64 = 10_000;
const BEGIN: u64 = 1;
const END: u64 = 2;

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

/// Renders a run as a Perfetto trace file.
pub fn file(trace: &Trace) -> Vec<u8> {
    let mut out = Message::default();
    let packet = |out: &mut Message, first: bool, message: Message| {
        // The first packet says that incremental state begins here.
        let flags = if first { 1 } else { 2 };
        let message = message.number(10, SEQUENCE).number(13, flags);
        *out = std::mem::take(out).bytes(1, &message.0);
    };
    let root = Message::default().number(1, ROOT).text(2, "ksim").number(11, 3);
    packet(&mut out, true, Message::default().bytes(60, &root.0));
    for cpu in 0..u64::from(trace.cpus) {
        let name = format!("CPU {cpu}");
        packet(&mut out, false, track(CPU_TRACK + cpu, ROOT, &name, cpu));
    }
    let beside = CPU_TRACK + u64::from(trace.cpus);
    packet(&mut out, false, track(beside, ROOT, "grace periods, time", u64::from(trace.cpus)));
    let spans = spans::all(trace);
    let columns = spans::columns(&spans);
    for column in 0..columns.iter().max().map_or(0, |c| c + 1) as u64 {
        let name = "held: locks, readers, grace periods";
        packet(&mut out, false, track(SPAN_TRACK + column, ROOT, name, 1000 + column));
    }
    for message in steps(trace, beside) {
        packet(&mut out, false, message);
    }
    for (span, column) in spans.iter().zip(columns) {
        let on = SPAN_TRACK + column as u64;
        let (from, to) = (span.from as u64 * STEP_NS, (span.to as u64 + 1) * STEP_NS - 1);
        let begin = event(BEGIN, on).text(22, span.class).text(23, &span.title(trace));
        packet(&mut out, false, at(from, begin));
        packet(&mut out, false, at(to, event(END, on)));
    }
    out.0
}

fn track(uuid: u64, parent: u64, name: &str, rank: u64) -> Message {
    let descriptor = Message::default()
        .number(1, uuid)
        .text(2, name)
        .number(5, parent)
        .number(11, 3)
        .number(12, rank);
    Message::default().bytes(60, &descriptor.0)
}

fn event(kind: u64, track: u64) -> Message {
    Message::default().number(9, kind).number(11, track)
}

fn at(time: u64, event: Message) -> Message {
    Message::default().number(8, time).bytes(11, &event.0)
}

/// Slices of contexts and operations, in order of time.
fn steps(trace: &Trace, beside: u64) -> Vec<Message> {
    let mut out = Vec::new();
    // The agents whose slices are open on each CPU, lowest context first.
    let mut open: Vec<Vec<usize>> = vec![Vec::new(); usize::from(trace.cpus)];
    for (n, step) in trace.steps.iter().enumerate() {
        let time = n as u64 * STEP_NS;
        let agent = trace.agent(step);
        let on_cpu = agent.is_on_cpu() && usize::from(step.cpu) < open.len();
        let on = if on_cpu { CPU_TRACK + u64::from(step.cpu) } else { beside };
        if on_cpu {
            let stack = &mut open[usize::from(step.cpu)];
            let keep = stack.iter().position(|&a| a == step.agent).map_or(step.level(), |i| i + 1);
            while stack.len() > keep {
                stack.pop();
                out.push(at(time, event(END, on)));
            }
            if !stack.contains(&step.agent) {
                stack.push(step.agent);
                out.push(at(time, event(BEGIN, on).text(22, "context").text(23, &agent.name)));
            }
        }
        out.push(at(time, operation(step, on)));
        out.push(at(time + STEP_NS - 1, event(END, on)));
    }
    let end = trace.steps.len() as u64 * STEP_NS;
    for (cpu, stack) in open.iter().enumerate() {
        out.extend(stack.iter().map(|_| at(end, event(END, CPU_TRACK + cpu as u64))));
    }
    out
}

fn operation(step: &Step, on: u64) -> Message {
    let stack = Message::default().text(10, "stack").text(6, &step.stack.join(" < "));
    let count = format!("{:#x}", step.preempt);
    let preempt = Message::default().text(10, "preempt_count").text(6, &count);
    let message = event(BEGIN, on)
        .text(22, "operation")
        .text(23, &step.text())
        .bytes(4, &stack.0)
        .bytes(4, &preempt.0);
    let head = match step.op.as_str() {
        "call_rcu" | "rcu_do_batch" => step.touches.iter().find(|t| t.object.contains('.')),
        _ => None,
    };
    match head {
        // The head's name without its last field is common to both ends.
        Some(touch) => {
            let object = touch.object.split('.').next().unwrap_or("");
            message.fixed64(47, crate::base::hash::StableHash::new().text(object).finish())
        }
        None => message,
    }
}
