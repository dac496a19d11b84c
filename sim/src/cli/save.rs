//! Schedule files on disk.

use super::error::Error;
use crate::choice::ScheduleFile;
use std::fs;
use std::path::{Path, PathBuf};

/// Creates the folder for schedules and tries whether it can be written, so that a hunt does not
/// fail at its end.
pub(super) fn prepare(dir: &Path) -> Result<(), Error> {
    let probe = dir.join(".ksim-probe");
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&probe, []))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| Error::Write { path: dir.to_owned(), error })
}

/// Saves a schedule under the name of its finding; the same finding gets the same name. Overwrites
/// an older schedule of the same finding, and nothing else.
pub(super) fn save(dir: &Path, file: &ScheduleFile, headline: &str) -> Result<PathBuf, Error> {
    let path = dir.join(file.file_name());
    if path.exists() {
        let same = |old: &ScheduleFile| old.identity() == file.identity();
        if !read(&path).is_ok_and(|old| same(&old)) {
            return Err(Error::InTheWay { path });
        }
    }
    write(&path, file, headline)?;
    Ok(path)
}

/// Writes a schedule, whatever was there.
pub(super) fn write(path: &Path, file: &ScheduleFile, headline: &str) -> Result<(), Error> {
    let text = format!("# {}\n{file}", headline.replace(['\n', '\r'], " "));
    fs::write(path, text).map_err(|error| Error::Write { path: path.to_owned(), error })
}

/// Reads a schedule.
pub(super) fn read(path: &Path) -> Result<ScheduleFile, Error> {
    let bytes = fs::read(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
    ScheduleFile::parse(&bytes).map_err(|error| Error::Schedule { path: path.to_owned(), error })
}
