//! Tells findings in words: many of one kind are as good as some of them and their number.

use super::notice::{Notice, Observer};
use super::steps::BlockedSlots;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::finding::{Finding, FindingKind, Severity};
use crate::execute::preflight::{self, Blocks};
use crate::execute::survey::Survey;
use crate::slot::SlotSet;
use std::collections::BTreeMap;

/// How many findings of one kind about one node are told one by one.
const NAMED_MAX: usize = 10;
/// How many of one kind are told about all nodes.
const TOLD_MAX: usize = 30;

/// A line for each finding, and one for those that aren't told one by one.
pub fn lines(findings: &[Finding]) -> Vec<(Severity, String)> {
    let mut lines = Vec::new();
    let mut told: BTreeMap<(FindingKind, Severity), usize> = BTreeMap::new();
    let mut untold: BTreeMap<(FindingKind, Severity), usize> = BTreeMap::new();
    for alike in findings.chunk_by(are_alike) {
        let kind = (alike[0].kind, alike[0].severity);
        let room = TOLD_MAX.saturating_sub(*told.entry(kind).or_default());
        let named = alike.len().min(NAMED_MAX).min(room);
        *told.entry(kind).or_default() += named;
        let of_these = alike.iter().take(named);
        lines.extend(of_these.map(|finding| (finding.severity, finding.to_string())));
        let more = alike.len() - named;
        match (more, named) {
            (0, _) => {}
            // Nobody counts what is said of a thousand nodes, one line each.
            (_, 0) => *untold.entry(kind).or_default() += more,
            _ => lines.push((kind.1, more_like_these(more))),
        }
    }
    lines.extend(untold.into_iter().map(|((kind, severity), more)| {
        let kind = serde_json::to_value(kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default().to_owned();
        (severity, format!("{kind}: {}", more_like_these(more)))
    }));
    lines
}

/// Tells the warnings, and refuses when something forbids moving slots.
///
/// # Errors
/// [`ErrorKind::Unsafe`] with the first finding; the others are told before.
pub fn refuse_if_forbidden(observer: &dyn Observer, findings: &[Finding]) -> Result<()> {
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.iter().cloned().partition(Finding::forbids);
    for (_, warning) in lines(&warnings) {
        observer.notice(&Notice::Warning(warning));
    }
    let Some((first, more)) = errors.split_first() else {
        return Ok(());
    };
    for (_, error) in lines(more) {
        observer.notice(&Notice::Forbids(error));
    }
    Err(error(first))
}

/// Tells the warnings, and sorts what forbids a part of these moves, which an earlier run has
/// opened.
///
/// # Errors
/// As [`refuse_if_forbidden`], where something forbids all of them.
pub(super) fn blocked(
    observer: &dyn Observer,
    findings: &[Finding],
    survey: &Survey,
    moves: &[Move],
) -> Result<BlockedSlots> {
    let mut in_hand: SlotSet = moves.iter().map(|task| task.slot).collect();
    let (mut blocked, mut told) = (BlockedSlots::default(), Vec::new());
    for finding in findings {
        let slots = match preflight::blocked_by(finding, survey, moves) {
            Blocks::Slots(slots) if finding.forbids() => slots,
            _ => {
                told.push(finding.clone());
                continue;
            }
        };
        let held: SlotSet = slots
            .iter()
            .filter(|slot| in_hand.contains(*slot))
            .collect();
        blocked.slots.extend(slots.iter());
        if held.is_empty() {
            // What isn't in hand is for another run to fix.
            told.push(Finding {
                severity: Severity::Warning,
                ..finding.clone()
            });
            continue;
        }
        in_hand = in_hand
            .iter()
            .filter(|slot| !held.contains(*slot))
            .collect();
        blocked.held.push((held, error(finding)));
    }
    refuse_if_forbidden(observer, &told)?;
    Ok(blocked)
}

fn error(finding: &Finding) -> Error {
    Error::new(ErrorKind::Unsafe, finding.message.clone()).fix(finding.fix.clone())
}

fn more_like_these(count: usize) -> String {
    format!("and {count} more like these (slotkit check --json names them all)")
}

fn are_alike(one: &Finding, other: &Finding) -> bool {
    let about = |finding: &Finding| (finding.kind, finding.severity, finding.node);
    about(one) == about(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::finding::FindingKind;

    fn open(slot: u16) -> Finding {
        let message = format!("slot {slot} is open");
        Finding::error(FindingKind::OpenSlot, message, "close it")
    }

    #[test]
    fn many_of_one_kind_are_counted() {
        let mut all: Vec<Finding> = (0..12).map(open).collect();
        all.push(Finding::warning(
            FindingKind::NoReplica,
            "no replica",
            "add one",
        ));
        let told = lines(&all);
        assert_eq!(told.len(), NAMED_MAX + 2);
        assert_eq!(told[9].1, "slot 9 is open; close it");
        assert!(told[10].1.starts_with("and 2 more like these"), "{told:?}");
        assert_eq!(told[11].0, Severity::Warning);
        let few: Vec<Finding> = (0..10).map(open).collect();
        assert_eq!(lines(&few).len(), few.len());
    }
}
