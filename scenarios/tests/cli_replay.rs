//! What the hunt of README.md saves can be repeated.

mod common;

use common::{folder, hunted, ksim};

#[test]
fn every_saved_schedule_is_reproduced() {
    let folder = folder("replay-all");
    let object = hunted(&folder, &["pte-free-defer/half-bits", "--runs", "200"]);
    let results = object["results"].as_array().expect("a list");
    let mut replayed = 0;
    for finding in results.iter().flat_map(|r| r["findings"].as_array().expect("a list")) {
        let file = finding["schedule"].as_str().expect("it was saved");
        let (code, out, err) = ksim(&folder, &["replay", file]);
        assert_eq!(code, 1, "{err}");
        let first = out.lines().next().expect("a line");
        assert!(first.ends_with(": reproduced"), "{file}: {first}");
        assert!(out.trim_end().ends_with(", as saved"), "{file} has another trace");
        replayed += 1;
    }
    assert!(replayed > 20, "only {replayed} findings");
}
