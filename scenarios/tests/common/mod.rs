//! Calling the built binary.

#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for a test, empty.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder of an earlier test can go");
    }
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder
}

/// The binary, in this folder.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ksim"));
    command.current_dir(folder).args(args).env_remove("CLICOLOR_FORCE");
    command
}

/// Exit code, standard output, standard error.
pub(crate) fn ksim(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        command(folder, args).output().expect("the binary can be started");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

/// The object of a hunt without what depends on time.
pub(crate) fn hunted(folder: &Path, args: &[&str]) -> Value {
    let all = [&["hunt", "--json"][..], args].concat();
    let (code, out, err) = ksim(folder, &all);
    assert!(code < 2, "{err}");
    without_timing(&out)
}

/// One JSON object, without what depends on time.
pub(crate) fn without_timing(text: &str) -> Value {
    let mut object: Value = serde_json::from_str(text).expect("one JSON object");
    assert!(object["timing"]["seconds"].is_f64());
    object.as_object_mut().expect("an object").remove("timing");
    object
}
