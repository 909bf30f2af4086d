//! What is read in a scan: sets, sorted sets and hashes, whose elements have no place.

use super::{Element, Found, Kind, Walk, equal_if, hash, odd, scan_on, set, sorted_set};
use crate::cluster::verb::{Reply, Verb};

/// What is asked of the target about the elements that the source has given.
pub(super) fn ask_for(walk: &Walk, mine: &[Reply]) -> Vec<Verb> {
    let Some((_, elements)) = scanned(walk.kind, mine) else {
        return Vec::new();
    };
    match walk.kind {
        Kind::Set => set::ask_for(walk, &elements),
        Kind::SortedSet => sorted_set::ask_for(walk, &elements),
        _ => hash::ask_for(walk, &elements),
    }
}

pub(super) fn compare(walk: &Walk, mine: &[Reply], theirs: &[Reply]) -> Found {
    let Some((cursor, elements)) = scanned(walk.kind, mine) else {
        return odd();
    };
    let values: &[Reply] = match (walk.kind, theirs) {
        (Kind::Hash, [Reply::List(values)]) => values,
        _ => theirs,
    };
    let is_there = |(element, reply): (&Element<'_>, &Reply)| match walk.kind {
        Kind::Set => set::is_there(reply),
        Kind::SortedSet => sorted_set::is_there(element, reply),
        _ => hash::is_there(element, reply),
    };
    let is_equal = values.len() == elements.len() && elements.iter().zip(values).all(is_there);
    let next = match walk.kind {
        Kind::Hash => hash::after(walk, &elements, cursor),
        _ => scan_on(cursor.to_vec()),
    };
    equal_if(is_equal, next)
}

/// A scan's cursor, and its elements.
fn scanned(kind: Kind, mine: &[Reply]) -> Option<(&[u8], Vec<Element<'_>>)> {
    let [Reply::List(answer)] = mine else {
        return None;
    };
    let [Reply::Text(cursor), Reply::List(items)] = &answer[..] else {
        return None;
    };
    let texts = items.iter().map(|item| match item {
        Reply::Text(text) => Some(text.as_slice()),
        _ => None,
    });
    let texts: Vec<&[u8]> = texts.collect::<Option<_>>()?;
    let element = |name, value| Element { name, value };
    if kind == Kind::Set {
        let elements = texts.into_iter().map(|text| element(text, &b""[..]));
        return Some((cursor, elements.collect()));
    }
    let (pairs, []) = texts.as_chunks::<2>() else {
        return None;
    };
    let elements = pairs.iter().map(|[name, value]| element(name, value));
    Some((cursor, elements.collect()))
}
