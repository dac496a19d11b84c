//! Scenarios, parameters and strategies by the names that people type.

use super::error::Error;
use crate::choice::{Strategy, strategies};
use crate::run::{Params, Scenario};

/// How many similar names an error shows.
const NEAR: usize = 3;

/// All scenarios with these names or below them, each once, in order; all if no name is given.
pub(super) fn several<'s>(
    all: &'s [Scenario],
    names: &[String],
) -> Result<Vec<&'s Scenario>, Error> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|s| s.is_below(name))) {
        return Err(self::unknown(all, unknown));
    }
    let wanted = |s: &&Scenario| names.is_empty() || names.iter().any(|name| s.is_below(name));
    Ok(all.iter().filter(wanted).collect())
}

/// The error that no scenario has this name.
pub(super) fn unknown(all: &[Scenario], name: &str) -> Error {
    Error::UnknownScenario { name: name.to_owned(), near: near(all, name) }
}

/// The scenario with this name, or the only one below it.
pub(super) fn one<'s>(all: &'s [Scenario], name: &str) -> Result<&'s Scenario, Error> {
    if let Some(exact) = all.iter().find(|s| s.name == name) {
        return Ok(exact);
    }
    match several(all, &[name.to_owned()])?.as_slice() {
        [one] => Ok(one),
        more => {
            let some = more.iter().take(NEAR).map(|s| s.name.clone()).collect();
            Err(Error::SeveralScenarios { name: name.to_owned(), some })
        }
    }
}

/// The defaults of a scenario with these values.
pub(super) fn params(scenario: &Scenario, values: &[(String, u64)]) -> Result<Params, Error> {
    let mut params = Params::defaults(&scenario.params);
    for (i, (name, value)) in values.iter().enumerate() {
        if values[..i].iter().any(|(before, _)| before == name) {
            let problem = format!("parameter {name:?} is given twice");
            return Err(Error::Param { scenario: scenario.name.clone(), problem });
        }
        params
            .set(&scenario.params, name, *value)
            .map_err(|problem| Error::Param { scenario: scenario.name.clone(), problem })?;
    }
    Ok(params)
}

/// The parameters of each scenario. A value counts for those that know its name; at least one must.
pub(super) fn params_of_several(
    scenarios: &[&Scenario],
    values: &[(String, u64)],
) -> Result<Vec<Params>, Error> {
    let known = |s: &Scenario, name: &str| s.params.iter().any(|param| param.name == name);
    let stray = |(name, _): &&(String, u64)| !scenarios.iter().any(|s| known(s, name));
    if let (Some(value), Some(scenario)) = (values.iter().find(stray), scenarios.first()) {
        params(scenario, std::slice::from_ref(value))?;
    }
    let of = |scenario: &&Scenario| {
        let own = values.iter().filter(|(name, _)| known(scenario, name)).cloned();
        params(scenario, &own.collect::<Vec<_>>())
    };
    scenarios.iter().map(of).collect()
}

/// The strategy with this name.
pub(super) fn strategy(name: &str) -> Result<Box<dyn Strategy + Send>, Error> {
    strategies::by_name(name).ok_or_else(|| Error::UnknownStrategy { name: name.to_owned() })
}

/// Names, and prefixes of names, that look like `name`: the nearest first.
fn near(all: &[Scenario], name: &str) -> Vec<String> {
    let prefixes = |s: &Scenario| {
        let ends = s.name.match_indices('/').map(|(at, _)| at).chain([s.name.len()]);
        ends.map(|end| s.name[..end].to_owned()).collect::<Vec<_>>()
    };
    let mut known: Vec<String> = all.iter().flat_map(prefixes).collect();
    known.sort();
    known.dedup();
    let mut rated: Vec<(usize, String)> =
        known.into_iter().map(|k| (distance(name, &k), k)).collect();
    rated.sort();
    let limit = name.chars().count() / 3;
    let near = rated
        .into_iter()
        .filter(|(distance, known)| *distance <= limit || (name.len() > 2 && known.contains(name)));
    near.take(NEAR).map(|(_, known)| known).collect()
}

/// Letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Scenario> {
        let names =
            ["classic/abba", "pte/half-bits-bh/exit", "pte/half-bits/exit", "pte/half-bits/free"];
        names.map(|name| Scenario::new(name, "", |_, _| {})).to_vec()
    }

    fn names(found: Result<Vec<&Scenario>, Error>) -> Vec<String> {
        found.expect("known").into_iter().map(|s| s.name.clone()).collect()
    }

    #[test]
    fn prefixes_end_at_slashes() {
        let all = all();
        let below = |arg: &[&str]| {
            names(several(&all, &arg.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()))
        };
        assert_eq!(below(&["pte/half-bits"]), ["pte/half-bits/exit", "pte/half-bits/free"]);
        assert_eq!(below(&["pte/half-bits/exit", "pte/half-bits/"]).len(), 2);
        assert_eq!(below(&[]).len(), 4);
        assert_eq!(one(&all, "classic").expect("only one").name, "classic/abba");
    }

    #[test]
    fn errors_suggest_names() {
        let all = all();
        let text = |name: &str| one(&all, name).expect_err(name).to_string();
        assert_eq!(
            text("clasic/abba"),
            "there is no scenario \"clasic/abba\"; did you mean classic/abba?"
        );
        assert_eq!(text("ptee"), "there is no scenario \"ptee\"; did you mean pte?");
        assert_eq!(
            text("half-bits/free"),
            "there is no scenario \"half-bits/free\"; did you mean pte/half-bits/free?"
        );
        assert_eq!(text("zzzzzz"), "there is no scenario \"zzzzzz\"; `list` shows all of them");
        assert_eq!(
            text("pte/half-bits"),
            "\"pte/half-bits\" is not one scenario; give one, like pte/half-bits/exit or \
             pte/half-bits/free"
        );
    }
}
