//! The files in other people's tools, where these are installed.

use super::{bug, not_run, trace, written};
use ksim::report::{perfetto, tracedat};
use std::process::Command;

/// Standard output of a tool that must succeed; none where there is no such tool.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn trace_cmd_reads_every_step() {
    let (trace, _) = bug();
    let file = written("trace.dat", &tracedat::file(&trace));
    let Some(report) = output(Command::new("trace-cmd").args(["report", "-i"]).arg(&file)) else {
        return not_run("no trace-cmd");
    };
    let mut lines: Vec<&str> = report.lines().filter(|l| l.contains(": ")).collect();
    lines.retain(|l| l.contains('['));
    assert_eq!(lines.len(), trace.steps.len(), "{report}");
    for (line, step) in lines.iter().zip(&trace.steps) {
        let cpu = format!("[{:03}]", step.cpu);
        let (name, text) = (&trace.agent(step).name, step.text());
        assert!(line.contains(&cpu) && line.contains(name) && line.contains(&text), "{line}");
    }
}

/// Checks the file against Perfetto's own descriptors: everything is known, names of tracks, and
/// slices that are closed. Prints the names of the tracks.
const CHECK: &str = r#"
import sys
try:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace
except ImportError as error:
    print("missing", error); sys.exit(0)
from google.protobuf.unknown_fields import UnknownFieldSet

def known(message):
    assert len(UnknownFieldSet(message)) == 0, f"unknown fields in {message}"
    for field, value in message.ListFields():
        if field.message_type:
            repeated = not hasattr(value, "ListFields")
            for one in value if repeated else [value]:
                known(one)

trace = Trace()
trace.ParseFromString(open(sys.argv[1], "rb").read())
known(trace)
assert trace.IsInitialized()
names, depth, flows = {}, {}, {}
for packet in trace.packet:
    assert packet.trusted_packet_sequence_id
    if packet.HasField("track_descriptor"):
        d = packet.track_descriptor
        assert d.uuid not in names and (not d.parent_uuid or d.parent_uuid in names)
        names[d.uuid] = d.name
    elif packet.HasField("track_event"):
        e = packet.track_event
        assert e.track_uuid in names
        kind = type(e).Type.Name(e.type)
        assert kind != "TYPE_SLICE_BEGIN" or e.name
        depth[e.track_uuid] = depth.get(e.track_uuid, 0) + {"TYPE_SLICE_BEGIN": 1, "TYPE_SLICE_END": -1}.get(kind, 0)
        for flow in e.flow_ids: flows[flow] = flows.get(flow, 0) + 1
assert all(d == 0 for d in depth.values())
print("\n".join(names.values()))
print("flows", sorted(flows.values()))
"#;

#[test]
fn perfetto_knows_every_field() {
    let (broken, findings) = bug();
    for (name, bytes, tracks) in [
        (
            "bug",
            perfetto::file(&broken, &findings),
            vec!["CPU 0", "CPU 1", "lock lock", "flows [2"],
        ),
        (
            "rcu",
            perfetto::file(&trace(), &[]),
            vec!["CPU 0", "lock lock", "RCU readers", "RCU grace periods"],
        ),
    ] {
        let file = written(&format!("{name}.pftrace"), &bytes);
        let mut command = Command::new("python3");
        command.args(["-c", CHECK]).arg(&file);
        let Some(said) = output(&mut command) else { return not_run("no python3") };
        if said.starts_with("missing") {
            return not_run("no Python package perfetto");
        }
        for track in tracks {
            assert!(said.lines().any(|l| l.starts_with(track)), "{track}: {said}");
        }
    }
}
