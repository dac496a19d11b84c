//! `ksim list`.

use super::error::Error;
use super::style::{faint, title};
use super::{Outcome, args, print, select};
use crate::run::Scenario;
use serde_json::{Value, json};
use std::fmt::Write;

/// Prints the scenarios, what each expects, and its parameters.
pub(super) fn list(all: &[Scenario], args: &args::List) -> Result<Outcome, Error> {
    let scenarios = select::several(all, &args.scenarios)?;
    if args.json {
        let object = json!({ "scenarios": scenarios.iter().map(|s| json(s)).collect::<Vec<_>>() });
        print(&format!("{object:#}\n"))?;
    } else {
        print(&scenarios.iter().map(|s| text(s)).collect::<String>())?;
    }
    Ok(Outcome::Clean)
}

fn json(scenario: &Scenario) -> Value {
    let param = |p: &crate::run::Param| {
        json!({
            "name": p.name, "about": p.about, "default": p.default, "min": p.min, "max": p.max,
        })
    };
    json!({
        "name": scenario.name,
        "about": scenario.about,
        "source": scenario.source,
        "family": scenario.family(),
        "expect": scenario.expect.kinds().iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "params": scenario.params.iter().map(param).collect::<Vec<_>>(),
    })
}

fn text(scenario: &Scenario) -> String {
    let mut out = format!("{}\n", title(&scenario.name));
    _ = writeln!(out, "    {}", scenario.about);
    _ = writeln!(out, "    expects {}", scenario.expect);
    if !scenario.source.is_empty() {
        _ = writeln!(out, "    {}", faint(&scenario.source));
    }
    for p in &scenario.params {
        let range = format!("{} to {}, default {}", p.min, p.max, p.default);
        _ = writeln!(out, "    --param {}: {} ({range})", p.name, p.about);
    }
    out
}
