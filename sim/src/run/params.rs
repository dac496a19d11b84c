//! Parameters of a scenario: named whole numbers with a default and a range.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A parameter that a scenario understands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its value unless said otherwise.
    pub default: u64,
    /// The smallest value that makes sense.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

/// Values of all parameters of a scenario.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Params(IndexMap<&'static str, u64, FxBuildHasher>);

impl Params {
    /// The defaults.
    pub fn defaults(params: &[Param]) -> Params {
        Params(params.iter().map(|p| (p.name, p.default)).collect())
    }

    /// The value of a parameter.
    ///
    /// # Panics
    /// When the scenario has not declared it.
    #[track_caller]
    pub fn get(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(value) => *value,
            None => panic!("the scenario has not declared a parameter {name:?}"),
        }
    }

    /// Sets one; the error says what is possible.
    ///
    /// # Errors
    /// When there is no such parameter, or the value is out of its range.
    pub fn set(&mut self, known: &[Param], name: &str, value: u64) -> Result<(), String> {
        let Some(param) = known.iter().find(|p| p.name == name) else {
            let names: Vec<&str> = known.iter().map(|p| p.name).collect();
            return Err(match names.as_slice() {
                [] => format!("there is no parameter {name:?}; this scenario has none"),
                names => format!("there is no parameter {name:?}; there is {}", names.join(", ")),
            });
        };
        if !(param.min..=param.max).contains(&value) {
            return Err(format!(
                "{name} = {value} is out of range; it goes from {} to {}",
                param.min, param.max
            ));
        }
        self.0.insert(param.name, value);
        Ok(())
    }

    /// All of them, as a schedule file lists them.
    pub fn listed(&self) -> Vec<(String, u64)> {
        self.iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// All of them, in the order in which the scenario declares them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, value)| (*name, *value))
    }
}
