//! Commands of a MONITOR log that name no key, and the time that the log spans.

use super::commands::Command;

/// What a log of MONITOR has besides keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Commands without a key.
    pub keyless: Vec<Command>,
    /// How many commands scripts ran.
    pub scripted: u64,
    /// The times of the first and the last command, in microseconds since 1970.
    pub span_us: Option<(u64, u64)>,
}

impl Calls {
    /// Forgets everything; the buffer stays.
    pub(super) fn clear(&mut self) {
        self.keyless.clear();
        (self.scripted, self.span_us) = (0, None);
    }
}

/// A span that has both; nothing is known of nothing.
pub(crate) fn joined_spans(
    one: Option<(u64, u64)>,
    other: Option<(u64, u64)>,
) -> Option<(u64, u64)> {
    match (one, other) {
        (Some((begin, end)), Some((from, to))) => Some((begin.min(from), end.max(to))),
        (one, other) => one.or(other),
    }
}
