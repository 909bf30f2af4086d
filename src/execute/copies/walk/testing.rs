//! A node with one key, to compare copies on.

use super::{Compared, Side, Walk};
use crate::cluster::verb::{Refusal, Reply, Verb, Word};
use std::collections::BTreeMap;

/// A node with one key.
#[derive(Clone)]
pub(super) enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    SortedSet(Vec<(Vec<u8>, Vec<u8>)>),
    /// With when each field expires, where the server knows that.
    Hash(Vec<(Vec<u8>, Vec<u8>)>, Option<BTreeMap<Vec<u8>, i64>>),
    Stream(Vec<(u64, Vec<u8>)>, i64),
    Other(&'static str),
}

pub(super) fn text(text: &[u8]) -> Reply {
    Reply::Text(text.to_vec())
}

pub(super) fn refused(detail: &str) -> Reply {
    Reply::Refused(Refusal {
        code: "ERR".to_owned(),
        detail: detail.to_owned(),
    })
}

impl Value {
    pub(super) fn answer(&self, verb: &Verb) -> Reply {
        let words = verb.words();
        let number = |place: usize| -> usize {
            let text = String::from_utf8_lossy(&words[place]);
            text.parse().expect("a number")
        };
        match (self, words[0].as_ref()) {
            (_, b"TYPE") => text(match self {
                Value::String(_) => b"string",
                Value::List(_) => b"list",
                Value::Set(_) => b"set",
                Value::SortedSet(_) => b"zset",
                Value::Hash(..) => b"hash",
                Value::Stream(..) => b"stream",
                Value::Other(name) => name.as_bytes(),
            }),
            (Value::String(bytes), b"STRLEN") => Reply::Int(bytes.len() as i64),
            (Value::String(bytes), b"GETRANGE") => {
                let end = (number(3) + 1).min(bytes.len());
                text(&bytes[number(2).min(end)..end])
            }
            (Value::List(list), b"LLEN") => Reply::Int(list.len() as i64),
            (Value::List(list), b"LRANGE") => {
                let part = list.iter().take(number(3) + 1).skip(number(2));
                Reply::List(part.map(|element| text(element)).collect())
            }
            (Value::Set(all), b"SCARD") => Reply::Int(all.len() as i64),
            (Value::Set(all), b"SISMEMBER") => Reply::Int(all.contains(&words[2].to_vec()).into()),
            (Value::Set(all), b"SSCAN") => {
                let parts: Vec<Vec<Reply>> = all.iter().map(|one| vec![text(one)]).collect();
                scan(number(2), number(4), &parts)
            }
            (Value::SortedSet(all), b"ZCARD") => Reply::Int(all.len() as i64),
            (Value::SortedSet(all), b"ZSCORE") => value_of(all, &words[2]),
            (Value::SortedSet(all), b"ZSCAN") | (Value::Hash(all, _), b"HSCAN") => {
                let pair = |(name, value): &(Vec<u8>, Vec<u8>)| vec![text(name), text(value)];
                let parts: Vec<Vec<Reply>> = all.iter().map(pair).collect();
                scan(number(2), number(4), &parts)
            }
            (Value::Hash(all, _), b"HLEN") => Reply::Int(all.len() as i64),
            (Value::Hash(all, _), b"HMGET") => Reply::List(
                words[2..]
                    .iter()
                    .map(|field| value_of(all, field))
                    .collect(),
            ),
            (Value::Hash(_, None), b"HPEXPIRETIME") => refused("unknown command"),
            (Value::Hash(_, Some(lives)), b"HPEXPIRETIME") => {
                let life =
                    |field: &Word<'_>| Reply::Int(lives.get(field.as_ref()).copied().unwrap_or(-1));
                Reply::List(words[4..].iter().map(life).collect())
            }
            (Value::Stream(all, groups), b"XINFO") => Reply::List(vec![
                text(b"length"),
                Reply::Int(all.len() as i64),
                text(b"groups"),
                Reply::Int(*groups),
            ]),
            (Value::Stream(all, _), b"XRANGE") => {
                let from = String::from_utf8_lossy(&words[2]).into_owned();
                let from = from.split('-').next().expect("a part").parse().unwrap_or(0);
                let is_behind = |(id, _): &&(u64, Vec<u8>)| {
                    // Each id here is `n-0`, so that behind it is `n-1`.
                    *id > from || (*id == from && !words[2].ends_with(b"-1"))
                };
                let entries = all.iter().filter(is_behind).take(number(5));
                let entry = |(id, value): &(u64, Vec<u8>)| {
                    let id = format!("{id}-0");
                    Reply::List(vec![text(id.as_bytes()), Reply::List(vec![text(value)])])
                };
                Reply::List(entries.map(entry).collect())
            }
            _ => refused("WRONGTYPE"),
        }
    }
}

pub(super) fn value_of(all: &[(Vec<u8>, Vec<u8>)], wanted: &[u8]) -> Reply {
    let found = all.iter().find(|(name, _)| name == wanted);
    found.map_or(Reply::Nil, |(_, value)| text(value))
}

pub(super) fn scan(from: usize, count: usize, parts: &[Vec<Reply>]) -> Reply {
    let next = (from + count < parts.len()).then_some(from + count);
    let items = parts.iter().skip(from).take(count).flatten().cloned();
    let cursor = next.unwrap_or(0).to_string();
    Reply::List(vec![text(cursor.as_bytes()), Reply::List(items.collect())])
}

/// Runs a comparison of two copies; how it ended, and in how many round trips.
pub(super) fn compare(mine: &Value, theirs: &Value) -> (Compared, u32) {
    let mut walk = Walk::new(b"k".to_vec(), 10 << 20);
    for round in 1..1_000_000 {
        let node = match walk.side() {
            Side::Source => mine,
            Side::Target => theirs,
        };
        let replies = walk.ask().iter().map(|verb| node.answer(verb)).collect();
        if let Some(end) = walk.answer(replies) {
            return (end, round);
        }
    }
    panic!("it doesn't end");
}

pub(super) fn names(count: u32) -> Vec<Vec<u8>> {
    let name = |number: u32| format!("name-{number}").into_bytes();
    (0..count).map(name).collect()
}

pub(super) fn pairs(count: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    names(count)
        .into_iter()
        .map(|name| (name, b"1.5".to_vec()))
        .collect()
}
