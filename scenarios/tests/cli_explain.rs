//! `ksim explain`: what decides a failing schedule.

mod common;

use common::{folder, ksim};
use serde_json::Value;
use std::path::Path;

/// Hunts, and explains the first schedule of this kind.
fn explained(folder: &Path, scenario: &str, kind: &str, extra: &[&str]) -> (i32, String) {
    let (code, out, err) = ksim(folder, &["hunt", scenario, "--runs", "1000"]);
    assert_eq!(code, 1, "{out}{err}");
    let mut files: Vec<String> = std::fs::read_dir(folder.join("ksim-out"))
        .expect("hunt creates it")
        .map(|entry| entry.expect("it can be listed").file_name().display().to_string())
        .filter(|name| name.contains(kind))
        .collect();
    files.sort();
    let file = files.first().expect("there is one of this kind");
    let (code, out, err) =
        ksim(folder, &[&["explain", &format!("ksim-out/{file}")][..], extra].concat());
    assert_eq!(err, "");
    (code, out)
}

fn share(value: &Value) -> f64 {
    value["failed"].as_f64().expect("a number") / value["of"].as_f64().expect("a number")
}

#[test]
fn the_use_after_free_of_half_bits() {
    let folder = folder("explain-use-after-free");
    let scenario = "pte-free-defer/half-bits/defer-callback-exit";
    let (code, text) = explained(&folder, scenario, "use-after-free", &[]);
    assert_eq!(code, 1, "{text}");
    for part in [scenario, "BUG: KASAN", "reversed", "The nearest run that passes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let again = explained(&folder, scenario, "use-after-free", &[]).1;
    assert_eq!(again, text, "the same file is explained in the same way");
    let longest = text.lines().map(|l| l.chars().count()).max();
    assert!(longest <= Some(160), "{text}");

    let (_, json) = explained(&folder, scenario, "use-after-free", &["--json", "--runs", "40"]);
    let json: Value = serde_json::from_str(&json).expect("one JSON object");
    let curve = json["curve"].as_array().expect("a list");
    assert!(share(&curve[0]["share"]) < 0.5, "a random run rarely fails: {json:#}");
    assert_eq!(share(&curve[curve.len() - 1]["share"]), 1.0, "the failing run fails");
    let deviations = json["deviations"].as_array().expect("a list");
    assert!(!deviations.is_empty());
    for deviation in deviations {
        assert_eq!(deviation["made"]["of"], 40);
    }
    assert!(json["passing"]["first"].is_string(), "{json:#}");
    assert_ne!(json["passing"]["first"], json["passing"]["second"]);
}

#[test]
fn a_deadlock_of_half_bits() {
    let folder = folder("explain-deadlock");
    let scenario = "pte-free-defer/half-bits/flush-callback";
    let (code, text) = explained(&folder, scenario, "deadlock", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("comes before"), "{text}");
}

#[test]
fn what_does_not_fail_is_not_explained() {
    let folder = folder("explain-nothing");
    let text = "ksim-schedule 1\nksim 0.1.0\nscenario services/rcu-irq/fix\n\
                origin random seed 1 index 0\nfinding deadlock lock\ntrace 0000000000000000\nend\n";
    std::fs::write(folder.join("file"), text).expect("a file can be written");
    let (code, out, _) = ksim(&folder, &["explain", "file"]);
    assert_eq!(code, 125, "{out}");
    assert!(out.contains("nothing to explain"), "{out}");
    let (code, _, err) = ksim(&folder, &["explain", "nowhere"]);
    assert_eq!(code, 125, "{err}");
    let (code, _, _) = ksim(&folder, &["explain", "file", "--runs", "0"]);
    assert_eq!(code, 125);
}
