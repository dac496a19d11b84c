//! `ksim debug` as a process: scripts, exit codes, errors.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Found by any seed of any strategy: two softirq users of one lock.
const BUG: &str = "services/rcu-irq/bug";
const FIX: &str = "services/rcu-irq/fix";

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli_debug").join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder
}

/// Exit code, standard output, standard error, with this standard input.
fn ksim(folder: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ksim"))
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    // A script that fails is not read to its end.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

#[test]
fn a_schedule_is_debugged_by_script() {
    let folder = folder("script");
    let (code, _, stderr) = ksim(&folder, &["hunt", BUG, "--runs", "500", "--out", "."], "");
    assert_eq!(code, 1, "{stderr}");
    let file = std::fs::read_dir(&folder).expect("it exists").find_map(|entry| {
        let path = entry.expect("it can be read").path();
        (path.extension()? == "ksim").then_some(path)
    });
    let file = file.expect("a schedule was saved");
    let file = file.to_str().expect("the path is text");
    let script = "# from the finding to the start\ngo finding\n\nrc\n";
    let (code, stdout, stderr) = ksim(&folder, &["debug", file], script);
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("step ") && lines[1].starts_with("  *** "), "{stdout}");
    assert!(lines.last().unwrap().starts_with("at the start; "), "no prompt: {stdout}");

    let (code, stdout, _) = ksim(&folder, &["debug", file, "-e", "go end", "-e", "where"], "step");
    assert_eq!(code, 1);
    assert!(stdout.contains("preempt_count"), "{stdout}");
    let (code, stdout, _) = ksim(&folder, &["debug", file, "-e", &format!("diff {file}")], "");
    assert_eq!((code, stdout.as_str()), (1, "The traces are alike.\n"));

    // The file says what is run; what would be ignored is refused.
    for option in [["--seed", "1"], ["--index", "0"], ["--param", "x=1"]] {
        let (code, stdout, stderr) = ksim(&folder, &[&["debug", file][..], &option].concat(), "");
        assert_eq!((code, stdout.as_str()), (125, ""), "{stderr}");
        let start = format!("error: {} has no effect, since the schedule file ", option[0]);
        assert!(stderr.starts_with(&start) && stderr.lines().count() == 1, "{stderr}");
    }
    // With this one the session draws the runs to compare with.
    let args = ["debug", file, "--strategy", "random", "-e", "diff 1"];
    assert_eq!(ksim(&folder, &args, "").0, 1);
}

#[test]
fn a_seed_is_debugged_too() {
    let folder = folder("seed");
    let args = ["debug", FIX, "--seed", "3", "--index", "2", "-e"];
    let with = |command: &str| ksim(&folder, &[&args[..], &[command]].concat(), "");
    let (code, stdout, stderr) = with("go end");
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    // The same run as that of `run`: the last step of its trace.
    let (_, trace, _) = ksim(&folder, &["run", FIX, "--seed", "3", "--index", "2"], "");
    let steps = stdout.split_once('/').and_then(|(_, rest)| rest.split_whitespace().next());
    let said = trace.lines().last().unwrap_or_default();
    assert!(said.starts_with(&format!("{} steps, ", steps.unwrap())), "{said}\n{stdout}");
    assert_eq!(with("diff 3 2").1, "The traces are alike.\n");
    assert_eq!(with("help").0, 0);
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = folder("errors");
    for (args, part) in [
        (vec!["debug", BUG, "-e", "step", "-e", "fly"], "command 2 (fly): there is no command"),
        (vec!["debug", BUG, "-e", "last-write nothing"], "nothing is called \"nothing\"; there is"),
        (vec!["debug", BUG, "-e", "break nowhere"], "nothing in this run is called \"nowhere\""),
        (vec!["debug", BUG, "-e", "step zero"], "\"zero\" is no number"),
        (vec!["debug", BUG, "-e", "go 100000"], "steps"),
        (vec!["debug", BUG, "-e", "diff none.ksim"], "none.ksim"),
        (vec!["debug", "none.ksim"], "cannot read none.ksim"),
        (vec!["debug", "none"], "there is no scenario \"none\""),
        (vec!["debug", BUG, "--strategy", "luck"], "there is no strategy \"luck\""),
    ] {
        let (code, stdout, stderr) = ksim(&folder, &args, "");
        assert_eq!(code, 125, "{args:?}: {stdout}{stderr}");
        assert!(stderr.contains(part), "{args:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    }
}
