//! Damaged schedule files: whatever can still be read can be replayed without harm.

use ksim::choice::rng::Stream;
use ksim::choice::{ScheduleFile, strategies};
use ksim::run::replay::replay;
use ksim::run::{Example, Execution, Hunt, Hunted, Params, Scenario, Shard};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Schedules of these are damaged: they have holds, choices, interrupts, grace periods, parameters.
const SCENARIOS: [&str; 5] = [
    "pte-free-defer/half-bits/callback-exit",
    "pte-free-defer/half-bits/batch-failure",
    "services/rcu-irq/bug",
    "services/alloc-failure/bug",
    "classic/irq-counter-4/static",
];

fn files(all: &[Scenario]) -> Vec<String> {
    let mut files = Vec::new();
    for scenario in all.iter().filter(|s| SCENARIOS.contains(&s.name.as_str())) {
        let params = &Params::defaults(&scenario.params);
        let hunt =
            Hunt { scenario, params, strategy: "random", seed: 1, shard: Shard::WHOLE, jobs: 1 };
        let hunted = hunt.run(0..1000, &|_: &Hunted| ControlFlow::Continue(()));
        let found = hunted.found.iter().take(3);
        let examples = found.map(|(signature, found)| Example::of_hunt(&hunt, signature, found));
        for mut example in examples {
            files.push(example.file.to_string());
            example.file.schedule = None;
            files.push(example.file.to_string());
        }
    }
    files
}

/// One edit that leaves words and lines whole, so that the file can often be read.
fn edit(lines: &mut Vec<String>, stream: &mut Stream) {
    let mut at = |n: usize| stream.below(n as u32) as usize;
    let (line, other) = (at(lines.len()), at(lines.len()));
    match at(7) {
        0 => lines.swap(line, other),
        1 => lines.insert(other, lines[line].clone()),
        2 if lines.len() > 1 => _ = lines.remove(line),
        3 => {
            let mut words: Vec<&str> = lines[line].split(' ').collect();
            let (from, to) = (at(words.len()), at(words.len()));
            words.swap(from, to);
            lines[line] = words.join(" ");
        }
        4 => {
            let words: Vec<&str> = lines[other].split(' ').collect();
            let word = words[at(words.len())].to_owned();
            let mut words: Vec<&str> = lines[line].split(' ').collect();
            let to = at(words.len());
            words[to] = &word;
            lines[line] = words.join(" ");
        }
        // Another number.
        5 => {
            let number = ["0", "2", "7", "65536", "4294967295", "18446744073709551615"][at(6)];
            let digits = |c: char| c.is_ascii_digit();
            if let Some(from) = lines[line].find(digits) {
                let rest = &lines[line][from..];
                let to = from + rest.find(|c| !digits(c)).unwrap_or(rest.len());
                lines[line].replace_range(from..to, number);
            }
        }
        _ => {
            let mut chars: Vec<char> = lines[line].chars().collect();
            if !chars.is_empty() {
                let from = at(chars.len());
                chars[from] = ['#', '=', ' ', '/', ':', 'x', '\u{1F600}'][at(7)];
            }
            lines[line] = chars.into_iter().collect();
        }
    }
}

#[test]
fn ten_thousand_damaged_files_are_refused_or_replayed() {
    let all = ksim_scenarios::all();
    let files = files(&all);
    assert!(files.len() >= SCENARIOS.len() * 2, "{} files", files.len());
    let mut executions: BTreeMap<&str, Execution<'_>> = BTreeMap::new();
    let (mut replayed, mut verdicts) = (0, BTreeMap::new());
    for index in 0..10_000 {
        let mut stream = Stream::new(1, index, "damage");
        let text = &files[index as usize % files.len()];
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for _ in 0..=stream.below(2) {
            edit(&mut lines, &mut stream);
        }
        let Ok(file) = ScheduleFile::parse(lines.join("\n").as_bytes()) else { continue };
        // As the command line does it: names that nobody knows are refused.
        let Some(scenario) = all.iter().find(|s| s.name == file.scenario) else { continue };
        let mut params = Params::defaults(&scenario.params);
        let mut set = |(name, value): &(String, u64)| params.set(&scenario.params, name, *value);
        if file.params.iter().any(|param| set(param).is_err())
            || (file.schedule.is_none() && strategies::by_name(&file.origin.strategy).is_none())
        {
            continue;
        }
        let new = || Execution::new(scenario);
        let execution = executions.entry(scenario.name.as_str()).or_insert_with(new);
        execution.params = params;
        let verdict = replay(execution, &file).verdict.to_string();
        replayed += 1;
        let kind = verdict.split(" at ").next().unwrap_or_default().to_owned();
        *verdicts.entry(kind).or_insert(0) += 1;
    }
    assert!(replayed > 1500, "only {replayed} of 10,000 could be read: {verdicts:?}");
    for verdict in ["reproduced", "another bug", "passed", "diverged"] {
        assert!(verdicts.contains_key(verdict), "never {verdict}: {verdicts:?}");
    }
}
