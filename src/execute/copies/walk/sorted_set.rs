//! Sorted sets: each element's score is asked for on the target.

use super::{Element, Walk};
use crate::cluster::verb::{Reply, Verb};
use crate::execute::copies::values::number;

pub(super) fn length(walk: &Walk) -> Verb {
    walk.verb("ZCARD", &[])
}

pub(super) fn scan(walk: &Walk, cursor: &[u8], count: &[u8]) -> Verb {
    walk.verb("ZSCAN", &[cursor, b"COUNT", count])
}

pub(super) fn ask_for(walk: &Walk, elements: &[Element<'_>]) -> Vec<Verb> {
    let ask = |element: &Element<'_>| walk.verb("ZSCORE", &[element.name]);
    elements.iter().map(ask).collect()
}

/// Whether that is the element's score, however it is written.
pub(super) fn is_there(element: &Element<'_>, reply: &Reply) -> bool {
    let Reply::Text(score) = reply else {
        return false;
    };
    let score = number(score);
    score.is_some() && score == number(element.value)
}
