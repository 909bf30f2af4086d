//! Writes keys in a journal's records, and reads them.
//!
//! A key is any bytes, and JSON has none: each byte is a character, which takes one or two bytes in
//! the file, and six where it has to be escaped.

use super::super::mover::{Cause, KeyInDoubt};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A byte of a key takes up to four in its record. A longer key isn't noted.
const MAX_KEY_BYTES: usize = 200_000;

/// Keys of one database that are in doubt for one reason.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct KeyGroup {
    #[serde(default, skip_serializing_if = "is_zero")]
    db: u32,
    cause: Why,
    #[serde(default, skip_serializing_if = "is_false")]
    is_named: bool,
    /// When they were about to be sent, in milliseconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_ms: Option<u64>,
    keys: Vec<Key>,
    /// When each ends, in milliseconds of Unix time; none where no end of any is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ends_ms: Vec<Option<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    Sent,
    Late,
    Kept,
    /// Of a journal that doesn't tell the cause of what a person was told of.
    Named,
}

#[derive(Debug, PartialEq, Eq)]
struct Key(Vec<u8>);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().copied().map(char::from).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.chars().map(|char| u8::try_from(char).ok()).collect();
        let odd = || D::Error::invalid_value(Unexpected::Str(&text), &"a byte a character");
        Option::map(bytes, Key).ok_or_else(odd)
    }
}

fn is_zero(db: &u32) -> bool {
    *db == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Whether a record can hold a key.
pub(super) fn fits(key: &[u8]) -> bool {
    key.len() <= MAX_KEY_BYTES
}

/// Adds a key to the group that it is like, or to one of its own.
pub(super) fn add(groups: &mut Vec<KeyGroup>, one: &KeyInDoubt) {
    let cause = Why::of(one.cause);
    let about = (one.db, cause, one.is_named, one.sent_ms);
    let is_like =
        |group: &&mut KeyGroup| (group.db, group.cause, group.is_named, group.sent_ms) == about;
    let group = match groups.iter_mut().position(|group| is_like(&&mut *group)) {
        Some(place) => &mut groups[place],
        None => {
            groups.push(KeyGroup {
                db: one.db,
                cause,
                is_named: one.is_named,
                sent_ms: one.sent_ms,
                keys: Vec::new(),
                ends_ms: Vec::new(),
            });
            let last = groups.len() - 1;
            &mut groups[last]
        }
    };
    if one.ends_ms.is_some() || !group.ends_ms.is_empty() {
        group.ends_ms.resize(group.keys.len(), None);
        group.ends_ms.push(one.ends_ms);
    }
    group.keys.push(Key(one.key.clone()));
}

/// The keys of such a record.
pub(super) fn doubtful(groups: Vec<KeyGroup>) -> Vec<KeyInDoubt> {
    let of_group = |group: KeyGroup| {
        let ends = group.ends_ms.into_iter().chain(std::iter::repeat(None));
        let keys = group.keys.into_iter().zip(ends);
        keys.map(move |(key, ends_ms)| KeyInDoubt {
            db: group.db,
            key: key.0,
            cause: group.cause.into_cause(),
            is_named: group.is_named || group.cause == Why::Named,
            ends_ms,
            sent_ms: group.sent_ms,
        })
    };
    let mut all: Vec<KeyInDoubt> = groups.into_iter().flat_map(of_group).collect();
    all.sort_unstable();
    all
}

impl Why {
    fn of(cause: Cause) -> Why {
        match cause {
            Cause::Sent => Why::Sent,
            Cause::Late => Why::Late,
            Cause::Kept => Why::Kept,
        }
    }

    fn into_cause(self) -> Cause {
        match self {
            Why::Sent => Cause::Sent,
            Why::Late => Cause::Late,
            Why::Kept | Why::Named => Cause::Kept,
        }
    }
}
