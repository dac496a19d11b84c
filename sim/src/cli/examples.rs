//! Examples, as `--help` and the manual pages show them with their commands.

use super::args::Cli;
use clap::CommandFactory;

const EXAMPLES: &[&str] = &[
    "ksim list",
    "ksim list kernel litmus",
    "ksim list pte-free-defer/half-bits --json",
    "ksim run services/rcu-irq/bug",
    "ksim run services/rcu-irq/bug --strategy random --seed 1 --index 7",
    "ksim hunt pte-free-defer/half-bits",
    "ksim hunt kernel --for 5m --json",
    "ksim hunt classic/stack --runs 1e6 --resume kept",
    "ksim hunt classic/stack --runs 1e9 --shard 3/64 --out shard-3",
    "ksim prove litmus",
    "ksim prove kernel --preemptions 2 --for 30s",
    "ksim replay ksim-out/services.rcu-irq.bug.use-after-free-12ab34cd.ksim",
    "git bisect run ksim replay the-bug.ksim",
    "ksim shrink the-bug.ksim",
    "ksim show the-bug.ksim",
    "ksim show the-bug.ksim --format json",
    "ksim check",
    "ksim check kernel litmus --json",
    "ksim completions bash > ~/.local/share/bash-completion/completions/ksim",
    "ksim completions zsh > ~/.zfunc/_ksim",
    "ksim completions fish > ~/.config/fish/completions/ksim.fish",
    "ksim man | man -l -",
    "ksim man hunt > ksim-hunt.1",
    "ksim bench-samplers classic/stack classic/account --strategy pos --strategy portfolio",
    "ksim debug the-bug.ksim",
    "ksim explain the-bug.ksim",
    "ksim matrix pte-free-defer --quick",
    "ksim matrix pte-free-defer/half-bits --json",
];

/// What is typed after the name of the program; the first word is the command.
fn words(example: &str) -> impl Iterator<Item = &str> {
    let typed = example.split(['|', '>']).next().unwrap_or_default();
    typed.split_whitespace().skip_while(|word| *word != "ksim").skip(1)
}

/// The whole command line, with its examples.
pub(super) fn command() -> clap::Command {
    Cli::command().mut_subcommands(|command| {
        // `--seed -1` is a number that is refused, not an unknown option.
        let command = command.mut_args(|arg| match arg.get_action().takes_values() {
            true => arg.allow_negative_numbers(true),
            false => arg,
        });
        let of = |example: &&&str| words(example).next() == Some(command.get_name());
        let lines = EXAMPLES.iter().filter(of).map(|line| format!("\n  {line}"));
        let examples = lines.collect::<String>();
        match command.get_after_help() {
            Some(_) if examples.is_empty() => command,
            Some(own) if own.to_string().contains("Examples:") => {
                let own = own.to_string().replacen("Examples:", &format!("Examples:{examples}"), 1);
                command.after_help(own)
            }
            Some(own) => {
                let own = own.to_string();
                command.after_help(format!("{own}\n\nExamples:{examples}"))
            }
            None => command.after_help(format!("Examples:{examples}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn every_command_has_examples_and_they_can_be_typed() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let own = command.get_after_help().is_some_and(|help| {
                help.to_string().contains(&format!("Examples:\n  ksim {name} "))
            });
            assert!(own || EXAMPLES.iter().any(|line| words(line).next() == Some(name)), "{name}");
        }
        for line in EXAMPLES {
            let words = ["ksim"].into_iter().chain(words(line));
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
