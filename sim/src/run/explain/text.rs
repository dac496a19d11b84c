//! An explanation in words.

use super::{Explanation, Passing, Share, Turn, Weight};
use std::fmt;

/// Columns before a line is broken.
const WIDTH: usize = 100;

/// Per cent by which shares of the same probability may differ.
const NOISE: u32 = 5;

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} %", self.percent()))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.curve.first().map_or(0, |turn| turn.share.of);
        let note = format!("share of {runs} random continuations that fail");
        if !self.weights.is_empty() {
            writeln!(f, "What it takes ({note}: before, after, if reversed):")?;
            self.weights.iter().try_for_each(|weight| weight.write(f))?;
            writeln!(f)?;
            writeln!(f, "How likely it is along the run:")?;
        } else {
            writeln!(f, "How likely it is along the run ({note}):")?;
        }
        self.write_curve(f)?;
        match &self.passing {
            Some(passing) => passing.write(f),
            None => writeln!(f, "\nNo run near it passes."),
        }
    }
}

impl Explanation {
    /// Where nothing is decided a line would say nothing: only jumps are shown.
    fn write_curve(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last: Option<u32> = None;
        for Turn { step, share } in &self.curve {
            let jumps = last.is_none_or(|last| share.percent().abs_diff(last) >= NOISE);
            if !jumps {
                continue;
            }
            last = Some(share.percent());
            match self.trace.steps.get(*step) {
                Some(next) => {
                    let agent = &self.trace.agent(next).name;
                    writeln!(f, "{share:>7}  before {agent} does {}", next.call())?;
                }
                None => writeln!(f, "{share:>7}  at the end")?,
            }
        }
        Ok(())
    }
}

impl Weight {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Weight { deviation, before, made, reversed, .. } = self;
        let reversed = reversed.map_or("–".to_owned(), |share| share.to_string());
        let line = format!("{before:>7} {made:>6} {reversed:>6}  {deviation}");
        match deviation.split_once(" until ") {
            Some((held, until)) if line.chars().count() > WIDTH => {
                writeln!(f, "{before:>7} {made:>6} {reversed:>6}  {held}")?;
                writeln!(f, "{:27}until {until}", "")
            }
            _ => writeln!(f, "{line}"),
        }
    }
}

impl Passing {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let common = match self.common {
            0 => "from its first step on".to_owned(),
            1 => "after one step".to_owned(),
            n => format!("after {n} steps"),
        };
        writeln!(f, "\nThe nearest run that passes differs {common}.")?;
        if let Some(deviation) = &self.without {
            writeln!(f, "It lacks\n    {}", deviation.replace(" until ", "\n        until "))?;
        }
        let Some((first, second)) = &self.pair else { return Ok(()) };
        writeln!(f, "It fails if\n    {first}")?;
        writeln!(f, "comes before\n    {second}")
    }
}
