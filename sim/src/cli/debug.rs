//! `ksim debug`: a prompt, or a script, over a [`Session`].

use super::error::Error;
use super::style::{bad, counted, faint, title};
use super::{Outcome, args, print, replay, select};
use crate::choice::follow::Follow;
use crate::run::debug::{Debugger, Reply, Session};
use crate::run::sim::Stop;
use crate::run::{Execution, Params, Scenario};
use crate::trace::Trace;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};
use std::io::{BufRead, IsTerminal};
use std::path::Path;

/// Debugs the run of a schedule file or of a seed.
pub(super) fn debug(all: &[Scenario], args: &args::Debug) -> Result<Outcome, Error> {
    let is_file = |name: &str| Path::new(name).is_file() || name.ends_with(".ksim");
    let run = if is_file(&args.run) { of_file(all, args)? } else { of_seed(all, args)? };
    let outcome = match (run.findings(), run.stop()) {
        ([], Stop::Cut) => Outcome::Unjudged,
        ([], _) => Outcome::Clean,
        _ => Outcome::Found,
    };
    let (scenario, params) = (run.scenario(), run.params().clone());
    let strategy = args.strategy.clone();
    let load = move |words: &[&str]| match words {
        [path] if is_file(path) => trace_of_file(all, path),
        [seed] => trace_of_seed(scenario, &params, &strategy, seed, "0"),
        [seed, index] => trace_of_seed(scenario, &params, &strategy, seed, index),
        _ => Err("say one file, or a seed and an index".to_owned()),
    };
    let session = Session::new(run, Box::new(load));
    if !args.execute.is_empty() {
        script(session, args.execute.iter().cloned().map(Ok))?;
    } else if std::io::stdin().is_terminal() {
        prompt(session)?;
    } else {
        script(session, std::io::stdin().lock().lines())?;
    }
    Ok(outcome)
}

fn of_file<'s>(all: &'s [Scenario], args: &args::Debug) -> Result<Debugger<'s>, Error> {
    let (file, execution) = replay::open(all, Path::new(&args.run))?;
    // The strategy counts: the session may compare the run with that of a seed.
    let given = [
        ("--seed", args.seed.is_some()),
        ("--index", args.index.is_some()),
        ("--param", !args.params.is_empty()),
    ];
    if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
        let why = format!("the schedule file {} says what is run", args.run);
        return Err(Error::NoEffect { option, why });
    }
    let Execution { scenario, params, .. } = execution;
    let Some(schedule) = &file.schedule else {
        let origin = &file.origin;
        let mut strategy = select::strategy(&origin.strategy)?;
        return Ok(Debugger::new(scenario, params, &mut *strategy, origin.seed, origin.index));
    };
    let mut follow = Follow::new(schedule);
    let run = Debugger::new(scenario, params, &mut follow, 0, 0);
    if let Some(k) = follow.diverged() {
        replay::warn_diverged(&file, k);
    }
    Ok(run)
}

fn of_seed<'s>(all: &'s [Scenario], args: &args::Debug) -> Result<Debugger<'s>, Error> {
    let scenario = select::one(all, &args.run)?;
    let params = select::params(scenario, &args.params)?;
    let mut strategy = select::strategy(&args.strategy)?;
    let (seed, index) = (args.seed.unwrap_or(1), args.index.unwrap_or(0));
    Ok(Debugger::new(scenario, params, &mut *strategy, seed, index))
}

fn trace_of_file(all: &[Scenario], path: &str) -> Result<Trace, String> {
    let (file, mut execution) = replay::open(all, Path::new(path)).map_err(|e| e.to_string())?;
    Ok(crate::run::replay::replay(&mut execution, &file).trace)
}

fn trace_of_seed(
    scenario: &Scenario,
    params: &Params,
    strategy: &str,
    seed: &str,
    index: &str,
) -> Result<Trace, String> {
    let number = |text: &str| {
        text.parse().map_err(|_| format!("{text:?} is neither a schedule file nor a number"))
    };
    let (seed, index) = (number(seed)?, number(index)?);
    let mut strategy = select::strategy(strategy).map_err(|e| e.to_string())?;
    let mut execution = Execution::with_params(scenario, params.clone());
    execution.run(&mut *strategy, seed, index);
    Ok(execution.sim().trace())
}

/// Carries out commands up to the first that cannot be.
fn script(
    mut session: Session<'_>,
    lines: impl Iterator<Item = std::io::Result<String>>,
) -> Result<(), Error> {
    for (n, line) in lines.enumerate() {
        let failed =
            |line: String, problem: String| Error::Command { number: n + 1, line, problem };
        let line = line.map_err(|e| failed("standard input".to_owned(), e.to_string()))?;
        match session.execute(&line) {
            Ok(Reply::Text(text)) => print(&styled(&text))?,
            Ok(Reply::Quit) => break,
            Err(problem) => return Err(failed(line, problem)),
        }
    }
    Ok(())
}

/// Asks for commands on the terminal.
fn prompt(mut session: Session<'_>) -> Result<(), Error> {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let commands = Session::commands().map(str::to_owned).collect();
    let words = Words { commands, names: session.names() };
    let mut editor: Editor<Words, DefaultHistory> =
        Editor::with_config(config.build()).map_err(terminal)?;
    editor.set_helper(Some(words));
    print(&styled(&greeting(&session)))?;
    let mut last = String::new();
    loop {
        let line = match editor.readline("(ksim) ") {
            Ok(line) if line.trim().is_empty() => last.clone(),
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(terminal(error)),
        };
        match session.execute(&line) {
            Ok(Reply::Text(text)) => print(&styled(&text))?,
            Ok(Reply::Quit) => return Ok(()),
            Err(problem) => print(&format!("{} {problem}\n", bad("error:")))?,
        }
        last = line;
    }
}

fn terminal(error: ReadlineError) -> Error {
    Error::Output(std::io::Error::other(error))
}

fn greeting(session: &Session<'_>) -> String {
    let run = session.run();
    let steps = counted(run.end().into(), "step");
    let mut text = format!("{}: {steps}\n", title(&run.scenario().name));
    for finding in run.findings() {
        text.push_str(&format!("  *** {} ***\n", finding.headline));
    }
    text + &faint("help lists the commands; go finding is a good start\n")
}

/// What stands out on a terminal: the position, and what was found.
fn styled(text: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        found if found.starts_with("*** ") => bad(line),
        here if here.starts_with("=>") => title(line),
        _ => line.to_owned(),
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// Completes commands, and behind them everything that the run names.
struct Words {
    commands: Vec<String>,
    names: Vec<String>,
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = line[..pos].rfind(char::is_whitespace).map_or(0, |i| i + 1);
        let words = if start == 0 { &self.commands } else { &self.names };
        let fits = words.iter().filter(|w| w.starts_with(&line[start..pos]));
        Ok((start, fits.cloned().collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}
