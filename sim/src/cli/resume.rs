//! The results of a hunt on disk, so that it survives the process: `hunt --resume DIR`.
//!
//! Each scenario has a file of JSON Lines, which is only ever appended to: a header that says which
//! hunt it is, then a line for the runs of about half a second. A last line without its end, which a
//! kill or a full disk leaves behind, counts as not written. Findings are kept as signature and
//! index; running the index again brings back the rest.

use super::error::Error;
use crate::base::finding::{Finding, Signature};
use crate::choice::file::file_stem;
use crate::choice::strategies;
use crate::run::{Execution, Found, Hunt, Hunted, Watch};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The version of the format.
const FORMAT: u64 = 1;

/// How long results may be in memory alone.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// The file of a hunt.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    unwritten: Mutex<Unwritten>,
}

/// What is not in the file yet.
#[derive(Debug)]
struct Unwritten {
    file: File,
    done: Vec<Range<u64>>,
    hunted: Hunted,
    since: Instant,
    error: Option<io::Error>,
}

/// What a file says: the sum of its lines, and which indices they cover.
#[derive(Debug, Default)]
struct Sum {
    hunted: Hunted,
    done: Vec<Range<u64>>,
}

impl Log {
    /// Opens or creates the file of a hunt; also what was found so far, and the indices below `end`
    /// that are left.
    pub(super) fn open(
        dir: &Path,
        hunt: &Hunt<'_>,
        end: u64,
    ) -> Result<(Log, Hunted, Vec<Range<u64>>), Error> {
        let path = dir.join(format!("{}.hunt.jsonl", file_stem(&hunt.scenario.name)));
        let failed = |problem: String| Error::Resume { path: path.clone(), problem };
        let unwritable = |error: io::Error| failed(format!("{error}; {ANOTHER}"));
        fs::create_dir_all(dir).map_err(unwritable)?;
        let mut execution = Execution::with_params(hunt.scenario, hunt.params.clone());
        let header = header(hunt, &mut execution);
        let mut file = File::options().create(true).append(true).open(&path).map_err(unwritable)?;
        let bytes = fs::read(&path).map_err(unwritable)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let sum = if whole == 0 {
            let line = format!("{header}\n");
            if !line.as_bytes().starts_with(&bytes) {
                return Err(failed(format!("this is no file of a hunt; {ANOTHER}")));
            }
            file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).map_err(unwritable)?;
            Sum::default()
        } else {
            let sum = Sum::read(&bytes[..whole], &header).map_err(failed)?;
            file.set_len(whole as u64).map_err(unwritable)?;
            sum
        };
        let todo = sum.left(end).map_err(failed)?;
        let hunted = complete(sum.hunted, hunt, &mut execution).map_err(failed)?;
        let unwritten = Unwritten {
            file,
            done: Vec::new(),
            hunted: Hunted::default(),
            since: Instant::now(),
            error: None,
        };
        Ok((Log { path, unwritten: Mutex::new(unwritten) }, hunted, todo))
    }

    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().expect("nobody panics while writing")
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<(), Error> {
        let mut unwritten = self.unwritten();
        unwritten.write();
        match unwritten.error.take() {
            None => Ok(()),
            Some(error) => {
                let problem = format!("{error}; make room, then go on with the same --resume");
                Err(Error::Resume { path: self.path.clone(), problem })
            }
        }
    }
}

impl Unwritten {
    /// Appends a line. After an error nothing more is written: the line may be there in part.
    fn write(&mut self) {
        self.since = Instant::now();
        if self.error.is_some() || self.done.is_empty() {
            return;
        }
        let line = format!("{}\n", line(&joined(&mut self.done), &self.hunted));
        self.error = self.file.write_all(line.as_bytes()).err();
        self.done.clear();
        self.hunted = Hunted::default();
    }
}

/// A hunt that is watched and written down.
#[derive(Debug)]
pub(super) struct Logged<'a, W> {
    pub watch: &'a W,
    pub log: &'a Log,
}

impl<W: Watch> Watch for Logged<'_, W> {
    /// Without a place for its results a long hunt makes no sense.
    fn see(&self, so_far: &Hunted) -> ControlFlow<()> {
        match self.log.unwritten().error {
            Some(_) => ControlFlow::Break(()),
            None => self.watch.see(so_far),
        }
    }

    fn done(&self, indices: Range<u64>, part: &Hunted) {
        let mut unwritten = self.log.unwritten();
        unwritten.done.push(indices);
        unwritten.hunted.merge(part.clone());
        if unwritten.since.elapsed() >= WRITE_EVERY {
            unwritten.write();
        }
    }
}

const ANOTHER: &str = "name another folder with --resume";

/// Which hunt it is: whatever decides its results.
fn header(hunt: &Hunt<'_>, execution: &mut Execution<'_>) -> Value {
    if let Some(mut strategy) = strategies::by_name(hunt.strategy) {
        execution.run(&mut *strategy, hunt.seed, 0);
    }
    json!({
        "ksim-hunt": FORMAT,
        "ksim": crate::VERSION,
        "scenario": hunt.scenario.name,
        "params": hunt.params.iter().collect::<std::collections::BTreeMap<_, _>>(),
        "strategy": hunt.strategy,
        "seed": hunt.seed,
        "shard": format!("{}/{}", hunt.shard.part, hunt.shard.of),
        "trace": format!("{:016x}", execution.sim().trace().hash()),
    })
}

fn line(done: &[Range<u64>], hunted: &Hunted) -> Value {
    let found = |(signature, found): (&Signature, &Found)| {
        json!({
            "signature": signature.0,
            "count": found.count,
            "independent": found.independent,
            "first_index": found.first_index,
            "index": found.index,
            "steps": found.steps,
        })
    };
    json!({
        "done": done.iter().map(|range| [range.start, range.end]).collect::<Vec<_>>(),
        "runs": hunted.runs,
        "steps": hunted.steps,
        "failed": hunted.failed,
        "independent": hunted.independent,
        "cut": hunted.cut,
        "found": hunted.found.iter().map(found).collect::<Vec<_>>(),
    })
}

/// In order, and neighbours as one.
fn joined(ranges: &mut [Range<u64>]) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range.clone()),
        }
    }
    joined
}

impl Sum {
    /// Adds up complete lines, of which the first must be this header.
    fn read(bytes: &[u8], header: &Value) -> Result<Sum, String> {
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let first = lines.next().and_then(|line| serde_json::from_slice::<Value>(line).ok());
        same(first.as_ref().unwrap_or(&Value::Null), header)?;
        let mut sum = Sum::default();
        for (i, line) in lines.enumerate() {
            let part = serde_json::from_slice(line).ok().and_then(|line: Value| part(&line));
            let Some((done, hunted)) = part else {
                let line = i + 2;
                return Err(format!(
                    "line {line} is damaged; delete it and what follows, then go on from there"
                ));
            };
            sum.done.extend(done);
            sum.hunted.merge(hunted);
        }
        Ok(sum)
    }

    /// The indices below `end` that are not done.
    fn left(&self, end: u64) -> Result<Vec<Range<u64>>, String> {
        let mut done = self.done.clone();
        done.sort_by_key(|range| range.start);
        let (mut at, mut left) = (0, Vec::new());
        for range in done {
            if range.start < at {
                return Err(format!("two hunts have written to it at once; {ANOTHER}"));
            }
            left.push(at..range.start);
            at = range.end;
        }
        if at > end {
            return Err(format!("it has runs up to {at} already; give --runs {at} or more"));
        }
        left.push(at..end);
        left.retain(|range| !range.is_empty());
        Ok(left)
    }
}

/// Is it the same hunt?
fn same(first: &Value, header: &Value) -> Result<(), String> {
    let (Some(first), Some(header)) = (first.as_object(), header.as_object()) else {
        return Err(format!("this is no file of a hunt; {ANOTHER}"));
    };
    if !first.contains_key("ksim-hunt") {
        return Err(format!("this is no file of a hunt; {ANOTHER}"));
    }
    match header.iter().find(|(key, here)| first.get(*key) != Some(*here)) {
        None => Ok(()),
        Some((key, _)) if key == "trace" => {
            Err(format!("the scenario is not what it was when this hunt began; {ANOTHER}"))
        }
        Some((key, here)) => {
            let there = first.get(key).unwrap_or(&Value::Null);
            Err(format!("this is another hunt: {key} is {there} there and {here} here; {ANOTHER}"))
        }
    }
}

/// The inverse of [`line`], with findings of which only the kind is known.
fn part(line: &Value) -> Option<(Vec<Range<u64>>, Hunted)> {
    let range = |pair: &Value| Some(pair.get(0)?.as_u64()?..pair.get(1)?.as_u64()?);
    let ranges = line["done"].as_array()?.iter().map(range);
    let done = ranges.collect::<Option<Vec<_>>>()?;
    let mut hunted = Hunted {
        runs: line["runs"].as_u64()?,
        steps: line["steps"].as_u64()?,
        failed: line["failed"].as_u64()?,
        independent: line["independent"].as_u64()?,
        cut: line["cut"].as_u64()?,
        found: Default::default(),
    };
    for found in line["found"].as_array()? {
        let signature = Signature(found["signature"].as_str()?.to_owned());
        let finding = Finding {
            kind: signature.kind()?,
            headline: String::new(),
            object: String::new(),
            parties: Vec::new(),
            notes: Vec::new(),
            event: 0,
        };
        let found = Found {
            finding,
            count: found["count"].as_u64()?,
            independent: found["independent"].as_u64()?,
            first_index: found["first_index"].as_u64()?,
            index: found["index"].as_u64()?,
            steps: u32::try_from(found["steps"].as_u64()?).ok()?,
        };
        hunted.found.insert(signature, found);
    }
    done.iter().all(|range| range.start < range.end).then_some((done, hunted))
}

/// Brings back the findings by running their examples again.
fn complete(
    mut hunted: Hunted,
    hunt: &Hunt<'_>,
    execution: &mut Execution<'_>,
) -> Result<Hunted, String> {
    for (signature, found) in &mut hunted.found {
        if let Some(mut strategy) = strategies::by_name(hunt.strategy) {
            execution.run(&mut *strategy, hunt.seed, found.index);
        }
        let findings = &execution.sim().system().findings;
        let Some(finding) = findings.iter().find(|f| f.signature() == *signature) else {
            return Err(format!(
                "run {} no longer shows {signature}: the scenario has changed; {ANOTHER}",
                found.index
            ));
        };
        found.finding = finding.clone();
    }
    Ok(hunted)
}
