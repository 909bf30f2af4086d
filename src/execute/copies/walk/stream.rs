//! Streams: what they are beside their entries, and so many entries at a time.

use super::{Compared, Found, Step, Walk, equal_if, odd};
use crate::cluster::verb::{Reply, Verb};

/// What two equal streams have in common, where both servers say it: some are from 7.0 on.
const EQUAL_FIELDS: [&str; 5] = [
    "length",
    "last-generated-id",
    "groups",
    "max-deleted-entry-id",
    "entries-added",
];

pub(super) fn length(walk: &Walk) -> Verb {
    let words = [&b"XINFO"[..], b"STREAM", &walk.key];
    Verb::Client(words.map(<[u8]>::to_vec).to_vec())
}

pub(super) fn entries(walk: &Walk, from: &[u8], count: &[u8]) -> Verb {
    walk.verb("XRANGE", &[from, b"+", b"COUNT", count])
}

/// What a stream is beside its entries. Who has read what is a part of its value that isn't
/// looked at.
pub(super) fn compare(walk: &mut Walk, mine: &[Reply], theirs: &[Reply]) -> Found {
    for name in EQUAL_FIELDS {
        if let (Some(one), Some(other)) = (field(mine, name), field(theirs, name))
            && one != other
        {
            return Found::Other;
        }
    }
    match (field(mine, "groups"), field(mine, "length")) {
        (Some(Reply::Int(0)), Some(Reply::Int(0))) => Found::Equal(None),
        (Some(Reply::Int(0)), Some(Reply::Int(length))) => walk.compare_lengths(*length, *length),
        (Some(Reply::Int(_)), _) => {
            let why = "what the consumer groups of a stream have read isn't looked at";
            Found::Ends(Compared::Not(why.to_owned()))
        }
        _ => odd(),
    }
}

pub(super) fn compare_entries(mine: &[Reply], theirs: &[Reply]) -> Found {
    match (mine == theirs, after_last(mine)) {
        (true, Some(next)) => equal_if(true, next.map(|from| Step::Entries { from })),
        (true, None) => odd(),
        (false, _) => Found::Other,
    }
}

/// A field of an answer to `XINFO STREAM`.
fn field<'a>(replies: &'a [Reply], name: &str) -> Option<&'a Reply> {
    let [Reply::List(list)] = replies else {
        return None;
    };
    let (pairs, _) = list.as_chunks::<2>();
    let is_it = |key: &Reply| matches!(key, Reply::Text(text) if text == name.as_bytes());
    let found = pairs.iter().find(|[key, _]| is_it(key));
    found.map(|[_, value]| value)
}

/// The id behind the last entry of an answer to `XRANGE`; nothing behind an empty one.
fn after_last(replies: &[Reply]) -> Option<Option<Vec<u8>>> {
    let [Reply::List(entries)] = replies else {
        return None;
    };
    let Some(last) = entries.last() else {
        return Some(None);
    };
    let Reply::List(entry) = last else {
        return None;
    };
    let Some(Reply::Text(id)) = entry.first() else {
        return None;
    };
    let id = std::str::from_utf8(id).ok()?;
    let (ms, sequence) = id.split_once('-')?;
    let (ms, sequence): (u64, u64) = (ms.parse().ok()?, sequence.parse().ok()?);
    let next = match sequence.checked_add(1) {
        Some(sequence) => Some((ms, sequence)),
        None => ms.checked_add(1).map(|ms| (ms, 0)),
    };
    Some(next.map(|(ms, sequence)| format!("{ms}-{sequence}").into_bytes()))
}
