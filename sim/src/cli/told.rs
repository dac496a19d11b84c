//! One bug shows in many scenarios of a family: it is told once, and summed up at the end.

use super::program;
use super::style::{bad, counted, faint};
use crate::base::finding::{Finding, Signature};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// What has been told so far, by signature.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<Signature, Tale>);

#[derive(Debug)]
struct Tale {
    headline: String,
    /// The scenario with which it was told.
    first: String,
    scenarios: u64,
    /// The file with the fewest deviations, and how many they are.
    best: Option<(usize, String)>,
}

impl Told {
    /// The scenario with which this finding was told, if it was.
    pub(super) fn before(&self, signature: &Signature) -> Option<&str> {
        self.0.get(signature).map(|tale| tale.first.as_str())
    }

    /// Remembers a finding of a scenario; `schedule` is where it was saved, and its deviations.
    pub(super) fn note(
        &mut self,
        scenario: &str,
        finding: &Finding,
        schedule: Option<(&Path, usize)>,
    ) {
        let tale = self.0.entry(finding.signature()).or_insert_with(|| Tale {
            headline: finding.headline.clone(),
            first: scenario.to_owned(),
            scenarios: 0,
            best: None,
        });
        tale.scenarios += 1;
        if let Some((path, deviations)) = schedule
            && tale.best.as_ref().is_none_or(|(known, _)| deviations < *known)
        {
            tale.best = Some((deviations, path.display().to_string()));
        }
    }

    /// All findings, each once, those of most scenarios first. Empty if there are none, or if there
    /// was only one scenario, which has told them.
    pub(super) fn summary(&self, scenarios: u64) -> String {
        if self.0.is_empty() || scenarios < 2 {
            return String::new();
        }
        let mut out = format!(
            "{} in {}:\n",
            counted(self.0.len() as u64, "different finding"),
            counted(scenarios, "scenario")
        );
        let mut tales: Vec<(&Signature, &Tale)> = self.0.iter().collect();
        tales.sort_by_key(|(signature, tale)| (u64::MAX - tale.scenarios, *signature));
        for (signature, tale) in tales {
            _ = writeln!(out, "\n{}\n  {}", bad(&tale.headline), faint(signature));
            _ = write!(out, "  in {}", counted(tale.scenarios, "scenario"));
            if let Some((deviations, path)) = &tale.best {
                let deviations = counted(*deviations as u64, "deviation");
                _ = write!(out, "; {deviations}: {} replay {path}", program());
            }
            out.push('\n');
        }
        out
    }
}
