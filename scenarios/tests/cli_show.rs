//! `ksim show` as a process: formats, files, standard output.

use std::path::Path;
use std::process::Command;

fn ksim(folder: &Path, args: &[&str]) -> (i32, Vec<u8>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ksim"));
    let output = command.current_dir(folder).args(args).output().expect("it can be started");
    let stderr = String::from_utf8(output.stderr).expect("errors are text");
    (output.status.code().expect("no signal"), output.stdout, stderr)
}

#[test]
fn every_format_goes_to_standard_output_and_to_a_file() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli_show");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    let (code, ..) = ksim(&folder, &["hunt", "services/rcu-irq/bug", "--runs", "500"]);
    assert_eq!(code, 1);
    let saved = std::fs::read_dir(folder.join("ksim-out")).expect("it was made").next();
    let file = saved.expect("a schedule was saved").expect("it can be read").path();
    let file = file.to_str().expect("the path is text");
    let begins: [(&str, &[u8]); 5] = [
        ("text", b"CPU0"),
        ("json", b"{"),
        ("html", b"<!doctype html>"),
        ("perfetto", b"\n"),
        ("trace-cmd", b"\x17\x08\x44tracing6\0"),
    ];
    for (format, begin) in begins {
        let (code, shown, stderr) = ksim(&folder, &["show", file, "--format", format]);
        assert_eq!((code, stderr.as_str()), (1, ""), "{format}");
        assert!(shown.starts_with(begin), "{format}");
        let out = format!("out.{format}");
        let (code, nothing, _) = ksim(&folder, &["show", file, "--format", format, "--out", &out]);
        assert_eq!((code, nothing.len()), (1, 0), "{format}");
        let written = std::fs::read(folder.join(&out)).expect("it was written");
        assert!(written == shown, "{format}");
    }
    let (code, _, stderr) = ksim(&folder, &["show", file, "--format", "html", "--out", "no/where"]);
    assert_eq!(code, 125);
    assert!(stderr.contains("cannot write no/where") && stderr.contains("--out"), "{stderr}");
    let (code, _, stderr) = ksim(&folder, &["show", file, "--format", "movie"]);
    assert_eq!(code, 125);
    assert!(stderr.contains("trace-cmd"), "{stderr}");
}

/// A terminal of its own comes with `script` (util-linux).
#[test]
fn binary_files_are_kept_off_the_terminal() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli_show_terminal");
    std::fs::create_dir_all(&folder).expect("the folder for tests can be written");
    let (code, ..) = ksim(&folder, &["hunt", "services/rcu-irq/bug", "--runs", "500"]);
    assert_eq!(code, 1);
    let line = format!("{} show ksim-out/* --format perfetto", env!("CARGO_BIN_EXE_ksim"));
    let mut script = Command::new("script");
    script.current_dir(&folder).args(["-qec", &line, "/dev/null"]);
    let Ok(output) = script.output() else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "not run: no `script`");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(125), "{text}");
    assert!(text.contains("perfetto is binary") && text.contains("--out"), "{text}");
}
