//! The command line: files, terminals and exit codes. Usable with anybody's scenarios; it comes with
//! the feature `cli`.
//!
//! ```no_run
//! use ksim::run::Scenario;
//!
//! fn main() -> std::process::ExitCode {
//!     let nothing = Scenario::new("nothing", "nothing happens", |sim, _| sim.cpus(1));
//!     ksim::cli::main(vec![nothing])
//! }
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the command line measures time and reads its arguments; the simulation sees values only"
)]

mod args;
mod bench_samplers;
mod check;
mod completions;
mod debug;
mod diff;
mod error;
mod examples;
mod explain;
mod forms;
mod hunt;
mod journal;
mod list;
mod man;
mod matrix;
mod progress;
mod prove;
mod published;
mod replay;
mod resume;
mod run;
mod save;
mod select;
mod show;
mod shrink;
mod snapshot;
mod style;
mod text;
mod told;
mod values;

use crate::run::Scenario;
use args::{Cli, Command};
use clap::{ColorChoice, FromArgMatches};
use error::Error;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Exit code when there is no verdict; `git bisect run` skips such a commit.
const UNJUDGED: u8 = 125;

/// What a command has to say in the end; the strongest of several counts.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// Nothing found, or as expected.
    Clean,
    /// No verdict.
    Unjudged,
    /// Something found, or not as expected.
    Found,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Clean => 0,
            Outcome::Unjudged => UNJUDGED,
            Outcome::Found => 1,
        })
    }
}

/// Runs the command line of this process over these scenarios; `main` returns what it returns.
///
/// # Panics
/// When two scenarios have the same name.
pub fn main(mut scenarios: Vec<Scenario>) -> ExitCode {
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = scenarios.windows(2).find(|pair| pair[0].name == pair[1].name) {
        panic!("two scenarios are called {:?}; rename one", pair[0].name);
    }
    let parsed = examples::command().try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are no errors.
            let judged = !usage.use_stderr();
            let printed = usage.print().is_ok();
            return if judged && printed { Outcome::Clean } else { Outcome::Unjudged }.into();
        }
    };
    match cli.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    // A scenario that misuses the library panics with a sentence; that is no verdict either.
    match catch_unwind(AssertUnwindSafe(|| command(&scenarios, &cli.command))) {
        Ok(Ok(outcome)) => outcome.into(),
        Ok(Err(Error::Output(error))) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Outcome::Unjudged.into()
        }
        Ok(Err(error)) => {
            anstream::eprintln!("{} {error}", style::bad("error:"));
            Outcome::Unjudged.into()
        }
        Err(_) => Outcome::Unjudged.into(),
    }
}

fn command(scenarios: &[Scenario], command: &Command) -> Result<Outcome, Error> {
    match command {
        Command::List(args) => list::list(scenarios, args),
        Command::Run(args) => run::run(scenarios, args),
        Command::Hunt(args) => hunt::hunt(scenarios, args),
        Command::Prove(args) => prove::prove(scenarios, args),
        Command::Replay(args) => replay::replay(scenarios, args),
        Command::Shrink(args) => shrink::shrink(scenarios, args),
        Command::Explain(args) => explain::explain(scenarios, args),
        Command::Show(args) => show::show(scenarios, args),
        Command::Debug(args) => debug::debug(scenarios, args),
        Command::Diff(args) => diff::diff(scenarios, args),
        Command::Matrix(args) => matrix::matrix(scenarios, args),
        Command::Check(args) => check::check(scenarios, args),
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => man::man(args),
        Command::BenchSamplers(args) => bench_samplers::bench(scenarios, args),
    }
}

/// Prints a result.
fn print(text: &str) -> Result<(), Error> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints the results of all scenarios as JSON.
fn print_results(results: &[serde_json::Value], seconds: f64) -> Result<(), Error> {
    let object = serde_json::json!({
        "results": results,
        "interrupted": progress::interrupted(),
        "timing": { "seconds": seconds },
    });
    print(&format!("{object:#}\n"))
}

/// The name of this program, for lines to repeat something.
fn program() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    let stem = path.as_deref().and_then(std::path::Path::file_stem);
    stem.map_or_else(|| "ksim".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
