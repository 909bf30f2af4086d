//! Hashes: the values of so many fields are asked for on the target, and when they expire.

use super::{Element, Found, Step, Walk, decimal, equal_if, scan_on};
use crate::cluster::verb::{Reply, Verb};

pub(super) fn length(walk: &Walk) -> Verb {
    walk.verb("HLEN", &[])
}

pub(super) fn scan(walk: &Walk, cursor: &[u8], count: &[u8]) -> Verb {
    walk.verb("HSCAN", &[cursor, b"COUNT", count])
}

/// All fields at once; nothing where there is none.
pub(super) fn ask_for(walk: &Walk, elements: &[Element<'_>]) -> Vec<Verb> {
    if elements.is_empty() {
        return Vec::new();
    }
    let fields: Vec<&[u8]> = elements.iter().map(|element| element.name).collect();
    vec![walk.verb("HMGET", &fields)]
}

pub(super) fn is_there(element: &Element<'_>, reply: &Reply) -> bool {
    matches!(reply, Reply::Text(value) if value == element.value)
}

/// When these fields expire.
pub(super) fn lives(walk: &Walk, fields: &[Vec<u8>]) -> Verb {
    let many = decimal(fields.len() as u64);
    let mut rest: Vec<&[u8]> = vec![b"FIELDS", &many];
    rest.extend(fields.iter().map(Vec::as_slice));
    walk.verb("HPEXPIRETIME", &rest)
}

/// What comes after the values of some fields: when they expire, where a server may know that.
pub(super) fn after(walk: &Walk, elements: &[Element<'_>], cursor: &[u8]) -> Option<Step> {
    if !walk.has_lives || elements.is_empty() {
        return scan_on(cursor.to_vec());
    }
    let fields = elements.iter().map(|element| element.name.to_vec());
    Some(Step::Lives {
        fields: fields.collect(),
        cursor: cursor.to_vec(),
    })
}

/// A server that doesn't know the command knows no field that expires.
pub(super) fn compare_lives(
    walk: &mut Walk,
    fields: &[Vec<u8>],
    cursor: Vec<u8>,
    [mine, theirs]: [&[Reply]; 2],
) -> Found {
    let is_unknown = |replies: &[Reply]| matches!(replies, [Reply::Refused(_)]);
    if is_unknown(mine) && is_unknown(theirs) {
        walk.has_lives = false;
    }
    let lives = |replies: &[Reply]| match replies {
        [Reply::List(lives)] => lives.clone(),
        _ => vec![Reply::Int(-1); fields.len()],
    };
    equal_if(lives(mine) == lives(theirs), scan_on(cursor))
}
