//! A debugging session by script, from the finding back to its cause.

use ksim::choice::ScheduleFile;
use ksim::choice::follow::Follow;
use ksim::run::Params;
use ksim::run::debug::{Debugger, Reply, Session};

/// Of its file.
pub(crate) const NAME: &str = "debug__half-bits__use-after-free";

const SCHEDULE: &[u8] = b"ksim-schedule 1
ksim 0.1.0
scenario pte-free-defer/half-bits/callback-exit
param reuse = 0
origin random seed 1 index 118
hold cpu1/exit page_table_free_rcu:spin_lock_bh#1 until cpu0/softirq:rcu __tlb_remove_table:read#1
hold cpu0/softirq:rcu __tlb_remove_table:spin_lock_bh#1 until cpu1/exit free_mm:kmem_cache_free#1
finding use-after-free mm.context.lock in __tlb_remove_table:spin_lock_bh vs free_mm:kmem_cache_free
trace e6e75ebb3fb0e6e6
end
";

const SCRIPT: &str = "\
go finding
where
last-write mm.context.lock
break kmem_cache_free
break write page._refcount
breakpoints
reverse-continue
state cpus
reverse-continue
print page
state
why-blocked
why-blocked cpu0/softirq:rcu
last-write page._refcount
reverse-step 3
list 7
delete 1
continue
continue
go start
";

/// What the session says to these commands, each before its answer.
fn transcript(script: &str) -> String {
    let scenarios = ksim_scenarios::all();
    let file = ScheduleFile::parse(SCHEDULE).expect("it is a schedule");
    let scenario = scenarios.iter().find(|s| s.name == file.scenario).expect("it exists");
    let schedule = file.schedule.expect("it has one");
    let mut follow = Follow::new(&schedule);
    let params = Params::defaults(&scenario.params);
    let run = Debugger::new(scenario, params, &mut follow, 0, 0);
    assert_eq!(follow.diverged(), None);
    let load = Box::new(|_: &[&str]| Err("no other run is at hand".to_owned()));
    let mut session = Session::new(run, load);
    let mut text = String::new();
    for line in script.lines() {
        text.push_str(&format!("(ksim) {line}\n"));
        match session.execute(line) {
            Ok(Reply::Text(reply)) => text.push_str(&reply),
            Ok(Reply::Quit) => break,
            Err(error) => text.push_str(&format!("error: {error}\n")),
        }
    }
    text
}

/// The manual shows one session, in pieces: every answer in it is the real one.
#[test]
fn the_manual_shows_real_answers() {
    let manual = include_str!("../../../docs/debugging.md");
    let blocks = manual.split("```").skip(1).step_by(2);
    let shown: String = blocks
        .filter_map(|b| b.strip_prefix("text\n"))
        .filter(|b| b.starts_with("(ksim)"))
        .collect();
    let commands = shown.lines().filter_map(|line| line.strip_prefix("(ksim) "));
    let script: String = commands.map(|line| format!("{line}\n")).collect();
    assert!(script.lines().count() > 5, "{script}");
    assert_eq!(shown, transcript(&script), "docs/debugging.md (left) and the session (right)");
}

#[test]
fn a_session_goes_from_the_finding_to_its_cause() {
    let text = transcript(SCRIPT);
    let answer = |command: &str| {
        let (_, rest) = text.split_once(&format!("(ksim) {command}\n")).expect("it was given");
        rest.split("(ksim)").next().unwrap_or("").to_owned()
    };
    let write = answer("last-write mm.context.lock");
    assert!(write.contains("cpu1/exit") && write.contains("kmem_cache_free(mm)"), "{write}");
    let back = answer("reverse-continue");
    assert!(back.starts_with("breakpoint 1: op kmem_cache_free\n"), "{back}");

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../..");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("commands of `ksim debug`, and their answers");
    let file = ScheduleFile::parse(SCHEDULE).expect("it is a schedule");
    let head = format!("scenario: {}\nverdict:  {}\n", file.scenario, file.signature);
    settings.bind(|| insta::assert_snapshot!(NAME, format!("{head}\n{text}")));
}
