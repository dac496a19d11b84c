//! Why a command could not judge. Each says what was wrong and what to do; the exit code is 125.

use crate::choice::ParseError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// See the module.
#[derive(Debug)]
pub(super) enum Error {
    /// No scenario has this name or lies below it.
    UnknownScenario { name: String, near: Vec<String> },
    /// One scenario is needed, and several lie below the name.
    SeveralScenarios { name: String, some: Vec<String> },
    /// No command has this name.
    UnknownCommand { name: String, names: Vec<String> },
    /// A parameter does not exist or is out of range.
    Param { scenario: String, problem: String },
    /// An option that would be ignored.
    NoEffect { option: &'static str, why: String },
    /// No strategy has this name.
    UnknownStrategy { name: String },
    /// A file cannot be read.
    Read { path: PathBuf, error: io::Error },
    /// A file is no schedule.
    Schedule { path: PathBuf, error: ParseError },
    /// A file is no snapshot.
    Snapshot { path: PathBuf },
    /// A scenario, where a run is needed.
    WhichRun { scenario: String },
    /// A run and a snapshot.
    NotComparable { a: String, b: String },
    /// A file does not hold the search that it should.
    Journal { path: PathBuf, problem: String },
    /// What is to be gone on with later cannot be written.
    Keep { path: PathBuf, error: io::Error },
    /// A folder or a file cannot be written.
    Write { path: PathBuf, error: io::Error },
    /// A file is in the way.
    InTheWay { path: PathBuf },
    /// A binary format, and standard output is a terminal.
    Binary { format: &'static str },
    /// A command of a script for the debugger.
    Command { number: usize, line: String, problem: String },
    /// The results of an earlier hunt cannot be gone on with.
    Resume { path: PathBuf, problem: String },
    /// Standard output is closed or full.
    Output(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownScenario { name, near } if near.is_empty() => {
                write!(f, "there is no scenario {name:?}; `list` shows all of them")
            }
            Error::UnknownScenario { name, near } => {
                write!(f, "there is no scenario {name:?}; did you mean {}?", near.join(" or "))
            }
            Error::SeveralScenarios { name, some } => {
                write!(f, "{name:?} is not one scenario; give one, like {}", some.join(" or "))
            }
            Error::UnknownCommand { name, names } => {
                write!(f, "there is no command {name:?}; there is {}", names.join(", "))
            }
            Error::Param { scenario, problem } => write!(f, "{scenario}: {problem}"),
            Error::NoEffect { option, why } => {
                write!(f, "{option} has no effect, since {why}; leave it out")
            }
            Error::UnknownStrategy { name } => {
                let names = crate::choice::strategies::NAMES.iter().map(|(name, _)| *name);
                let names: Vec<&str> = names.collect();
                let names = names.join(", ");
                write!(
                    f,
                    "there is no strategy {name:?}; there is {names} (and pct1 to pct9, delay1 to delay9)"
                )
            }
            Error::Journal { path, problem } => {
                write!(f, "{}: {problem}; remove it to begin anew", path.display())
            }
            Error::Read { path, error } => {
                write!(
                    f,
                    "cannot read {}: {error}; give the path of a schedule file",
                    path.display()
                )
            }
            Error::Schedule { path, error } => write!(f, "{}:{error}", path.display()),
            Error::Snapshot { path } => write!(
                f,
                "{}: this is not a snapshot of a report: give a .snap file that insta has written",
                path.display()
            ),
            Error::WhichRun { scenario } => write!(
                f,
                "{scenario} is a scenario; say which run of it: {scenario}@SEED, \
                 {scenario}@SEED:INDEX, or {scenario}@FILE"
            ),
            Error::NotComparable { a, b } => {
                write!(f, "{a} and {b}: compare a snapshot with a snapshot, a run with a run")
            }
            Error::Keep { path, error } => {
                let why = match error.kind() {
                    io::ErrorKind::AlreadyExists => "it is not a folder".to_owned(),
                    _ => error.to_string(),
                };
                let path = path.display();
                write!(f, "cannot write {path}: {why}; name another folder with --resume")
            }
            Error::Write { path, error } => {
                write!(f, "cannot write {}: {error}; name another place with --out", path.display())
            }
            Error::InTheWay { path } => write!(
                f,
                "{} exists and is not a schedule of this finding; move it away, or name another \
                 place with --out",
                path.display()
            ),
            Error::Binary { format } => {
                write!(f, "{format} is binary, which a terminal cannot show; use --out FILE")
            }
            Error::Command { number, line, problem } => {
                write!(f, "command {number} ({line}): {problem}")
            }
            Error::Resume { path, problem } => write!(f, "{}: {problem}", path.display()),
            Error::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read { error, .. }
            | Error::Keep { error, .. }
            | Error::Write { error, .. }
            | Error::Output(error) => Some(error),
            Error::Schedule { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    /// The only errors that are not given a place are those of standard output.
    fn from(error: io::Error) -> Error {
        Error::Output(error)
    }
}
