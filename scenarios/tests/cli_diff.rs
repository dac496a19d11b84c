//! `ksim diff`: what changed in meaning first, then the text.

mod common;

use common::{folder, ksim};
use serde_json::Value;
use std::path::{Path, PathBuf};

const BUG: &str = "services/rcu-irq/bug";
const FIX: &str = "services/rcu-irq/fix";

/// The schedule file of the only finding of `BUG`, relative to the folder.
fn saved(folder: &Path) -> String {
    let (code, _, err) = ksim(folder, &["hunt", BUG, "--runs", "300", "--strategy", "random"]);
    assert_eq!(code, 1, "{err}");
    let mut files = std::fs::read_dir(folder.join("ksim-out")).expect("hunt makes it");
    let file = files.next().expect("one file").expect("an entry can be read").file_name();
    format!("ksim-out/{}", file.to_string_lossy())
}

fn json(folder: &Path, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = ksim(folder, &[&["diff", "--json"], args].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
}

#[test]
fn a_run_is_like_itself_and_unlike_another() {
    let folder = folder("diff-runs");
    let file = saved(&folder);
    let (code, out, _) = ksim(&folder, &["diff", &file, &file]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("alike: "), "{out}");
    let seed = format!("{BUG}@1:3");
    assert_eq!(ksim(&folder, &["diff", &seed, &seed]).0, 0);

    let other = format!("{FIX}@{file}");
    let (code, out, err) = ksim(&folder, &["diff", &file, &other]);
    assert_eq!(code, 1, "{err}");
    let place = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text} is not in {out}"));
    let order = ["A  ", "B  ", "\nverdict\n- ", "\n+ nothing found", "\nfindings\n- ", "\ntext\n"];
    let places = order.map(place);
    assert!(places.is_sorted(), "the meaning comes first: {out}");

    let (code, object) = json(&folder, &[&file, &other]);
    assert_eq!(code, 1);
    assert_eq!(object["same"], false);
    assert!(object["b"]["verdict"].as_str().is_some_and(|v| v.starts_with("nothing found")));
    assert_eq!(object["findings"]["removed"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["findings"]["added"].as_array().map(Vec::len), Some(0));
    let contexts = object["contexts"].as_array().expect("a list");
    assert!(!contexts.is_empty() && contexts.iter().all(|c| c["name"].is_string()), "{object:#}");
}

#[test]
fn two_seeds_in_another_order_of_steps() {
    let folder = folder("diff-order");
    let scenario = "services/spinlock/fix";
    let found = (1..40).find_map(|index| {
        let other = format!("{scenario}@1:{index}");
        let (_, object) =
            json(&folder, &[&format!("{scenario}@1:0"), &other, "--strategy", "random"]);
        let pairs = object["reordered"].as_array().expect("a list").clone();
        (!pairs.is_empty()).then_some((other, pairs))
    });
    let (other, pairs) = found.expect("locks are taken in another order in some run");
    let args = ["diff", &format!("{scenario}@1"), &other, "--strategy", "random"];
    let (code, out, _) = ksim(&folder, &args);
    assert_eq!(code, 1);
    let first = pairs[0]["first"].as_str().expect("text");
    assert!(out.contains(&format!("\norder\n- {first}\n")), "{out}");
}

#[test]
fn colors_only_where_they_are_wanted() {
    let folder = folder("diff-color");
    let sides = [format!("{BUG}@1:0"), format!("{FIX}@1:0")];
    let (_, plain, _) = ksim(&folder, &["diff", &sides[0], &sides[1]]);
    assert!(!plain.contains('\x1b'), "{plain}");
    let (_, colored, _) = ksim(&folder, &["--color", "always", "diff", &sides[0], &sides[1]]);
    assert!(colored.contains("\x1b[1m\x1b[31m- ") || colored.contains("\x1b[31m- "), "{colored:?}");
}

/// A golden file of this workspace.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots").join(name)
}

#[test]
fn snapshots_are_compared_by_verdict_and_diagram() {
    let folder = folder("diff-snap");
    let text = std::fs::read_to_string(golden("pte-free-defer__half-bits__deadlock.snap"))
        .expect("it is there");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a file can be written");
    };
    write("a.snap", &text);
    // As insta leaves what is not reviewed yet.
    write(
        "b.snap.new",
        &text.replace("spin_lock(mm.context.lock)", "spin_lock_irq(mm.context.lock)"),
    );
    let (_, verdict) = text.split_once("verdict:  ").expect("it has a verdict");
    let verdict = verdict.lines().next().expect("a line");
    write("c.snap", &text.replace(verdict, "use-after-free mm in f:g"));

    assert_eq!(ksim(&folder, &["diff", "a.snap", "a.snap"]).0, 0);
    let (code, object) = json(&folder, &["a.snap", "b.snap.new"]);
    assert_eq!(code, 1);
    assert_eq!(object["a"]["verdict"], object["b"]["verdict"]);
    let context = &object["contexts"][0];
    assert_eq!(context["name"], "CPU0 [switch]");
    assert_eq!(context["removed"], serde_json::json!(["spin_lock(mm.context.lock)"]));
    assert_eq!(context["added"], serde_json::json!(["spin_lock_irq(mm.context.lock)"]));

    let (code, out, _) = ksim(&folder, &["diff", "a.snap", "c.snap"]);
    assert_eq!(code, 1);
    let expected = format!("\nverdict\n- {verdict}\n+ use-after-free mm in f:g\n");
    assert!(out.contains(&expected), "{out}");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let folder = folder("diff-bad");
    let golden = golden("class__leak.snap");
    let golden = golden.to_str().expect("text");
    std::fs::write(folder.join("bad.snap"), "<<<<<<< HEAD\n").expect("a file can be written");
    std::fs::write(folder.join("binary.snap"), [0xff, 0]).expect("a file can be written");
    let seed = format!("{BUG}@1");
    let cases: [(&[&str], &str); 11] = [
        (&["nowhere", &seed], "cannot read nowhere"),
        (&["services/spinlok@1", &seed], "there is no scenario \"services/spinlok\"; did you mean"),
        (&["services@1", &seed], "is not one scenario"),
        (&[&format!("{BUG}@x"), &seed], "cannot read x"),
        (&[golden, &seed], "compare a snapshot with a snapshot, a run with a run"),
        (&["bad.snap", golden], "bad.snap: this is not a snapshot"),
        (&["binary.snap", golden], "binary.snap"),
        (&[&seed, &seed, "--strategy", "luck"], "there is no strategy"),
        (
            &[golden, golden, "--strategy", "random"],
            "--strategy has no effect, since neither A nor",
        ),
        (&[golden, golden, "--param", "x=1"], "--param has no effect"),
        (&[&seed], "required"),
    ];
    for (args, text) in cases {
        let (code, out, err) = ksim(&folder, &[&["diff"], args].concat());
        assert_eq!((code, out.as_str()), (125, ""), "{args:?}\n{err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
}
