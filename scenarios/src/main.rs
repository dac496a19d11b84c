//! The command line over all scenarios of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    ksim::cli::main(ksim_scenarios::all())
}
