//! Findings in words: many of one kind at one node are as good as some of them and their number.

use crate::execute::finding::{Finding, Severity};

/// How many findings of one kind about one node are told one by one.
const NAMED_MAX: usize = 10;

/// A line for each finding, and one for those that aren't told one by one.
pub(super) fn lines(findings: &[Finding]) -> Vec<(Severity, String)> {
    let mut lines = Vec::new();
    for alike in findings.chunk_by(are_alike) {
        let named = alike.iter().take(NAMED_MAX);
        lines.extend(named.map(|finding| (finding.severity, finding.to_string())));
        if let Some(more) = alike.get(NAMED_MAX..).filter(|more| !more.is_empty()) {
            let count = more.len();
            let text = format!("and {count} more like these (slotkit check --json names them all)");
            lines.push((more[0].severity, text));
        }
    }
    lines
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
