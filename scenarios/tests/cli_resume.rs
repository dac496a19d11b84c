//! A hunt that is broken off, in whatever way, and gone on with ends as if it had not been.

#![cfg(unix)]

mod common;

use common::{command, folder, hunted, ksim, without_timing};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BUG: &str = "services/rcu-irq/bug";
const PAIR: &str = "services/rcu-irq";

fn log(folder: &Path, dir: &str) -> PathBuf {
    folder.join(dir).join("services.rcu-irq.bug.hunt.jsonl")
}

/// Runs that a file vouches for: those of its complete lines.
fn runs(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("a complete line is JSON");
    whole.lines().skip(1).map(|text| line(text)["runs"].as_u64().expect("runs")).sum()
}

/// Behind the last run that a file vouches for.
fn end(path: &Path) -> u64 {
    let text = fs::read_to_string(path).expect("it can be read");
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("a complete line is JSON");
    let ranges = whole
        .lines()
        .skip(1)
        .flat_map(|text| line(text)["done"].as_array().expect("ranges").clone().into_iter());
    ranges.map(|range| range[1].as_u64().expect("an index")).max().expect("something is done")
}

/// Starts this hunt, and kills it without any warning when its file vouches for so many runs.
fn killed(folder: &Path, args: &[&str], at: u64) {
    let mut child = command(folder, args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    while runs(&log(folder, "kept")) < at {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.try_wait().expect("it is ours"), None, "it ended before it could be killed");
    child.kill().expect("it can be killed");
    child.wait().expect("it is ours");
}

#[test]
fn a_killed_hunt_ends_with_the_same_report() {
    let folder = folder("killed");
    let args = |all| ["hunt", BUG, "--runs", all, "--jobs", "2", "--json", "--resume", "kept"];
    // So many that no machine is done with them before the end comes.
    killed(&folder, &args("1000000000"), 1);
    killed(&folder, &args("1000000000"), 60_000);
    let all = (end(&log(&folder, "kept")) + 1000).to_string();
    let unbroken = hunted(&folder, &[BUG, "--runs", &all, "--jobs", "2"]);
    let args = args(&all);
    let (code, out, err) = ksim(&folder, &args);
    assert_eq!(code, 1, "{err}");
    assert_eq!(without_timing(&out), unbroken);
    assert!(err.contains("--resume kept"), "{err}");
    // Now there is nothing left to do, and the report is the same again.
    let (_, out, _) = ksim(&folder, &args);
    assert_eq!(without_timing(&out), unbroken);
}

#[test]
fn the_file_grows_at_least_once_a_second() {
    let folder = folder("pace");
    let args = ["hunt", BUG, "--for", "1h", "--jobs", "2", "--resume", "kept"];
    let mut child = command(&folder, &args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let path = log(&folder, "kept");
    let (start, mut grown) = (Instant::now(), Vec::new());
    let mut size = 0;
    while start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
        let now = fs::metadata(&path).map_or(0, |data| data.len());
        if now > size {
            size = now;
            grown.push(start.elapsed());
        }
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it is ours");
    let longest = grown.windows(2).map(|pair| pair[1] - pair[0]).max().expect("it grows");
    // Twice the promise, for a machine that does other things too.
    assert!(grown.len() >= 3 && longest < Duration::from_secs(2), "{grown:?}");
}

#[test]
fn any_cut_of_the_file_ends_with_the_same_report() {
    let folder = folder("cut");
    let whole = hunted(&folder, &[PAIR, "--runs", "600"]);
    // Three parts of a hunt, so that there are some lines.
    for runs in ["200", "400", "600"] {
        hunted(&folder, &[PAIR, "--runs", runs, "--resume", "kept"]);
    }
    let path = log(&folder, "kept");
    let bytes = fs::read(&path).expect("it can be read");
    for at in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        fs::write(&path, &bytes[..at]).expect("it can be written");
        assert_eq!(hunted(&folder, &[PAIR, "--runs", "600", "--resume", "kept"]), whole, "{at}");
    }
}

#[test]
fn an_interrupted_hunt_goes_on() {
    let folder = folder("interrupted");
    let child = command(&folder, &["hunt", BUG, "--for", "1h", "--resume", "kept"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    while runs(&log(&folder, "kept")) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is kill").success());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("interrupted") && err.contains("go on with: "), "{err}");
    let done = runs(&log(&folder, "kept"));
    let all = (done + 100).to_string();
    let resumed = hunted(&folder, &[BUG, "--runs", &all, "--resume", "kept"]);
    assert_eq!(resumed, hunted(&folder, &[BUG, "--runs", &all]));
}

#[test]
fn shards_are_kept_apart_and_go_on() {
    let folder = folder("shard");
    for part in ["1/3", "2/3"] {
        let dir = part.replace('/', "-");
        let args = [BUG, "--shard", part, "--resume", &dir, "--runs"];
        hunted(&folder, &[&args[..], &["300"]].concat());
        let resumed = hunted(&folder, &[&args[..], &["900"]].concat());
        assert_eq!(resumed, hunted(&folder, &[BUG, "--shard", part, "--runs", "900"]));
    }
}

#[test]
fn a_folder_of_another_hunt_is_refused_with_the_reason() {
    let folder = folder("foreign");
    let hunt = |args: &[&str]| {
        ksim(&folder, &[&["hunt", BUG, "--runs", "200", "--resume", "kept"][..], args].concat())
    };
    assert_eq!(hunt(&[]).0, 1);
    let path = log(&folder, "kept");
    let good = fs::read_to_string(&path).expect("it can be read");
    let refused = |args: &[&str], reason: &str| {
        let before = fs::read(&path).expect("it can be read");
        let (code, out, err) = hunt(args);
        assert_eq!((code, out.as_str()), (125, ""), "{args:?} {err}");
        assert!(err.contains(reason), "{args:?}: {err}");
        assert_eq!(fs::read(&path).expect("it can be read"), before, "it was changed");
    };
    refused(&["--seed", "2"], "this is another hunt: seed is 1 there and 2 here; name another");
    refused(&["--strategy", "pos"], "this is another hunt: strategy is ");
    refused(&["--shard", "1/2"], "this is another hunt: shard is \"1/1\" there");
    let (header, parts) = good.split_once('\n').expect("a header");
    let trace = header.split("\"trace\":\"").nth(1).expect("a hash").trim_end_matches("\"}");
    for (text, reason) in [
        ("my notes\n".to_owned(), "this is no file of a hunt"),
        ("my notes".to_owned(), "this is no file of a hunt"),
        ("{\"a\":1}\n".to_owned(), "this is no file of a hunt"),
        (good.replace(ksim::VERSION, "0.0.1"), "this is another hunt: ksim is \"0.0.1\" there"),
        (good.replace(trace, "0000000000000000"), "the scenario is not what it was"),
        (format!("{header}\n{{\"done\":\n{parts}"), "line 2 is damaged; delete it"),
        (format!("{good}{parts}"), "two hunts have written to it at once"),
    ] {
        fs::write(&path, text).expect("it can be written");
        refused(&[], reason);
    }
    fs::write(&path, &good).expect("it can be written");
    let (_, _, err) = ksim(&folder, &["hunt", BUG, "--runs", "100", "--resume", "kept"]);
    assert!(err.contains("it has runs up to 200 already; give --runs 200 or more"), "{err}");
    File::create(folder.join("file")).and_then(|mut f| f.write_all(b"x")).expect("a file");
    let (code, _, err) = ksim(&folder, &["hunt", BUG, "--resume", "file/below"]);
    assert_eq!(code, 125);
    assert!(err.contains("name another folder with --resume"), "{err}");
}

/// A limit on the size of files stands for a full disk: a write fails, perhaps after a part of it.
#[test]
fn a_full_disk_is_said_clearly_and_what_was_found_remains() {
    let folder = folder("full");
    let hunt = "exec \"$0\" hunt services/rcu-irq/bug --for 1h --jobs 2 --json --resume kept";
    let limited = format!("trap '' XFSZ; ulimit -f 4; {hunt}");
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_ksim")])
        .current_dir(&folder)
        .output()
        .expect("there is a shell");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert!(err.contains("make room, then go on with the same --resume"), "{err}");
    let report = without_timing(&String::from_utf8_lossy(&output.stdout));
    assert!(report["results"][0]["runs"].as_u64() > Some(0));
    assert_eq!(report["results"][0]["findings"][0]["kind"], "use-after-free");
    // With room again it goes on from what could be written.
    let done = runs(&log(&folder, "kept"));
    assert!(done > 0);
    let all = (done + 500).to_string();
    let resumed = hunted(&folder, &[BUG, "--runs", &all, "--resume", "kept"]);
    assert_eq!(resumed, hunted(&folder, &[BUG, "--runs", &all]));
}
