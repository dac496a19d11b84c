//! `ksim prove`: what it says of complete and of broken-off searches, and that these go on.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCENARIO: &str = "pte-free-defer/two-step-free/alloc-free-rcu";

/// A folder of its own for a test, empty.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-prove").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder of an earlier test can go");
    }
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder
}

/// Exit code, standard output, standard error of `ksim prove`.
fn prove(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ksim"));
    command.current_dir(folder).arg("prove").args(args).env_remove("CLICOLOR_FORCE");
    let Output { status, stdout, stderr } = command.output().expect("the binary can be started");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

/// The result of one scenario.
fn result(folder: &Path, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = prove(folder, &[args, &["--json"]].concat());
    let mut all: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    (code, all["results"][0].take())
}

#[test]
fn a_search_that_was_broken_off_goes_on() {
    let folder = folder("resume");
    let whole = result(&folder, &[SCENARIO]);
    assert_eq!((whole.0, &whole.1["complete"]), (0, &Value::Bool(true)));

    let (code, part) = result(&folder, &[SCENARIO, "--resume", "kept", "--executions", "40"]);
    assert_eq!((code, &part["complete"]), (125, &Value::Bool(false)));
    assert!(part["interleavings"]["estimate"].as_f64().is_some_and(|n| n > 1000.0), "{part}");

    // The end of the file may be lost.
    let kept = folder.join("kept").join(format!("{}.prove", SCENARIO.replace('/', "__")));
    let text = std::fs::read_to_string(&kept).expect("it was written");
    std::fs::write(&kept, &text[..text.len() - 7]).expect("it can be written");
    assert_eq!(result(&folder, &[SCENARIO, "--resume", "kept", "--jobs", "2"]), whole);
    assert_eq!(result(&folder, &[SCENARIO, "--resume", "kept"]), whole, "nothing is left to do");

    let (code, _, err) = prove(&folder, &[SCENARIO, "--resume", "kept", "--preemptions", "1"]);
    assert_eq!(code, 125);
    assert!(err.contains("of another search") && err.contains("remove it to begin anew"), "{err}");
    std::fs::write(&kept, text.replace("\nb ", "\nbb ")).expect("it can be written");
    let (code, _, err) = prove(&folder, &[SCENARIO, "--resume", "kept"]);
    assert_eq!(code, 125);
    assert!(err.contains("not a line of a search"), "{err}");
}

#[test]
fn what_is_not_complete_says_how_far_it_got() {
    let (code, out, _) = prove(&folder("share"), &[SCENARIO, "--executions", "40"]);
    assert_eq!(code, 125);
    for part in
        ["not complete: ", " % of random runs covered; ", " interleavings in all (1000 probes)"]
    {
        assert!(out.contains(part), "{out}");
    }
}

#[test]
fn classes_and_bounds() {
    let folder = folder("bounds");
    let (code, classes) = result(&folder, &[SCENARIO, "--classes"]);
    assert_eq!((code, &classes["complete"]), (0, &Value::Bool(true)));
    for with in ["--failures=1", "--jobs=2", "--resume=dir", "--no-reduction"] {
        let (code, _, err) = prove(&folder, &[SCENARIO, "--classes", with]);
        let (option, _) = with.split_once('=').unwrap_or((with, ""));
        assert!(code == 125 && err.contains("'--classes' cannot be used with"), "{err}");
        assert!(err.contains(option), "{err}");
    }
    let bounds = ["--preemptions", "1", "--interrupts", "0", "--grace-periods", "1"];
    let scenario = "pte-free-defer/two-step-free/batch-failure-exit";
    let [none, one] = ["0", "1"].map(|failures| {
        let args = [&[scenario, "--failures", failures][..], &bounds].concat();
        let (code, result) = result(&folder, &args);
        assert_eq!((code, &result["complete"]), (0, &Value::Bool(true)));
        assert_eq!(result["bound"]["grace_periods"], 1);
        result["states"].as_u64()
    });
    assert!(none < one, "{none:?} states without failures, {one:?} with one");
}
