//! Facts about keys besides their names (type, size, expiry, database), one by one and column by column.

use super::commands::Command;
use super::encoding::Encoding;
use super::kind::KeyKind;
use super::timestamp::Timestamp;

/// What an input says of a key besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// How many bytes of memory it takes, if the input tells.
    pub size_bytes: Option<u64>,
    /// How many elements it has; of keys of RDB files only.
    pub elements: Option<u64>,
    /// The type of the value.
    pub kind: KeyKind,
    /// The numbered database it is in; 0 where the input doesn't tell.
    pub db: u16,
    /// Whether the key expires.
    pub expires: bool,
    /// When it expires, if the input tells.
    pub expires_at: Option<Timestamp>,
    /// How its value is kept in memory.
    pub encoding: Encoding,
    /// The command that named it, in a log of MONITOR: then it isn't a key that is there, but an operation.
    pub command: Option<Command>,
}

impl KeyFacts {
    /// A key of which nothing but its name is known.
    pub const UNKNOWN: KeyFacts = KeyFacts {
        size_bytes: None,
        elements: None,
        kind: KeyKind::Unknown,
        db: 0,
        expires: false,
        expires_at: None,
        encoding: Encoding::Unknown,
        command: None,
    };
}

/// A number that may not be known, in eight bytes; one that isn't sorts behind all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

impl Number {
    /// A number that isn't known.
    pub(crate) const UNKNOWN: Number = Number(u64::MAX);

    /// A number of a few digits.
    #[inline]
    pub(super) fn short(number: u64) -> Number {
        debug_assert!(number != u64::MAX);
        Number(number)
    }

    /// The number, where it is known.
    #[inline]
    pub(crate) fn get(self) -> Option<u64> {
        self.is_known().then_some(self.0)
    }

    #[inline]
    pub(crate) fn is_known(self) -> bool {
        self != Number::UNKNOWN
    }

    /// The number, 0 where it isn't known.
    #[inline]
    pub(crate) fn or_zero(self) -> u64 {
        if self.is_known() { self.0 } else { 0 }
    }
}

impl From<Option<u64>> for Number {
    /// The largest number of all can't be told from one that isn't known: it counts as the one below.
    #[inline]
    fn from(number: Option<u64>) -> Number {
        match number {
            Some(number) => Number(number.min(u64::MAX - 1)),
            None => Number::UNKNOWN,
        }
    }
}

/// Whether and when a key expires, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry(u64);

impl Expiry {
    /// The key doesn't expire.
    pub(super) const NEVER: Expiry = Expiry(0);
    /// It does, nobody knows when.
    const SOMETIME: Expiry = Expiry(u64::MAX);

    #[inline]
    pub(super) fn at(timestamp: Timestamp) -> Expiry {
        Expiry(timestamp.unix_ms())
    }

    #[inline]
    pub(crate) fn of(facts: &KeyFacts) -> Expiry {
        match facts.expires_at {
            Some(timestamp) => Expiry::at(timestamp),
            None if facts.expires => Expiry::SOMETIME,
            None => Expiry::NEVER,
        }
    }

    /// Whether it expires.
    #[inline]
    pub(crate) fn expires(self) -> bool {
        self != Expiry::NEVER
    }

    /// When it expires, if that is known.
    #[inline]
    pub(crate) fn timestamp(self) -> Option<Timestamp> {
        let is_known = self.expires() && self != Expiry::SOMETIME;
        is_known.then(|| Timestamp::from_unix_ms(self.0))
    }
}

/// What keys are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) kind: KeyKind,
    pub(crate) encoding: Encoding,
    pub(crate) db: u16,
}

impl Group {
    /// A key of which nothing but the name is known.
    pub(super) const UNKNOWN: Group = Group {
        kind: KeyKind::Unknown,
        encoding: Encoding::Unknown,
        db: 0,
    };

    #[inline]
    pub(crate) fn of(facts: &KeyFacts) -> Group {
        Group {
            kind: facts.kind,
            encoding: facts.encoding,
            db: facts.db,
        }
    }
}

/// The facts of many keys. Most passes over them need one or two columns, so that each is
/// contiguous; all of them together take half of what [`KeyFacts`] do.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) sizes: Vec<Number>,
    /// Of an RDB file: then each key has one. Else empty.
    pub(super) elements: Vec<Number>,
    pub(super) expiries: Vec<Expiry>,
    pub(super) groups: Vec<Group>,
    /// Of a log of MONITOR: then each row has one. Else empty.
    pub(super) commands: Vec<Command>,
}

impl Columns {
    pub(super) fn reserve(&mut self, keys: usize) {
        self.sizes.reserve(keys);
        self.expiries.reserve(keys);
        self.groups.reserve(keys);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, facts: KeyFacts) {
        self.sizes.push(facts.size_bytes.into());
        self.expiries.push(Expiry::of(&facts));
        self.groups.push(Group::of(&facts));
        if let Some(command) = facts.command {
            self.commands.push(command);
        }
    }

    /// Adds how many elements the key has that is added next.
    #[inline(always)]
    pub(super) fn push_elements(&mut self, elements: Option<u64>) {
        self.elements.push(elements.into());
    }

    /// The facts of one key.
    #[inline]
    pub(super) fn get(&self, index: usize) -> KeyFacts {
        let (group, expiry) = (self.groups[index], self.expiries[index]);
        KeyFacts {
            size_bytes: self.sizes[index].get(),
            elements: self.elements.get(index).and_then(|count| count.get()),
            kind: group.kind,
            db: group.db,
            expires: expiry.expires(),
            expires_at: expiry.timestamp(),
            encoding: group.encoding,
            command: self.commands.get(index).copied(),
        }
    }

    /// Moves a key's facts to an earlier place.
    pub(super) fn copy_within(&mut self, from: usize, to: usize) {
        self.sizes[to] = self.sizes[from];
        self.expiries[to] = self.expiries[from];
        self.groups[to] = self.groups[from];
        if let Some(elements) = self.elements.get(from).copied() {
            self.elements[to] = elements;
        }
        if let Some(command) = self.commands.get(from).copied() {
            self.commands[to] = command;
        }
    }

    pub(super) fn truncate(&mut self, keys: usize) {
        self.sizes.truncate(keys);
        self.elements.truncate(keys);
        self.expiries.truncate(keys);
        self.groups.truncate(keys);
        self.commands.truncate(keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option::of;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #[test]
        fn columns_give_back_what_was_put_in(
            numbers in (of(0..u64::MAX), of(0..u64::MAX)),
            group in (select(&KeyKind::ALL[..]), select(&Encoding::ALL[..]), any::<u16>()),
            expiry in (any::<bool>(), of(any::<u64>())),
            from in 0usize..2,
        ) {
            let ((size_bytes, elements), (kind, encoding, db), (expires, at)) = (numbers, group, expiry);
            let facts = KeyFacts {
                size_bytes,
                elements,
                kind,
                db,
                expires: expires || at.is_some(),
                expires_at: at.map(Timestamp::from_unix_ms),
                encoding,
                command: None,
            };
            let mut columns = Columns::default();
            let both = if from == 0 { [facts, KeyFacts::UNKNOWN] } else { [KeyFacts::UNKNOWN, facts] };
            for facts in both {
                columns.push_elements(facts.elements);
                columns.push(facts);
            }
            prop_assert_eq!([columns.get(0), columns.get(1)], both);
            columns.copy_within(from, 0);
            columns.truncate(1);
            prop_assert_eq!(columns.get(0), facts);
        }
    }
}
