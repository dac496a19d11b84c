//! ksim beside its nearest peer, a large machine beside a small one, and a hunt on two threads beside
//! the same on one.
//!
//! Both libraries run the same programs in one process, by turns, so that a slow spell of the
//! computer hits both. What is printed are medians over the rounds, and the extremes of the ratio.

#[path = "peers/hunt.rs"]
mod hunt;
#[path = "peers/ksim.rs"]
mod ksim;
#[path = "peers/scale.rs"]
mod scale;
#[path = "peers/shuttle.rs"]
mod shuttle;

use std::time::Duration;

const ROUNDS: usize = 9;

/// What one round has measured.
#[derive(Copy, Clone)]
struct Rate {
    schedules: u64,
    steps: u64,
    spent: Duration,
}

impl Rate {
    fn schedules_per_second(self) -> f64 {
        self.schedules as f64 / self.spent.as_secs_f64()
    }

    fn steps_per_second(self) -> f64 {
        self.steps as f64 / self.spent.as_secs_f64()
    }

    fn steps_per_schedule(self) -> f64 {
        self.steps as f64 / self.schedules as f64
    }

    fn nanoseconds_per_step(self) -> f64 {
        1e9 / self.steps_per_second()
    }
}

/// The middle of a list of numbers, with its least and greatest.
struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Spread {
            least: values[0],
            median: values[values.len() / 2],
            greatest: values[values.len() - 1],
        }
    }
}

fn main() {
    against_shuttle();
    large_against_small();
    two_jobs_against_one();
}

fn against_shuttle() {
    println!(
        "\nksim (random walk, trace kept, all detectors on) beside shuttle 0.9.9 (RandomScheduler)\n\
         \n\
         A main task starts the other tasks and joins them, in both. A step is a decision of the\n\
         scheduler. Rates are per second of this thread's CPU time, medians of {ROUNDS} rounds.\n\
         \n\
         counter2    2 tasks x 10 x (read; yield; write) of one word\n\
         lockpp      3 tasks x 20 x lock and unlock of one mutex\n\
         spawnheavy  8 tasks x 5 x atomic addition to one word\n"
    );
    println!(
        "{:<12}{:<9}{:>12}{:>12}{:>9}{:>11}   times shuttle's schedules/s",
        "program", "library", "schedules/s", "steps/s", "ns/step", "steps/run"
    );
    let programs: [(_, fn(), _, _); 3] = [
        (ksim::counter2(), shuttle::counter2, 4_000, "3"),
        (ksim::lockpp(), shuttle::lockpp, 2_000, "3"),
        (ksim::spawnheavy(), shuttle::spawnheavy, 3_000, "5"),
    ];
    let rounds: Vec<[(Rate, Rate); 3]> = (0..ROUNDS)
        .map(|_| {
            programs.each_ref().map(|(scenario, body, schedules, _)| {
                (ksim::rate(scenario, 3 * schedules), shuttle::rate(*body, *schedules))
            })
        })
        .collect();
    for (i, (scenario, _, _, aim)) in programs.iter().enumerate() {
        let times = Spread::of(
            rounds.iter().map(|r| r[i].0.schedules_per_second() / r[i].1.schedules_per_second()),
        );
        let ours: Vec<Rate> = rounds.iter().map(|r| r[i].0).collect();
        let theirs: Vec<Rate> = rounds.iter().map(|r| r[i].1).collect();
        row(&scenario.name, "ksim", &ours);
        let Spread { least, median, greatest } = times;
        println!("   {median:.1} ({least:.1} to {greatest:.1}); aim: {aim}");
        row("", "shuttle", &theirs);
        println!();
    }
}

fn row(program: &str, library: &str, rates: &[Rate]) {
    let median = |of: fn(Rate) -> f64| Spread::of(rates.iter().copied().map(of)).median;
    print!(
        "{program:<12}{library:<9}{:>12.0}{:>12.0}{:>9.1}{:>11.1}",
        median(Rate::schedules_per_second),
        median(Rate::steps_per_second),
        median(Rate::nanoseconds_per_step),
        median(Rate::steps_per_schedule),
    );
}

fn large_against_small() {
    println!(
        "\nA large machine beside a small one: tasks, one on each CPU, lock an object, change it,\n\
         unlock it and go on to the next, until as many steps are taken in both.\n"
    );
    println!("{:>6}{:>10}{:>12}{:>12}{:>9}", "CPUs", "objects", "steps/run", "steps/s", "ns/step");
    let sizes = [(2, 10), (64, 10_000)];
    let machines = sizes.map(|(cpus, objects)| scale::machine(cpus, objects));
    let rounds: Vec<[Rate; 2]> =
        (0..ROUNDS).map(|_| machines.each_ref().map(|machine| ksim::rate(machine, 10))).collect();
    for (i, (cpus, objects)) in sizes.into_iter().enumerate() {
        let median = |of: fn(Rate) -> f64| Spread::of(rounds.iter().map(|r| of(r[i]))).median;
        println!(
            "{cpus:>6}{objects:>10}{:>12.0}{:>12.0}{:>9.1}",
            median(Rate::steps_per_schedule),
            median(Rate::steps_per_second),
            median(Rate::nanoseconds_per_step),
        );
    }
    let ratio = Spread::of(
        rounds
            .iter()
            .map(|[small, large]| large.nanoseconds_per_step() / small.nanoseconds_per_step()),
    );
    let Spread { least, median, greatest } = ratio;
    println!("a step costs {median:.2} ({least:.2} to {greatest:.2}) times as much; limit: 1.5\n");
}

fn two_jobs_against_one() {
    println!(
        "\nA hunt on two threads beside the same on one: lockpp, whose tasks also count themselves\n\
         without the lock. On a busy computer, where two threads do not get two processors, the\n\
         second figure tells how much of their time is lost to one another.\n"
    );
    let scenario = hunt::scenario();
    let rounds: Vec<[hunt::Hunting; 2]> =
        (0..ROUNDS).map(|_| [1, 2].map(|jobs| hunt::on(&scenario, jobs))).collect();
    for [one, two] in &rounds {
        assert_eq!(one.hunted, two.hunted, "two jobs report something else than one");
    }
    let [one, _] = &rounds[0];
    println!(
        "{} runs, {} failed, {} findings: reported alike",
        one.hunted.runs,
        one.hunted.failed,
        one.hunted.found.len()
    );
    let seconds = |of: fn(&hunt::Hunting) -> Duration| {
        Spread::of(rounds.iter().map(|[one, two]| of(one).as_secs_f64() / of(two).as_secs_f64()))
    };
    let Spread { least, median, greatest } = seconds(|h| h.wall);
    println!("{median:.2} ({least:.2} to {greatest:.2}) times the schedules/s; aim: 1.8");
    let Spread { least, median, greatest } = seconds(|h| h.cpu);
    println!(
        "{:.2} ({:.2} to {:.2}) times with two processors to itself (by CPU time)\n",
        2.0 * median,
        2.0 * least,
        2.0 * greatest
    );
}
