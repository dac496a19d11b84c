//! Findings and schedules in text form.

use super::style::{bad, faint};
use crate::base::finding::Finding;
use crate::choice::Schedule;
use crate::trace::Trace;

/// The report of a finding; its headline stands out.
pub(super) fn finding(finding: &Finding, trace: &Trace) -> String {
    let report = crate::report::finding(finding, trace);
    report.replacen(&finding.headline, &bad(&finding.headline).to_string(), 1)
}

/// The deviations of a schedule.
pub(super) fn schedule(schedule: &Schedule) -> String {
    schedule.lines().map(|line| format!("  {}\n", faint(line))).collect()
}

/// The same without colors.
pub(super) fn plain_schedule(schedule: &Schedule) -> String {
    schedule.lines().map(|line| format!("  {line}\n")).collect()
}

/// Parameters as options.
pub(super) fn params(params: &[(String, u64)]) -> String {
    params.iter().map(|(name, value)| format!(" --param {name}={value}")).collect()
}
