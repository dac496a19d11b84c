//! What people expect of a command line: completions, manual pages, examples, colors, streams.

mod common;

use common::{command, folder, ksim};
use std::fs::File;
use std::process::Stdio;

const BUG: &str = "services/rcu-irq/bug";

#[test]
fn every_command_has_help_with_examples_and_a_manual_page() {
    let folder = folder("help");
    let (code, all, _) = ksim(&folder, &["--help"]);
    assert_eq!(code, 0);
    let commands: Vec<&str> = all
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 8, "{all}");
    let (_, main, _) = ksim(&folder, &["man"]);
    assert!(main.contains(".TH ksim 1"), "{main}");
    for name in commands {
        let (code, help, err) = ksim(&folder, &[name, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        assert!(help.contains("Examples:\n  "), "{name}: {help}");
        let (code, page, err) = ksim(&folder, &["man", name]);
        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        assert!(page.contains(&format!(".TH ksim-{name} 1")), "{page}");
        assert!(page.contains("Examples:"), "{page}");
        let in_main = main.replace("\\-", "-").contains(&format!("ksim-{name}(1)"));
        assert!(in_main, "{name} is not in the main page: {main}");
    }
    let (code, _, err) = ksim(&folder, &["man", "hurt"]);
    assert_eq!(code, 125);
    assert!(err.contains("there is no command \"hurt\"; there is list, run, hunt"), "{err}");
}

#[test]
fn completions_know_commands_and_options() {
    let folder = folder("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, err) = ksim(&folder, &["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        for word in ["hunt", "resume", "strategy"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(ksim(&folder, &["completions", "dos"]).0, 125);
}

/// Where bash is, its completion really completes.
#[cfg(unix)]
#[test]
fn bash_completes() {
    let folder = folder("bash");
    let (_, script, _) = ksim(&folder, &["completions", "bash"]);
    std::fs::write(folder.join("ksim.bash"), script).expect("it can be written");
    let line = "source ./ksim.bash; COMP_WORDS=(ksim hunt --res); COMP_CWORD=2; \
                _ksim ksim --res hunt; echo \"${COMPREPLY[@]}\"";
    let bash = std::process::Command::new("bash").args(["-c", line]).current_dir(&folder).output();
    let Ok(output) = bash else {
        eprintln!("there is no bash here: not tested");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "--resume");
}

#[test]
fn the_environment_can_forbid_and_force_colors() {
    let folder = folder("environment");
    let colored = |variables: &[(&str, &str)], args: &[&str]| {
        let all = [&["list", BUG][..], args].concat();
        let mut command = command(&folder, &all);
        command.env_remove("NO_COLOR").envs(variables.iter().copied());
        command.output().expect("it can be started").stdout.contains(&0x1b)
    };
    assert!(!colored(&[], &[]), "a pipe is no terminal");
    assert!(colored(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!colored(&[("NO_COLOR", "1")], &[]));
    assert!(!colored(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], &[]));
    assert!(colored(&[("NO_COLOR", "1")], &["--color", "always"]), "what is typed comes first");
}

#[test]
fn a_budget_that_ends_first_is_no_verdict() {
    let folder = folder("budget");
    let fix = "services/rcu-irq/fix";
    let (code, out, _) = ksim(&folder, &["prove", fix, "--executions", "1"]);
    assert_eq!(code, 125, "{out}");
    assert!(out.contains("not complete"), "{out}");
    assert_eq!(ksim(&folder, &["prove", fix]).0, 0);
    assert_eq!(ksim(&folder, &["hunt", fix, "--runs", "100"]).0, 0);
    // Few steps are a small budget too.
    let args = ["check", BUG, "--steps", "1", "--runs", "100", "--strategy", "random", "--json"];
    let (_, out, _) = ksim(&folder, &args);
    assert!(out.contains("\"runs\": 64,"), "{out}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_closed_output_is_an_error() {
    let folder = folder("output");
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = command(&folder, &["list"]).stdout(full).output().expect("it can be started");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert!(err.contains("cannot write to standard output: "), "{err}");

    // A reader that goes away, like `head`, needs no message.
    let mut list = command(&folder, &["list"]);
    let mut child = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Progress goes to standard error; on a pipe there is a line now and then, never a bar.
#[test]
fn standard_output_has_the_result_alone() {
    let folder = folder("streams");
    let (_, out, err) = ksim(&folder, &["hunt", BUG, "--runs", "200"]);
    assert!(out.starts_with(&format!("{BUG}: 200 runs, ")), "{out}");
    assert!(err.lines().count() == 1 && err.contains("; repeat with: ksim hunt "), "{err}");
    assert!(!out.contains('\r') && !err.contains('\r'));
}
