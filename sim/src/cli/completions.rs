//! `ksim completions`.

use super::error::Error;
use super::{Outcome, args, examples, print, program};

/// Prints the script that completes this command line in a shell.
pub(super) fn completions(args: &args::Completions) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut examples::command(), program(), &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Clean)
}
