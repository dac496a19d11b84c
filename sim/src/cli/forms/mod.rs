//! Results for machines that run tests: one case for each scenario, in the form that they read.

mod github;
mod junit;
mod ktap;

use super::args::Form;
use super::error::Error;
use super::print;
use std::panic::Location;
use std::time::Duration;

/// What became of one scenario.
#[derive(Debug)]
pub(super) struct Case {
    /// The scenario.
    pub name: String,
    /// One line: how it went.
    pub note: String,
    /// Why it failed; nothing, if it did not.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub time: Duration,
}

/// One reason to fail.
#[derive(Debug)]
pub(super) struct Problem {
    /// The kind of a finding, or `missing`, or `not-deterministic`.
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// Everything else, without colors.
    pub text: String,
    /// The operation that failed, in the source of the scenario.
    pub place: Option<&'static Location<'static>>,
}

impl Problem {
    /// One that a line says, and that has no place.
    pub(super) fn of(kind: &'static str, title: String) -> Problem {
        Problem { kind, text: title.clone(), title, place: None }
    }
}

/// Writes cases as they come.
#[derive(Debug)]
pub(super) struct Forms {
    form: Form,
    names: Vec<String>,
    done: Vec<Case>,
}

impl Forms {
    /// For these scenarios. Writes what comes before the first.
    pub(super) fn new(form: Form, names: Vec<String>) -> Result<Forms, Error> {
        if form == Form::Ktap {
            print(&ktap::head(names.len()))?;
        }
        Ok(Forms { form, names, done: Vec::new() })
    }

    /// Writes one more case. As text it is `text`, which is made only then.
    pub(super) fn add(
        &mut self,
        case: Case,
        text: impl FnOnce(&Case) -> String,
    ) -> Result<(), Error> {
        match self.form {
            Form::Text => print(&text(&case))?,
            Form::Ktap => print(&ktap::case(self.done.len() + 1, &case))?,
            Form::Github => print(&github::case(&case))?,
            Form::Junit => {}
        }
        self.done.push(case);
        Ok(())
    }

    /// Writes what comes after the last; those that did not run are errors.
    pub(super) fn finish(self) -> Result<(), Error> {
        let missing = &self.names[self.done.len()..];
        match self.form {
            Form::Text | Form::Github => Ok(()),
            Form::Ktap => print(&ktap::missing(self.done.len() + 1, missing)),
            Form::Junit => print(&junit::suites(&self.done, missing)),
        }
    }
}
