//! The file in which `ksim prove` keeps a search, to go on with later.

use super::error::Error;
use crate::run::prove::{Search, Settings};
use crate::run::{Params, Scenario};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A text file that only grows. Its first line says of which search it is.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of this search; takes up what is in it.
    pub(super) fn open(
        dir: &Path,
        scenario: &Scenario,
        params: &Params,
        settings: &Settings,
        search: &mut Search<'_>,
    ) -> Result<Journal, Error> {
        let path = dir.join(format!("{}.prove", scenario.name.replace('/', "__")));
        let failed = |error| Error::Keep { path: path.clone(), error };
        let refused = |problem| Error::Journal { path: path.clone(), problem };
        fs::create_dir_all(dir).map_err(|error| Error::Keep { path: dir.to_owned(), error })?;
        let head = head(scenario, params, settings);
        let mut text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::Read { path, error }),
        };
        // A first line that was not written to its end.
        if !text.contains('\n') {
            text.clear();
        }
        let mut whole = 0;
        if !text.is_empty() {
            let rest = text.strip_prefix(&head).ok_or_else(|| {
                let first = text.lines().next().unwrap_or_default();
                refused(format!("of another search: {first:?}, not {:?}", head.trim_end()))
            })?;
            whole = head.len() + search.take_up(rest).map_err(refused)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        file.set_len(whole as u64).map_err(failed)?;
        let mut journal = Journal { path, file };
        if whole == 0 {
            journal.append(&head)?;
        }
        // From now on it is written down.
        _ = search.take_journal();
        Ok(journal)
    }

    /// Adds to it.
    pub(super) fn append(&mut self, text: &str) -> Result<(), Error> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| Error::Keep { path: self.path.clone(), error })
    }
}

/// What must be the same for a search to be gone on with; limits and jobs need not.
fn head(scenario: &Scenario, params: &Params, settings: &Settings) -> String {
    let params: String = params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let Settings { preemptions, interrupts, grace_periods, failures, reduce, .. } = *settings;
    let bounds = [preemptions, interrupts, grace_periods, failures].map(|bound| match bound {
        Some(bound) => bound.to_string(),
        None => "-".to_owned(),
    });
    format!(
        "ksim-prove 1 {} {}{params} bounds={} reduce={reduce}\n",
        crate::VERSION,
        scenario.name,
        bounds.join(",")
    )
}
