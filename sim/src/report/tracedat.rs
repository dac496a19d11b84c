//! A `trace.dat` (version 6) that trace-cmd and KernelShark read, with an event system of our own:
//! one event type for each operation. One step is one microsecond.

use crate::base::agent::AgentKind;
use crate::trace::{Step, Trace};

const PAGE: usize = 4096;
const PAGE_HEADER: usize = 16;
const STEP_NS: u64 = 1000;
const FIRST_ID: u16 = 1000;
/// Longest text that still fits a record whose length is in its header (28 words).
const MAX_TEXT: usize = 96;

const HEADER_PAGE: &str = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\
    \tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n\
    \tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\
    \tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
const HEADER_EVENT: &str = "# compressed entry header\n\ttype_len    :    5 bits\n\
    \ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n\
    \tpadding     : type == 29\n\ttime_extend : type == 30\n\ttime_stamp : type == 31\n\
    \tdata max type_len  == 28\n";

/// Renders a run as a `trace.dat`.
pub fn file(trace: &Trace) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    for step in &trace.steps {
        if !names.contains(&step.op.as_str()) {
            names.push(&step.op);
        }
    }
    let mut out = Vec::new();
    out.extend(b"\x17\x08\x44tracing6\0");
    out.extend([0, 8]);
    out.extend((PAGE as u32).to_le_bytes());
    for (tag, text) in [("header_page", HEADER_PAGE), ("header_event", HEADER_EVENT)] {
        cstr(&mut out, tag);
        blob(&mut out, text);
    }
    out.extend(0u32.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    cstr(&mut out, "ksim");
    out.extend((names.len() as u32).to_le_bytes());
    for (n, name) in names.iter().enumerate() {
        blob(&mut out, &format_of(name, FIRST_ID + n as u16));
    }
    out.extend(0u32.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    let lines = trace.agents.iter().enumerate().map(|(n, a)| format!("{} {}\n", n + 1, a.name));
    blob(&mut out, &lines.collect::<String>());
    let cpus = usize::from(trace.cpus.max(1));
    out.extend((cpus as u32).to_le_bytes());
    cstr(&mut out, "options  ");
    out.extend(0u16.to_le_bytes());
    cstr(&mut out, "flyrecord");
    let data: Vec<Vec<u8>> = (0..cpus).map(|cpu| pages(trace, cpu, &names)).collect();
    let mut at = (out.len() + cpus * 16).next_multiple_of(PAGE);
    for cpu in &data {
        out.extend((at as u64).to_le_bytes());
        out.extend((cpu.len() as u64).to_le_bytes());
        at += cpu.len();
    }
    out.resize(out.len().next_multiple_of(PAGE), 0);
    out.extend(data.concat());
    out
}

fn cstr(out: &mut Vec<u8>, text: &str) {
    out.extend(text.as_bytes());
    out.push(0);
}

fn blob(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The `format` file of one event.
fn format_of(name: &str, id: u16) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!(
        "name: {name}\nID: {id}\nformat:\n\
         \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
         \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\
         \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n\
         \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
         \tfield:__data_loc char[] text;\toffset:8;\tsize:4;\tsigned:1;\n\n\
         print fmt: \"%s\", __get_str(text)\n"
    )
}

/// The ring-buffer pages of one CPU.
fn pages(trace: &Trace, cpu: usize, names: &[&str]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut page: Vec<u8> = Vec::new();
    let (mut first, mut last) = (0, 0);
    for (n, step) in trace.steps.iter().enumerate() {
        // Grace periods and time have no CPU; they are shown on the first.
        let on = if trace.agent(step).is_on_cpu() { usize::from(step.cpu) } else { 0 };
        if on != cpu {
            continue;
        }
        let time = n as u64 * STEP_NS;
        let id = names.iter().position(|name| *name == step.op).unwrap_or(0) as u16;
        let mut record = record(trace, step, FIRST_ID + id);
        if page.len() + 4 + record.len() > PAGE - PAGE_HEADER {
            flush(&mut out, &mut page, first);
        }
        if page.is_empty() {
            (first, last) = (time, time);
        }
        let header = (record.len() / 4) as u32 | ((time - last) as u32) << 5;
        last = time;
        page.extend(header.to_le_bytes());
        page.append(&mut record);
    }
    if !page.is_empty() {
        flush(&mut out, &mut page, first);
    }
    out
}

fn flush(out: &mut Vec<u8>, page: &mut Vec<u8>, time: u64) {
    out.extend(time.to_le_bytes());
    out.extend((page.len() as u64).to_le_bytes());
    out.append(page);
    out.resize(out.len().next_multiple_of(PAGE), 0);
}

fn record(trace: &Trace, step: &Step, id: u16) -> Vec<u8> {
    let agent = trace.agent(step);
    // TRACE_FLAG_IRQS_OFF, TRACE_FLAG_HARDIRQ, TRACE_FLAG_SOFTIRQ
    let level = match agent.kind {
        AgentKind::Softirq => 0x10,
        AgentKind::Irq | AgentKind::Tick => 0x08,
        _ => 0,
    };
    let flags = level | u8::from(step.irqs_off);
    let func = step.stack.first().map_or(String::new(), |f| format!("  in {f}"));
    let mut text = format!("{}{func}", step.text());
    while text.len() > MAX_TEXT {
        text.pop();
    }
    let mut out = id.to_le_bytes().to_vec();
    out.push(flags);
    out.push((step.preempt & 0xff) as u8);
    out.extend((step.agent as u32 + 1).to_le_bytes());
    out.extend(((text.len() as u32 + 1) << 16 | 12).to_le_bytes());
    cstr(&mut out, &text);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}
