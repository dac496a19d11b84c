//! `ksim man`.

use super::error::Error;
use super::{Outcome, args, examples, print, program};

/// Prints the page of the whole program, or of one of its commands.
pub(super) fn man(args: &args::Man) -> Result<Outcome, Error> {
    let program: &'static str = program().leak();
    let mut all = examples::command().name(program);
    // Pages of commands are called by their full names, with the global options.
    all.build();
    let page = match &args.command {
        None => Some(&all),
        Some(name) => all.find_subcommand(name),
    };
    let Some(page) = page else {
        let name = args.command.clone().unwrap_or_default();
        let names = all.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        return Err(Error::UnknownCommand { name, names });
    };
    let mut out = Vec::new();
    let source = format!("{program} {}", crate::VERSION);
    clap_mangen::Man::new(page.clone()).source(source).render(&mut out)?;
    print(&String::from_utf8_lossy(&out))?;
    Ok(Outcome::Clean)
}
