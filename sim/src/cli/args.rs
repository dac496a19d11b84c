//! The arguments, as `--help` shows them.

use super::values::{assignment, count, duration, index, part};
use crate::choice::strategies;
use crate::run::Shard;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes: 0 nothing found (check: as expected), 1 a finding (check: not as expected), 125 could \
not judge (unknown scenario, bad input, interrupted), so that `git bisect run` skips the commit.";

/// Deterministic simulation of kernel concurrency: finds a schedule that shows the bug.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Cli {
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: clap::ColorChoice,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The scenarios, and what each expects
    List(List),
    /// One execution of a seed, and its trace
    Run(Run),
    /// Search, fold the failures, shrink them, save schedules
    Hunt(Hunt),
    /// Explore every schedule, or every one within bounds
    Prove(Prove),
    /// Repeat the run of a schedule file, and say what became of its finding
    Replay(File),
    /// Shrink a schedule file further, in place
    Shrink(File),
    /// Which decisions of a schedule file matter, and the nearest run that passes
    Explain(Explain),
    /// The run of a schedule file, as text or as a picture
    Show(Show),
    /// Step back and forth in a run, as in gdb
    Debug(Debug),
    /// What changed in meaning from one run or snapshot to another, then in the text
    Diff(Diff),
    /// Designs against kinds of finding: found, proven absent within bounds, or unknown
    Matrix(Matrix),
    /// Every scenario against its expected verdict, and each seed run twice
    Check(Check),
    /// The script that completes this command line in a shell
    Completions(Completions),
    /// The manual page, or that of one command
    Man(Man),
    /// How many schedules each strategy needs until it shows the bug
    BenchSamplers(BenchSamplers),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only these, or those below them
    pub scenarios: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How runs are made.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Seed of the campaign
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How schedules are drawn
    #[arg(long, value_name = "NAME", default_value = strategies::DEFAULT)]
    pub strategy: String,
    /// Sets a parameter of the scenario (see `list`)
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<(String, u64)>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The scenario
    pub scenario: String,
    /// Which run of the campaign
    #[arg(long, value_name = "I", value_parser = index, default_value = "0")]
    pub index: u64,
    #[command(flatten)]
    pub source: Source,
}

#[derive(Debug, Args)]
pub(super) struct Hunt {
    /// The scenarios, or prefixes: all below them
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Runs for each scenario
    #[arg(long, value_name = "N", value_parser = count, default_value = "20000")]
    pub runs: u64,
    /// Time for all scenarios together, instead of a number of runs: 30s, 5m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "runs")]
    pub time: Option<Duration>,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub jobs: Jobs,
    /// Only part I of N of the runs, so that N machines share a hunt
    #[arg(long, value_name = "I/N", value_parser = part, default_value = "1/1")]
    pub shard: Shard,
    /// Where to save a schedule for each finding
    #[arg(long, value_name = "DIR", default_value = "ksim-out")]
    pub out: PathBuf,
    /// Keep the results in DIR while they come, and go on from those that are there
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The form of the results
    #[arg(long, default_value = "text", conflicts_with = "json")]
    pub format: Form,
}

#[derive(Debug, Args)]
pub(super) struct Jobs {
    /// Threads; the result does not depend on it [default: one for each processor]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
}

impl Jobs {
    pub(super) fn get(&self) -> u32 {
        let processors = || std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        self.jobs.unwrap_or_else(processors)
    }
}

#[derive(Debug, Args)]
pub(super) struct File {
    /// A schedule file that `hunt` has saved
    pub file: PathBuf,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  ksim show bug.ksim                                    the columns of a commit message
  ksim show bug.ksim --format html --out bug.html       a page for a browser; no network needed
  ksim show bug.ksim --format perfetto --out bug.pftrace    for https://ui.perfetto.dev
  ksim show bug.ksim --format trace-cmd --out trace.dat     for trace-cmd report and kernelshark";

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A schedule file that `hunt` has saved
    pub file: PathBuf,
    /// Random continuations from each point
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 100)]
    pub runs: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(super) struct Show {
    /// A schedule file that `hunt` has saved
    pub file: PathBuf,
    /// How to show it
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The form of results.
#[derive(Copy, Clone, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// Kernel Test Anything Protocol: a test for each scenario
    Ktap,
    /// JUnit XML
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// Columns, one for each CPU
    Text,
    /// One object with all steps and findings
    Json,
    /// One self-contained page
    Html,
    /// A trace for the Perfetto UI (binary)
    Perfetto,
    /// A trace.dat for trace-cmd and KernelShark (binary)
    TraceCmd,
}

const DEBUG_EXAMPLES: &str = "\
Commands come from a prompt, or from standard input or -e, where the first that fails ends all:
  ksim debug bug.ksim
  ksim debug SCENARIO --seed 7 --index 42
  ksim debug bug.ksim -e 'go finding' -e 'last-write mm.context.lock'
  ksim debug bug.ksim < commands
`help` at the prompt lists the commands. The exit code is that of `show`: 1 if the run has a finding.";

#[derive(Debug, Args)]
#[command(after_help = DEBUG_EXAMPLES)]
pub(super) struct Debug {
    /// A schedule file that `hunt` has saved, or a scenario
    #[arg(value_name = "FILE|SCENARIO")]
    pub run: String,
    /// Seed of the campaign, with a scenario [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Which run of the campaign, with a scenario [default: 0]
    #[arg(long, value_name = "I", value_parser = index)]
    pub index: Option<u64>,
    /// How the schedules of seeds are drawn
    #[arg(long, value_name = "NAME", default_value = strategies::DEFAULT)]
    pub strategy: String,
    /// Sets a parameter of the scenario (see `list`)
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<(String, u64)>,
    /// Carry out this command, and then the next, instead of standard input
    #[arg(short = 'e', long = "execute", value_name = "COMMAND")]
    pub execute: Vec<String>,
}

const SIDES: &str = "\
A and B are two runs or two snapshots:
  FILE                 a schedule file, or a snapshot (.snap)
  SCENARIO@SEED:INDEX  the run of a seed; SCENARIO@SEED is its first run
  SCENARIO@FILE        the schedule of a file, on another scenario

Examples:
  ksim diff old/half-bits__deadlock.snap new/half-bits__deadlock.snap
  ksim diff classic/abba@1:0 classic/abba@1:7
  ksim diff F.ksim pte-free-defer/half-bits-bh/flush-callback@F.ksim

Exit codes: 0 alike, 1 different, 125 could not compare.";

#[derive(Debug, Args)]
#[command(after_help = SIDES)]
pub(super) struct Diff {
    /// What it was
    pub a: String,
    /// What it is now
    pub b: String,
    /// How the schedules of seeds are drawn [default: as for `hunt`]
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Sets a parameter of the scenarios of seeds (see `list`)
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<(String, u64)>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Prove {
    /// The scenarios, or prefixes: all below them
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    #[command(flatten)]
    pub bounds: Bounds,
    /// Stop after about N executions of a scenario
    #[arg(long, value_name = "N", value_parser = count)]
    pub executions: Option<u64>,
    /// Stop after this time for each scenario: 30s, 5m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// Try steps that commute in every order, for comparison
    #[arg(long)]
    pub no_reduction: bool,
    /// Run each class of equivalent runs once, instead of merging equal states: on one thread, without
    /// bounds, from the start
    #[arg(long, conflicts_with_all = ["no_reduction", "bounds", "resume", "jobs"])]
    pub classes: bool,
    /// Write the search down in DIR, and go on from what is there
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Sets a parameter of the scenario (see `list`)
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<(String, u64)>,
    #[command(flatten)]
    pub jobs: Jobs,
    /// Where to save a schedule for each finding
    #[arg(long, value_name = "DIR", default_value = "ksim-out")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is not explored; without any of them, everything is.
#[derive(Copy, Clone, Debug, Args)]
#[group(id = "bounds", multiple = true)]
pub(super) struct Bounds {
    /// Only schedules that leave a context which could go on at most K times
    #[arg(long, value_name = "K", value_parser = bound())]
    pub preemptions: Option<u16>,
    /// Only schedules in which at most K interrupts come where their CPU could go on
    #[arg(long, value_name = "K", value_parser = bound())]
    pub interrupts: Option<u16>,
    /// Only schedules in which grace periods begin or end at most K times where a task could go on
    #[arg(long, value_name = "K", value_parser = bound())]
    pub grace_periods: Option<u16>,
    /// Only schedules in which at most K allocations fail
    #[arg(long, value_name = "K", value_parser = bound())]
    pub failures: Option<u16>,
}

fn bound() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(0..4096)
}

#[derive(Debug, Args)]
pub(super) struct Matrix {
    /// The family, or a part of it [default: the one with most scenarios]
    pub family: Option<String>,
    /// Only scenarios on at most two CPUs, and no hunts
    #[arg(long, conflicts_with_all = ["runs", "strategy"])]
    pub quick: bool,
    /// Give an exhaustive search up after about N executions
    #[arg(long, value_name = "N", value_parser = count, default_value = "2000000")]
    pub executions: u64,
    /// Runs of each scenario that is too large for an exhaustive search
    #[arg(long, value_name = "N", value_parser = count, default_value = "50000")]
    pub runs: u64,
    /// Seed of these runs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How their schedules are drawn
    #[arg(long, value_name = "NAME", default_value = strategies::DEFAULT)]
    pub strategy: String,
    #[command(flatten)]
    pub jobs: Jobs,
    /// Where to save a schedule for each finding
    #[arg(long, value_name = "DIR", default_value = "ksim-out")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Only these scenarios, or those below them
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Runs of each scenario at most; 1024 are enough for one whose expected findings have come
    #[arg(long, value_name = "N", value_parser = count, default_value = "20000")]
    pub runs: u64,
    /// Steps of each scenario, about, so that those with long runs do not take all the time; counted
    /// between batches of runs, of which the first has 64
    #[arg(long, value_name = "N", value_parser = count, default_value = "8e6")]
    pub steps: u64,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub jobs: Jobs,
    /// The form of the results
    #[arg(long, default_value = "text", conflicts_with = "json")]
    pub format: Form,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command; all of them in short unless given
    pub command: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct BenchSamplers {
    /// The scenarios, or prefixes: all below them that expect a finding
    #[arg(value_name = "SCENARIO", default_value = "classic")]
    pub scenarios: Vec<String>,
    /// The strategies, one column each
    #[arg(long = "strategy", value_name = "NAME", default_values = COLUMNS)]
    pub strategies: Vec<String>,
    /// Trials, one for each seed from 1
    #[arg(long, value_name = "N", value_parser = count, default_value = "100")]
    pub seeds: u64,
    /// Schedules after which a trial is given up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 1000)]
    pub limit: u32,
    #[command(flatten)]
    pub jobs: Jobs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is compared unless said otherwise; the default strategy comes last.
const COLUMNS: [&str; 6] = ["random", "urw", "pct3", "pos", "surw", strategies::DEFAULT];
