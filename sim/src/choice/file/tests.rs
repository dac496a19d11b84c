use super::*;
use crate::choice::rng::Stream;

fn point(agent: &str, site: &str, nth: u32) -> Point {
    Point { agent: agent.into(), site: site.into(), nth }
}

fn example() -> ScheduleFile {
    let free = point("cpu0/free", "page_table_free:call_rcu", 1);
    let exit = point("cpu1/exit#1", "exit_mmap:mmdrop+", 2);
    let alloc = point("cpu0/free", "tlb_remove_table:alloc", 1);
    let schedule = Schedule {
        holds: vec![
            Hold { before: exit.clone(), until: free.clone() },
            Hold { before: free, until: exit },
        ],
        decisions: vec![Decision { at: alloc, outcome: 1 }],
    };
    ScheduleFile {
        version: "0.1.0".into(),
        scenario: "family/design/workload".into(),
        params: vec![("rounds".into(), 2), ("cpus".into(), u64::MAX)],
        origin: Origin { strategy: "random".into(), seed: u64::MAX, index: 37 },
        schedule: Some(schedule),
        signature: Signature("use-after-free mm.lock in f:spin_lock vs g:kfree".into()),
        trace: 0x00c3_fc1e_bd2a_5d8e,
    }
}

fn problem(text: &str) -> String {
    ScheduleFile::parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn a_file_survives_text() {
    let by_seed = ScheduleFile { schedule: None, params: Vec::new(), ..example() };
    let plain = ScheduleFile { schedule: Some(Schedule::default()), ..example() };
    for file in [example(), by_seed, plain] {
        assert_eq!(ScheduleFile::parse(file.to_string().as_bytes()), Ok(file));
    }
}

#[test]
fn comments_blank_lines_and_carriage_returns_do_not_matter() {
    let text = example().to_string().replace('\n', "  # why\r\n\r\n");
    let text = format!("# found by hand\n\n{text}# that was all\n");
    assert_eq!(ScheduleFile::parse(text.as_bytes()), Ok(example()));
}

#[test]
fn errors_name_the_line_the_problem_and_the_remedy() {
    let good = example().to_string();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        problem(&good.replacen(from, to, 1))
    };
    assert_eq!(problem(""), format!("1: the file is empty; {FOREIGN}"));
    assert_eq!(problem("\n\n# x\n"), format!("3: the file is empty; {FOREIGN}"));
    assert_eq!(
        problem("\u{7f}ELF\n"),
        format!("1: this is not a schedule file of ksim; {FOREIGN}")
    );
    let binary = [good.as_bytes(), &[0xff, 0xfe]].concat();
    let error = ScheduleFile::parse(&binary).expect_err("not UTF-8").to_string();
    assert_eq!(error, format!("13: this is not text (UTF-8); {FOREIGN}"));
    assert_eq!(
        with("schedule 1", "schedule 9"),
        format!("1: the format is 9, and this ksim reads up to 1; {NEWER}")
    );
    assert_eq!(
        with("schedule 1", "schedule x"),
        format!("1: \"x\" is no version of the format; {DAMAGED}")
    );
    assert_eq!(with("end\n", ""), format!("11: the file stops before its line `end`; {TRUNCATED}"));
    assert_eq!(
        with("end\n", "end\nend\n"),
        format!("13: \"end\" stands behind the end; {DAMAGED}")
    );
    assert_eq!(
        with("#1 until", "#0 until"),
        format!(
            "8: cannot read {:?}; {DAMAGED}",
            line(&good.replacen("#1 until", "#0 until", 1), 8)
        )
    );
    assert_eq!(with("hold", "held"), {
        let text = good.replacen("hold", "held", 1);
        format!("7: {:?} is no statement of a schedule; {DAMAGED}", line(&text, 7))
    });
    assert_eq!(with("use-after-free", "use-after-tea"), {
        let text = good.replacen("use-after-free", "use-after-tea", 1);
        format!("10: cannot read {:?}; {DAMAGED}", line(&text, 10))
    });
    for (word, rest) in [("ksim ", "0.1.0\n"), ("trace ", "00c3fc1ebd2a5d8e\n")] {
        let statement = format!("{word}{rest}");
        let word = word.trim();
        assert_eq!(with(&statement, ""), format!("11: the file has no line `{word}`; {DAMAGED}"));
        let twice = with(&statement, &statement.repeat(2));
        assert!(twice.contains(&format!("a second line `{word}`")), "{twice}");
    }
    let both = with("finding", "by-seed\nfinding");
    assert!(both.contains("a schedule `by-seed` has no deviations"), "{both}");
}

fn line(text: &str, nth: usize) -> &str {
    text.lines().nth(nth - 1).expect("so many lines")
}

/// One random edit of the kinds that happen to files: cut, flipped, lost, doubled, inserted.
fn damage(bytes: &mut Vec<u8>, stream: &mut Stream) {
    if bytes.is_empty() {
        return;
    }
    let at = stream.below(bytes.len() as u32) as usize;
    let to = (at + 1 + stream.below(40) as usize).min(bytes.len());
    match stream.below(6) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << stream.below(8),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let copy = bytes[at..to].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => bytes.insert(at, stream.below(256) as u8),
        _ => bytes[at..to].reverse(),
    }
}

#[test]
fn ten_thousand_damaged_files_do_no_harm() {
    let good = example().to_string().into_bytes();
    let mut refused = 0;
    for index in 0..10_000 {
        let mut stream = Stream::new(1, index, "damage");
        let mut bytes = good.clone();
        for _ in 0..=stream.below(4) {
            damage(&mut bytes, &mut stream);
        }
        match ScheduleFile::parse(&bytes) {
            // What is read can be written, and read again.
            Ok(file) => {
                assert_eq!(ScheduleFile::parse(file.to_string().as_bytes()), Ok(file));
            }
            Err(error) => {
                refused += 1;
                assert!(error.line > 0 && !error.problem.is_empty());
            }
        }
    }
    assert!(refused > 5_000, "only {refused} of 10,000 damaged files were refused");
}
