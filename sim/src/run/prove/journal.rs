//! What expanding points has yielded, as text: a search that takes it up again is where the one was
//! that wrote it, for merging the results is a pure function of them.
//!
//! One line each: `x EXECUTIONS STEPS` begins an expansion; `s AGENT EFFECTS` is somebody who sleeps
//! on later ways; `b CHOICES | WAY` a way, where `WAY` is `o KEY LEFT SLEEPERS` (open),
//! `e KEY CLASS` (ended), `r` (redundant) or `c` (cut), and `!` before it says that something was
//! found; `.` ends the expansion. What follows the last `.` was not written to its end.

use super::node::{Branch, Expansion, Left, Sleeping, Way};
use super::walker::Choice;
use crate::base::agent::AgentId;
use crate::base::footprint::{Access, Mode, Object};
use std::fmt::Write;
use std::str::FromStr;

/// Appends an expansion.
pub fn write(expansion: &Expansion, out: &mut String) {
    put(expansion, out).expect("writing to a string does not fail");
}

fn put(expansion: &Expansion, out: &mut String) -> std::fmt::Result {
    writeln!(out, "x {} {}", expansion.executions, expansion.steps)?;
    for Sleeping { agent, effects } in &expansion.slept {
        write!(out, "s {}", agent.0)?;
        for Access { object, mode } in &**effects {
            write!(out, " {}{:x}", letter(*mode), object.0)?;
        }
        out.push('\n');
    }
    for Branch { choices, way, shows, .. } in &expansion.branches {
        out.push('b');
        for Choice { agent, outcome } in choices {
            match outcome {
                0 => write!(out, " {}", agent.0)?,
                _ => write!(out, " {}.{outcome}", agent.0)?,
            }
        }
        out.push_str(if *shows { " |!" } else { " |" });
        match way {
            Way::Open { key, sleep, left } => {
                write!(out, " o {key:x} {:x}", left.number())?;
                sleep.iter().try_for_each(|s| write!(out, " {}", s.agent.0))?;
            }
            Way::Ended { key, class } => {
                out.push_str(" e");
                for number in [key, class] {
                    match number {
                        Some(n) => write!(out, " {n:x}")?,
                        None => out.push_str(" -"),
                    }
                }
            }
            Way::Redundant => out.push_str(" r"),
            Way::Cut => out.push_str(" c"),
        }
        out.push('\n');
    }
    out.push_str(".\n");
    Ok(())
}

fn letter(mode: Mode) -> char {
    match mode {
        Mode::Read => 'r',
        Mode::Write => 'w',
        Mode::Acquire => 'a',
        Mode::Release => 'u',
    }
}

/// Reads expansions.
#[derive(Debug)]
pub struct Reader<'t> {
    text: &'t str,
    whole: usize,
}

impl<'t> Reader<'t> {
    /// From the beginning of a text.
    pub fn new(text: &'t str) -> Reader<'t> {
        Reader { text, whole: 0 }
    }

    /// How many bytes were read.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// The next expansion, of a point where these sleep; `None` at the end, or if the rest was not
    /// written to its end.
    pub fn next(&mut self, sleep: &[Sleeping]) -> Result<Option<Expansion>, String> {
        let rest = &self.text[self.whole..];
        let Some(end) = rest.find("\n.\n") else { return Ok(None) };
        let mut expansion = Expansion::default();
        for line in rest[..end].lines() {
            parse(line, sleep, &mut expansion)
                .ok_or_else(|| format!("not a line of a search: {line:?}"))?;
        }
        self.whole += end + 3;
        Ok(Some(expansion))
    }
}

fn parse(line: &str, sleep: &[Sleeping], to: &mut Expansion) -> Option<()> {
    let (kind, rest) = line.split_once(' ')?;
    let mut words = rest.split(' ');
    match kind {
        "x" => {
            to.executions = number(words.next()?)?;
            to.steps = number(words.next()?)?;
        }
        "s" => {
            let agent = AgentId(number(words.next()?)?);
            let effects = words.map(access).collect::<Option<_>>()?;
            to.slept.push(Sleeping { agent, effects });
        }
        "b" => {
            let (choices, way) = rest.split_once('|')?;
            let choices = choices.split_whitespace().map(choice).collect::<Option<_>>()?;
            let shows = way.starts_with('!');
            let way = parse_way(way.trim_start_matches('!').trim(), sleep, &to.slept)?;
            to.branches.push(Branch { choices, way, shows, found: Vec::new() });
        }
        _ => return None,
    }
    Some(())
}

fn parse_way(way: &str, sleep: &[Sleeping], slept: &[Sleeping]) -> Option<Way> {
    let mut words = way.split(' ');
    let kind = words.next()?;
    Some(match kind {
        "o" => {
            let key = hex(words.next()?)?;
            let left = Left::from_number(u64::try_from(hex(words.next()?)?).ok()?);
            let known = |word: &str| {
                let agent = AgentId(number(word)?);
                sleep.iter().chain(slept).find(|s| s.agent == agent).cloned()
            };
            Way::Open { key, left, sleep: words.map(known).collect::<Option<_>>()? }
        }
        "e" => {
            let mut number = || match words.next()? {
                "-" => Some(None),
                digits => Some(Some(hex(digits)?)),
            };
            Way::Ended { key: number()?, class: number()? }
        }
        "r" => Way::Redundant,
        "c" => Way::Cut,
        _ => return None,
    })
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn hex(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

fn choice(text: &str) -> Option<Choice> {
    let (agent, outcome) = text.split_once('.').unwrap_or((text, "0"));
    Some(Choice { agent: AgentId(number(agent)?), outcome: number(outcome)? })
}

fn access(text: &str) -> Option<Access> {
    let mut chars = text.chars();
    let mode = match chars.next()? {
        'r' => Mode::Read,
        'w' => Mode::Write,
        'a' => Mode::Acquire,
        'u' => Mode::Release,
        _ => return None,
    };
    Some(Access { object: Object(u32::from_str_radix(chars.as_str(), 16).ok()?), mode })
}
