//! Lists: so many elements at a time, each in its place.

use super::Walk;
use crate::cluster::verb::Verb;

pub(super) fn length(walk: &Walk) -> Verb {
    walk.verb("LLEN", &[])
}

/// The elements from here to there, both included.
pub(super) fn part(walk: &Walk, from: &[u8], last: &[u8]) -> Verb {
    walk.verb("LRANGE", &[from, last])
}
