//! Strings: so many bytes at a time.

use super::Walk;
use crate::cluster::verb::Verb;

/// The longest, bytes; `proto-max-bulk-len` is half of that unless somebody has raised it.
pub(super) const MAX_BYTES: u64 = 1 << 30;

pub(super) fn length(walk: &Walk) -> Verb {
    walk.verb("STRLEN", &[])
}

/// The bytes from here to there, both included.
pub(super) fn part(walk: &Walk, from: &[u8], last: &[u8]) -> Verb {
    walk.verb("GETRANGE", &[from, last])
}
