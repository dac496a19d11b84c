//! Schedule files: what one keeps of a finding. Text, one statement a line, `#` begins a comment.
//!
//! ```text
//! ksim-schedule 1
//! ksim 0.1.0
//! scenario pte-free-defer/half-bits/free-exit
//! param rounds = 2
//! origin random seed 1 index 37
//! hold cpu1/exit exit_mmap:mmdrop#1 until cpu0/free page_table_free:call_rcu#1
//! choose cpu0/free tlb_remove_table:alloc#1 = 1
//! finding use-after-free mm.context.lock in __tlb_remove_table:spin_lock_bh
//! trace 00c3fc1ebd2a5d8e
//! end
//! ```
//!
//! Unless a line `by-seed` stands in place of the deviations: then the run could not be brought
//! into this form, and its origin says how to repeat it.

use super::schedule::{Decision, Hold, Point, Schedule};
use crate::base::finding::Signature;
use crate::base::hash::StableHash;
use std::fmt;

/// The version of the format that this library writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Which run of which campaign a schedule was taken from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Name of the strategy.
    pub strategy: String,
    /// Seed of the campaign.
    pub seed: u64,
    /// Index of the run.
    pub index: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seed {} index {}", self.strategy, self.seed, self.index)
    }
}

/// A schedule with what is needed to replay it and to judge the replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleFile {
    /// Version of ksim that wrote it.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its parameters.
    pub params: Vec<(String, u64)>,
    /// The run from which it was taken.
    pub origin: Origin,
    /// The deviations; `None` if only the origin repeats the run.
    pub schedule: Option<Schedule>,
    /// The expected finding.
    pub signature: Signature,
    /// Hash of the expected trace.
    pub trace: u64,
}

/// What is wrong with a schedule file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.line, self.problem, self.remedy)
    }
}

impl std::error::Error for ParseError {}

const FOREIGN: &str = "give a file that `ksim hunt` has saved";
const NEWER: &str = "use the ksim that wrote it, or a newer one";
const DAMAGED: &str = "correct the line, or hunt for the finding again";
const TRUNCATED: &str = "get a complete copy, or hunt for the finding again";

impl fmt::Display for ScheduleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ksim-schedule {FORMAT}")?;
        writeln!(f, "ksim {}", self.version)?;
        writeln!(f, "scenario {}", self.scenario)?;
        for (name, value) in &self.params {
            writeln!(f, "param {name} = {value}")?;
        }
        writeln!(f, "origin {}", self.origin)?;
        match &self.schedule {
            Some(schedule) => schedule.lines().try_for_each(|line| writeln!(f, "{line}"))?,
            None => writeln!(f, "by-seed")?,
        }
        writeln!(f, "finding {}", self.signature)?;
        writeln!(f, "trace {:016x}", self.trace)?;
        writeln!(f, "end")
    }
}

/// The name of a scenario as part of the name of a file.
pub fn file_stem(scenario: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    scenario.replace('/', ".").chars().map(plain).collect()
}

impl ScheduleFile {
    /// What it is an example of: a hash of scenario, parameters and finding.
    pub fn identity(&self) -> u64 {
        let mut hash = StableHash::new();
        hash.text(&self.scenario).text(&self.signature.0);
        for (name, value) in &self.params {
            hash.text(name).num(*value);
        }
        hash.finish()
    }

    /// The name under which it is saved: scenario, kind, and a hash that tells the finding from
    /// others of its kind.
    pub fn file_name(&self) -> String {
        let kind = self.signature.kind().map_or("finding", |kind| kind.name());
        format!("{}.{kind}-{:08x}.ksim", file_stem(&self.scenario), self.identity() as u32)
    }

    /// The inverse of `Display`.
    ///
    /// # Errors
    /// When the text is not a complete schedule file of a version that this library knows.
    pub fn parse(bytes: &[u8]) -> Result<ScheduleFile, ParseError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
            ParseError { line, problem: "this is not text (UTF-8)".to_owned(), remedy: FOREIGN }
        })?;
        let mut reader = Reader::default();
        // Some editors put a byte-order mark before the first line.
        let text = text.trim_start_matches('\u{feff}');
        for (i, line) in text.lines().enumerate() {
            let line = without_comment(line).trim();
            reader.line = i + 1;
            if !line.is_empty() {
                reader.statement(line)?;
            }
        }
        reader.line = reader.line.max(1);
        reader.finish()
    }
}

/// The line up to a `#` that begins it or follows a space (a point has one in its middle).
fn without_comment(line: &str) -> &str {
    let begins =
        |at: &usize| line[..*at].chars().next_back().is_none_or(|before| before.is_whitespace());
    let comment = line.match_indices('#').map(|(at, _)| at).find(begins);
    &line[..comment.unwrap_or(line.len())]
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    line: usize,
    format: bool,
    version: Option<String>,
    scenario: Option<String>,
    params: Vec<(String, u64)>,
    origin: Option<Origin>,
    schedule: Schedule,
    by_seed: bool,
    signature: Option<Signature>,
    trace: Option<u64>,
    ended: bool,
}

impl Reader {
    fn error<T>(&self, problem: impl Into<String>, remedy: &'static str) -> Result<T, ParseError> {
        Err(ParseError { line: self.line, problem: problem.into(), remedy })
    }

    fn statement(&mut self, line: &str) -> Result<(), ParseError> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        if !self.format {
            return self.first(word, rest);
        }
        if self.ended {
            return self.error(format!("{line:?} stands behind the end"), DAMAGED);
        }
        let twice = match word {
            "ksim" => self.version.replace(rest.to_owned()).is_some(),
            "scenario" => self.scenario.replace(rest.to_owned()).is_some(),
            "origin" => {
                let origin = self.parsed(line, origin(rest))?;
                self.origin.replace(origin).is_some()
            }
            "finding" => {
                let signature = self.parsed(line, signature(rest))?;
                self.signature.replace(signature).is_some()
            }
            "trace" => {
                let hash = self.parsed(line, trace(rest))?;
                self.trace.replace(hash).is_some()
            }
            "by-seed" if rest.is_empty() => std::mem::replace(&mut self.by_seed, true),
            "end" if rest.is_empty() => std::mem::replace(&mut self.ended, true),
            _ => return self.repeatable(word, rest, line),
        };
        match twice {
            true => self.error(format!("a second line `{word}`"), DAMAGED),
            false => Ok(()),
        }
    }

    /// Statements of which there may be several.
    fn repeatable(&mut self, word: &str, rest: &str, line: &str) -> Result<(), ParseError> {
        match word {
            "param" => {
                let param = self.parsed(line, assignment(rest))?;
                self.params.push(param);
            }
            "hold" => {
                let hold = self.parsed(line, hold(rest))?;
                self.schedule.holds.push(hold);
            }
            "choose" => {
                let decision = self.parsed(line, decision(rest))?;
                self.schedule.decisions.push(decision);
            }
            _ => return self.error(format!("{line:?} is no statement of a schedule"), DAMAGED),
        }
        Ok(())
    }

    /// The first statement, which says that this is a schedule file.
    fn first(&mut self, word: &str, rest: &str) -> Result<(), ParseError> {
        if word != "ksim-schedule" {
            return self.error("this is not a schedule file of ksim", FOREIGN);
        }
        match rest.parse::<u32>() {
            Ok(FORMAT) => self.format = true,
            Ok(newer) if newer > FORMAT => {
                let problem = format!("the format is {newer}, and this ksim reads up to {FORMAT}");
                return self.error(problem, NEWER);
            }
            _ => return self.error(format!("{rest:?} is no version of the format"), DAMAGED),
        }
        Ok(())
    }

    fn parsed<T>(&self, line: &str, value: Option<T>) -> Result<T, ParseError> {
        match value {
            Some(value) => Ok(value),
            None => self.error(format!("cannot read {line:?}"), DAMAGED),
        }
    }

    fn finish(self) -> Result<ScheduleFile, ParseError> {
        if !self.format {
            return self.error("the file is empty", FOREIGN);
        }
        if !self.ended {
            return self.error("the file stops before its line `end`", TRUNCATED);
        }
        if self.by_seed && !self.schedule.is_empty() {
            return self.error("a schedule `by-seed` has no deviations", DAMAGED);
        }
        let line = self.line;
        let missing = |what: &str| ParseError {
            line,
            problem: format!("the file has no line `{what}`"),
            remedy: DAMAGED,
        };
        Ok(ScheduleFile {
            version: self.version.ok_or_else(|| missing("ksim"))?,
            scenario: self.scenario.ok_or_else(|| missing("scenario"))?,
            params: self.params,
            origin: self.origin.ok_or_else(|| missing("origin"))?,
            schedule: (!self.by_seed).then_some(self.schedule),
            signature: self.signature.ok_or_else(|| missing("finding"))?,
            trace: self.trace.ok_or_else(|| missing("trace"))?,
        })
    }
}

fn origin(text: &str) -> Option<Origin> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [strategy, "seed", seed, "index", index] = words[..] else { return None };
    Some(Origin {
        strategy: strategy.to_owned(),
        seed: seed.parse().ok()?,
        index: index.parse().ok()?,
    })
}

fn signature(text: &str) -> Option<Signature> {
    Some(Signature(text.to_owned())).filter(|signature| signature.kind().is_some())
}

fn trace(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| digits)
}

fn assignment(text: &str) -> Option<(String, u64)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    (!name.is_empty()).then_some((name.to_owned(), value.trim().parse().ok()?))
}

fn hold(text: &str) -> Option<Hold> {
    let (before, until) = text.split_once(" until ")?;
    Some(Hold { before: Point::parse(before.trim())?, until: Point::parse(until.trim())? })
}

fn decision(text: &str) -> Option<Decision> {
    let (at, outcome) = text.rsplit_once('=')?;
    Some(Decision { at: Point::parse(at.trim())?, outcome: outcome.trim().parse().ok()? })
}

#[cfg(test)]
mod tests;
