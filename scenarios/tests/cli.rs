//! The built binary: exit codes, error texts, and results that depend on the seed alone.

mod common;

use common::{command, folder, hunted, ksim};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BUG: &str = "services/rcu-irq/bug";
const FIX: &str = "services/rcu-irq/fix";

/// The only schedule file that a hunt for one finding has saved.
fn saved(folder: &Path, scenario: &str) -> (PathBuf, String) {
    let (code, out, err) =
        ksim(folder, &["hunt", scenario, "--runs", "300", "--strategy", "random"]);
    assert_eq!(code, 1, "{out}{err}");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("ksim-out"))
        .expect("hunt creates it")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    let path = files.first().expect("one finding, one file").clone();
    let text = std::fs::read_to_string(&path).expect("it can be read");
    (path, text)
}

#[test]
fn what_cannot_be_judged_says_why_and_exits_with_125() {
    let folder = folder("bad");
    std::fs::write(folder.join("file"), "int main;\n").expect("a file can be written");
    std::fs::write(folder.join("binary"), [0xff, 0xfe, 0]).expect("a file can be written");
    let cases: &[(&[&str], &str)] = &[
        (&["hunt", "servces/rcu-irq"], "did you mean services/rcu-irq"),
        (&["hunt", "qqqqqq"], "there is no scenario \"qqqqqq\"; `list` shows all of them"),
        (&["list", "qqqqqq"], "there is no scenario"),
        (&["check", BUG, "qqqqqq"], "there is no scenario"),
        (&["run", "services/rcu-irq"], "is not one scenario; give one, like services/rcu-irq/"),
        (&["run", BUG, "--strategy", "luck"], "there is no strategy \"luck\"; there is "),
        (&["hunt", BUG, "--strategy", "luck"], "there is no strategy"),
        (&["check", BUG, "--strategy", "luck"], "there is no strategy"),
        (&["run", BUG, "--param", "speed=3"], "there is no parameter \"speed\""),
        (&["hunt", BUG, "--param", "speed=3"], "there is no parameter \"speed\""),
        (&["run", BUG, "--param", "speed"], "give a name and a whole number"),
        (&["run", BUG, "--seed", "x"], "--seed"),
        (&["hunt", BUG, "--runs", "0"], "give a whole number from 1"),
        (&["hunt", BUG, "--for", "soon"], "give a time like"),
        (&["hunt", BUG, "--for", "1s", "--runs", "5"], "cannot be used with"),
        (&["matrix", "kernel", "--quick", "--runs", "5"], "cannot be used with"),
        (&["hunt", BUG, "--jobs", "0"], "--jobs"),
        (&["hunt", BUG, "--shard", "3/2"], "from 1/N to N/N"),
        (&["hunt", BUG, "--shard", "0/2"], "from 1/N to N/N"),
        (&["hunt", BUG, "--out", "file/below"], "cannot write file/below"),
        (&["hunt"], "SCENARIO"),
        (&["hurt"], "unrecognized subcommand"),
        (&["replay", "nowhere"], "cannot read nowhere"),
        (&["replay", "."], "cannot read ."),
        (&["replay", "file"], "file:1: this is not a schedule file of ksim"),
        (&["shrink", "file"], "give a file that `ksim hunt` has saved"),
        (&["show", "binary"], "binary:1: this is not text"),
        (&["show", "file", "--format", "poem"], "--format"),
        (&[], "Usage"),
    ];
    for (args, text) in cases {
        let (code, out, err) = ksim(&folder, args);
        assert_eq!((code, out.as_str()), (125, ""), "{args:?}\n{err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
}

#[test]
fn damaged_schedules_say_what_is_wrong_and_exit_with_125() {
    let folder = folder("damaged");
    let (_, good) = saved(&folder, BUG);
    let without_end = good.replace("end\n", "");
    let half = &good[..good.len() / 2];
    for (bad, text) in [
        (without_end.as_str(), "the file stops before its line `end`"),
        (half, "bad:"),
        ("", "the file is empty"),
        (&good.replace("ksim-schedule 1", "ksim-schedule 2"), "use the ksim that wrote it"),
        (&good.replace("hold ", "told "), "is no statement of a schedule"),
        (&good.replace("rcu-irq", "rcu-irk"), "did you mean services/rcu-irq/bug"),
        (&good.replace("origin", "param speed = 3\norigin"), "there is no parameter \"speed\""),
    ] {
        std::fs::write(folder.join("bad"), bad).expect("a file can be written");
        let (code, _, err) = ksim(&folder, &["replay", "bad"]);
        let expected = if bad == good { 1 } else { 125 };
        assert_eq!(code, expected, "{bad}\n{err}");
        assert!(err.contains(text), "{bad}\n{err}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = folder("help");
    for args in [&["--help"][..], &["hunt", "--help"], &["--version"]] {
        let (code, out, err) = ksim(&folder, args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("ksim"), "{out}");
    }
}

#[test]
fn jobs_do_not_change_the_report() {
    let folder = folder("jobs");
    let args = ["services/rcu-irq", "--runs", "500", "--jobs"];
    let one = hunted(&folder, &[&args[..], &["1"]].concat());
    let results = one["results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    let keys = |object: &Value| -> Vec<String> {
        object.as_object().expect("an object").keys().cloned().collect()
    };
    for key in ["scenario", "strategy", "seed", "runs", "steps", "findings"] {
        assert!(keys(&results[0]).contains(&key.to_owned()), "{key}");
    }
    let finding = &results[0]["findings"][0];
    for key in ["signature", "kind", "object", "headline", "count", "first_index", "schedule"] {
        assert!(keys(finding).contains(&key.to_owned()), "{key}");
    }
    assert_eq!(keys(&finding["shrunk"]), ["deviations", "steps"]);
    for jobs in ["2", "7"] {
        assert_eq!(hunted(&folder, &[&args[..], &[jobs]].concat()), one, "{jobs} jobs");
    }
}

#[test]
fn shards_add_up_to_the_whole() {
    let folder = folder("shards");
    let args = [BUG, "--runs", "500", "--shard"];
    let result = |part: &str| hunted(&folder, &[&args[..], &[part]].concat())["results"][0].clone();
    let whole = result("1/1");
    let parts = ["1/3", "2/3", "3/3"].map(result);
    let sum = |key: &str| parts.iter().map(|part| part[key].as_u64().expect(key)).sum::<u64>();
    assert_eq!(Some(sum("runs")), whole["runs"].as_u64());
    assert_eq!(Some(sum("steps")), whole["steps"].as_u64());
    let all = parts.iter().flat_map(|part| part["findings"].as_array().expect("findings"));
    let all: Vec<&Value> = all.collect();
    for finding in whole["findings"].as_array().expect("findings") {
        let mine = all.iter().filter(|f| f["signature"] == finding["signature"]);
        let counts = mine.clone().map(|f| f["count"].as_u64().expect("count"));
        assert_eq!(Some(counts.sum()), finding["count"].as_u64());
        let first = mine.filter_map(|f| f["first_index"].as_u64()).min();
        assert_eq!(first, finding["first_index"].as_u64());
    }
}

#[test]
fn a_finding_is_saved_replayed_shown_and_shrunk() {
    let folder = folder("file");
    let (path, text) = saved(&folder, BUG);
    let name = path.to_str().expect("ASCII");
    assert!(name.contains("services.rcu-irq.bug.use-after-free-"), "{name}");
    let trace = text.lines().find_map(|line| line.strip_prefix("trace ")).expect("a hash");

    let (code, out, _) = ksim(&folder, &["replay", name]);
    assert_eq!(code, 1);
    assert!(out.starts_with("services/rcu-irq/bug: reproduced\n"), "{out}");
    assert!(out.contains("BUG: KASAN: slab-use-after-free in handler\n"), "{out}");
    assert!(out.contains(&format!("trace {trace}, as saved")), "{out}");

    let (code, out, _) = ksim(&folder, &["show", name]);
    assert_eq!(code, 1);
    assert!(out.contains("kfree(entry)") && out.contains(trace), "{out}");
    let (code, out, _) = ksim(&folder, &["show", name, "--format", "json"]);
    let object: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!((code, object["trace"].as_str()), (1, Some(trace)));
    assert_eq!(object["findings"][0]["kind"], "use-after-free");

    // With a deviation that does nothing it is the same run, and shrinks to what it was.
    let longer = text.replace("\nhold ", "\nhold cpu0/x f:y#1 until cpu0/z f:y#1\nhold ");
    std::fs::write(&path, &longer).expect("it can be written");
    let (code, out, _) = ksim(&folder, &["shrink", name]);
    assert_eq!(code, 1, "{out}");
    let shrunk = std::fs::read_to_string(&path).expect("it can be read");
    assert_eq!(
        shrunk.lines().skip(1).collect::<Vec<_>>(),
        text.lines().skip(1).collect::<Vec<_>>()
    );

    // Hunting again writes the same; a file of somebody else is left alone.
    assert_eq!(saved(&folder, BUG), (path.clone(), text));
    std::fs::write(&path, "my notes\n").expect("it can be written");
    let (code, out, err) = ksim(&folder, &["hunt", BUG, "--runs", "300", "--json"]);
    assert_eq!(code, 125);
    assert!(err.contains("exists and is not a schedule of this finding"), "{err}");
    let object: Value = serde_json::from_str(&out).expect("the result is printed all the same");
    let findings = object["results"][0]["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["schedule"].is_null()), "{out}");
    assert_eq!(std::fs::read_to_string(&path).expect("it can be read"), "my notes\n");
}

#[test]
fn replay_says_what_became_of_the_finding() {
    let folder = folder("verdicts");
    let (path, good) = saved(&folder, BUG);
    let name = path.to_str().expect("ASCII");
    let finding = good.lines().find(|line| line.starts_with("finding ")).expect("a finding");
    let (what, _) = finding.split_once(" in ").expect("sites");
    let plain: String =
        good.lines().filter(|l| !l.starts_with("hold ")).map(|l| format!("{l}\n")).collect();
    let lost =
        plain.replace("finding ", "hold cpu1/writer kfree#1 until cpu0/device no:op#1\nfinding ");
    // Renamed in the code: what is held back never comes.
    let hold = good.lines().find(|line| line.starts_with("hold ")).expect("a hold");
    let (_, until) = hold.split_once(" until ").expect("its end");
    let renamed =
        plain.replace("finding ", &format!("hold cpu1/renamed kfree#1 until {until}\nfinding "));
    for (text, code, verdict) in [
        (good.clone(), 1, "reproduced"),
        (renamed, 125, "diverged at deviation 1"),
        (good.replace(finding, &format!("{what} in other:READ_ONCE")), 1, "same bug elsewhere"),
        (good.replace(finding, "finding deadlock a in b:c"), 1, "another bug"),
        (plain.clone(), 0, "passed"),
        (lost, 125, "diverged at deviation 1"),
    ] {
        std::fs::write(&path, &text).expect("it can be written");
        let (got, out, err) = ksim(&folder, &["replay", name]);
        assert!(out.starts_with(&format!("{BUG}: {verdict}\n")), "{text}\n{out}{err}");
        assert_eq!(got, code, "{verdict}");
        let (shown, _, err) = ksim(&folder, &["show", name]);
        assert_eq!((shown, err.contains("did not come: hold ")), (code, code == 125), "{err}");
    }
}

#[test]
fn a_shard_without_runs_is_no_success() {
    let (code, out, err) = ksim(&folder("shard"), &["hunt", FIX, "--runs", "3", "--shard", "4/4"]);
    assert_eq!(code, 125, "{out}{err}");
    assert!(err.contains("services/rcu-irq/fix: no run in shard 4/4 of 3 runs"), "{err}");
}

#[test]
fn a_run_is_a_function_of_seed_and_index() {
    let folder = folder("run");
    let run = |seed: &str, index: &str| {
        let (code, out, _) = ksim(&folder, &["run", BUG, "--seed", seed, "--index", index]);
        assert!(code < 2);
        out
    };
    let first = run("3", "5");
    assert!(first.contains("trace "), "{first}");
    assert!((0..8).any(|index| run("3", &index.to_string()) != first));
    assert_eq!(run("3", "5"), first);
}

#[test]
fn check_compares_with_what_is_expected() {
    let folder = folder("check");
    let (code, out, _) = ksim(&folder, &["check", BUG, FIX, "--runs", "500"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("2 scenarios as expected\n"), "{out}");
    // This seed needs more than one run.
    let (code, out, _) = ksim(&folder, &["check", BUG, "--runs", "1", "--strategy", "random"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("expected use-after-free, which 1 run did not show"), "{out}");
}

#[test]
fn the_list_is_complete_in_both_forms() {
    let folder = folder("list");
    let (code, text, _) = ksim(&folder, &["list"]);
    assert_eq!(code, 0);
    let (code, json, _) = ksim(&folder, &["list", "--json"]);
    assert_eq!(code, 0);
    let object: Value = serde_json::from_str(&json).expect("one JSON object");
    let all = object["scenarios"].as_array().expect("scenarios");
    assert_eq!(all.len(), ksim_scenarios::all().len());
    for scenario in all {
        let name = scenario["name"].as_str().expect("a name");
        assert!(text.lines().any(|line| line == name), "{name}");
        assert!(scenario["expect"].is_array() && scenario["params"].is_array());
        assert!(name.starts_with(scenario["family"].as_str().expect("a family")));
    }
}

#[test]
fn colors_only_where_they_are_wanted() {
    let folder = folder("colors");
    for (args, colored) in [
        (&["list", FIX][..], false),
        (&["list", FIX, "--color", "always"], true),
        (&["list", FIX, "--color", "never"], false),
    ] {
        let (_, out, _) = ksim(&folder, args);
        assert_eq!(out.contains('\u{1b}'), colored, "{args:?}: {out:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_hunt_but_not_the_report() {
    let folder = folder("interrupt");
    for (scenario, form, code, says) in [
        (BUG, "text", 1, "services/rcu-irq/bug: "),
        (FIX, "text", 125, "services/rcu-irq/fix: "),
        // What was cut off without a finding is no success.
        (FIX, "ktap", 125, "not ok 1 services/rcu-irq/fix # ERROR interrupted"),
        (FIX, "json", 125, "\"interrupted\": true"),
    ] {
        let form = match form {
            "json" => ["--json", "--jobs=2"].to_vec(),
            form => ["--jobs=2", "--format", form].to_vec(),
        };
        let args = [&["hunt", scenario, "--for", "1h"][..], &form].concat();
        let child = command(&folder, &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        // It hunts as soon as it has tried the folder; before that there is nothing to report.
        let out = folder.join("ksim-out");
        while !out.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("there is kill");
        assert!(sent.success());
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
        std::fs::remove_dir_all(out).expect("it can go");
    }
}
