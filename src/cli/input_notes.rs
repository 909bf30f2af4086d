//! Notes on one input: what was found in it besides keys.

use super::terminal;
use crate::numbers::counted_text;
use crate::source::{Findings, Format};
use crate::tally::InputSummary;
use std::path::Path;

/// What an input's keys are called, and how many there are.
pub(super) fn counted(input: &InputSummary) -> (u64, &'static str) {
    if input.format.has_operations() {
        (input.operations, "operation")
    } else {
        (input.keys, "key")
    }
}

/// Whether it held nothing that could be counted.
pub(super) fn is_empty(input: &InputSummary) -> bool {
    input.keys == 0
        && input.operations == 0
        && input.findings.row_errors.count() == 0
        && input.findings.filtered_keys == 0
}

/// An input's path, behind that of the tally which it was saved in.
pub(super) fn path_text(input: &InputSummary) -> String {
    match &input.tally {
        Some(tally) => format!("{}: {}", tally.display(), input.path.display()),
        None => input.path.display().to_string(),
    }
}

/// Says what else was found in an input of keys, or operations.
pub(super) fn describe_findings(
    path: &str,
    what: &str,
    format: Option<Format>,
    findings: &Findings,
    file: &Path,
) {
    for note in &findings.notes {
        terminal::say(format!("{path}: {note}"));
    }
    let ambiguous = findings.ambiguous_keys;
    if ambiguous > 0 {
        let were = if ambiguous == 1 { "was" } else { "were" };
        terminal::say(format!(
            "{path}: {} {were} unescaped that could as well be meant as written; --escape raw in the writing tool is exact",
            counted_text(ambiguous, "key")
        ));
    }
    let filtered = findings.filtered_keys;
    if filtered > 0 {
        let were = if filtered == 1 { "was" } else { "were" };
        terminal::say(format!(
            "{path}: {} {were} left out by the filters",
            counted_text(filtered, what)
        ));
    }
    let row_errors = &findings.row_errors;
    let damage = row_errors.damage();
    let rows = row_errors.count() - u64::from(damage.is_some());
    if rows > 0 {
        let row = if format.is_some_and(Format::is_snapshot) {
            what
        } else {
            "row"
        };
        let counted = counted_text(rows, row);
        terminal::say(match rows {
            1 => format!("{path}: {counted} can't be read and is not counted:"),
            _ => format!("{path}: {counted} can't be read and are not counted; the first are"),
        });
        for row_error in row_errors.first() {
            terminal::say(format!("  {}", row_error.to_error(file).one_line()));
        }
    }
    if let Some(damage) = damage {
        terminal::say(format!(
            "{path}: it is damaged; what stands before the damage is counted:"
        ));
        terminal::say(format!("  {}", damage.to_error(file).one_line()));
    }
}
