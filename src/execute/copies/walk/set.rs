//! Sets: each element of the source is asked for on the target.

use super::{Element, Walk};
use crate::cluster::verb::{Reply, Verb};

pub(super) fn length(walk: &Walk) -> Verb {
    walk.verb("SCARD", &[])
}

pub(super) fn scan(walk: &Walk, cursor: &[u8], count: &[u8]) -> Verb {
    walk.verb("SSCAN", &[cursor, b"COUNT", count])
}

pub(super) fn ask_for(walk: &Walk, elements: &[Element<'_>]) -> Vec<Verb> {
    let ask = |element: &Element<'_>| walk.verb("SISMEMBER", &[element.name]);
    elements.iter().map(ask).collect()
}

pub(super) fn is_there(reply: &Reply) -> bool {
    matches!(reply, Reply::Int(1))
}
