//! Compares two values whose `DUMP`s differ.
//!
//! A hash, a set or a sorted set is dumped in the order of its table, which a server's own seed
//! decides, and a value may have another encoding on a node with other limits. So where both
//! dumps are of one kind and small, the values are read and compared. What a dump may say beyond
//! its elements (streams, fields that expire, modules) isn't read whole: see [`super::walk`].

use crate::cluster::verb::{Reply, Verb};

/// The longest dump whose value is read, bytes: reading one takes its node about a millisecond.
/// A value may be some 80 times as long as its compressed dump.
const MAX_DUMP_BYTES: usize = 256 * 1024;

/// The kinds of values that can be compared element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::execute) enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
}

impl Kind {
    /// The kind of two dumps, where they are of one, and small enough to be read.
    pub fn of_both(one: &[u8], other: &[u8]) -> Option<Kind> {
        let kind = Kind::of(one)?;
        let is_small = one.len().max(other.len()) <= MAX_DUMP_BYTES;
        (is_small && Kind::of(other) == Some(kind)).then_some(kind)
    }

    /// The kind of a dump, by the type that its first byte names (`rdb.h`, Redis 2.6 to 8.0 and
    /// Valkey 7.2 to 9.1). The types of hashes with expiring fields are left out on purpose: the
    /// two servers number them differently, and reading a hash doesn't tell them.
    fn of(dump: &[u8]) -> Option<Kind> {
        match dump.first()? {
            0 => Some(Kind::String),
            1 | 10 | 14 | 18 => Some(Kind::List),
            2 | 11 | 20 => Some(Kind::Set),
            3 | 5 | 12 | 17 => Some(Kind::SortedSet),
            4 | 9 | 13 | 16 => Some(Kind::Hash),
            _ => None,
        }
    }

    /// What reads the whole value.
    pub fn read(self, key: &[u8]) -> Verb {
        let words: &[&str] = match self {
            Kind::String => &["GET"],
            Kind::List => &["LRANGE", "0", "-1"],
            Kind::Set => &["SMEMBERS"],
            Kind::SortedSet => &["ZRANGE", "0", "-1", "WITHSCORES"],
            Kind::Hash => &["HGETALL"],
        };
        let mut words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        words.insert(1, key.to_vec());
        Verb::Client(words)
    }

    /// Whether two answers to that are the same value. Anything but a value, such as a refusal, is
    /// the same as nothing.
    pub fn is_same(self, one: Reply, other: Reply) -> bool {
        match (self, one, other) {
            (Kind::String, Reply::Text(one), Reply::Text(other)) => one == other,
            (Kind::String, ..) => false,
            (_, Reply::List(one), Reply::List(other)) => {
                let values = (self.elements(one), self.elements(other));
                matches!(values, (Some(one), Some(other)) if one == other)
            }
            _ => false,
        }
    }

    /// The elements of a value in an order that doesn't depend on its node.
    fn elements(self, list: Vec<Reply>) -> Option<Vec<Element>> {
        let mut texts = Vec::with_capacity(list.len());
        for reply in list {
            match reply {
                Reply::Text(text) => texts.push(text),
                _ => return None,
            }
        }
        let mut elements = match self {
            Kind::String => return None,
            Kind::List | Kind::Set => texts.into_iter().map(|text| (text, Vec::new())).collect(),
            Kind::SortedSet | Kind::Hash => in_pairs(texts)?,
        };
        if self == Kind::SortedSet {
            for (_, score) in &mut elements {
                *score = number(score)?;
            }
        }
        if self != Kind::List {
            elements.sort_unstable();
        }
        Some(elements)
    }
}

/// A member with what belongs to it: a hash's value, or a score.
type Element = (Vec<u8>, Vec<u8>);

fn in_pairs(texts: Vec<Vec<u8>>) -> Option<Vec<Element>> {
    let mut pairs = Vec::with_capacity(texts.len() / 2);
    let mut texts = texts.into_iter();
    while let Some(first) = texts.next() {
        pairs.push((first, texts.next()?));
    }
    Some(pairs)
}

/// A score's own bits: versions write one number with different digits.
pub(super) fn number(text: &[u8]) -> Option<Vec<u8>> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    // There are two zeros, and one score.
    Some((number + 0.0).to_bits().to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::verb::Refusal;

    fn list(texts: &[&str]) -> Reply {
        let text = |text: &&str| Reply::Text(text.as_bytes().to_vec());
        Reply::List(texts.iter().map(text).collect())
    }

    #[test]
    fn the_order_counts_in_lists_alone() {
        let (one, other) = (["a", "1", "b", "2"], ["b", "2", "a", "1"]);
        for (kind, is_same) in [
            (Kind::List, false),
            (Kind::Set, true),
            (Kind::Hash, true),
            (Kind::SortedSet, true),
        ] {
            assert_eq!(kind.is_same(list(&one), list(&other)), is_same, "{kind:?}");
            assert!(kind.is_same(list(&one), list(&one)), "{kind:?}");
            assert!(!kind.is_same(list(&one), list(&one[..2])), "{kind:?}");
        }
        // A field's value isn't another field.
        assert!(!Kind::Hash.is_same(list(&["a", "b"]), list(&["b", "a"])));
        assert!(Kind::Set.is_same(list(&["a", "b"]), list(&["b", "a"])));
    }

    #[test]
    fn scores_are_compared_as_numbers() {
        let same = |one: &str, other: &str| {
            Kind::SortedSet.is_same(list(&["m", one]), list(&["m", other]))
        };
        assert!(same("3", "3.0") && same("-0", "0") && same("inf", "inf"));
        assert!(same("0.1", "0.10000000000000001"));
        assert!(!same("3", "3.0000000000000004"));
        assert!(!same("x", "x"), "no number, no score");
    }

    #[test]
    fn what_is_no_value_is_the_same_as_nothing() {
        let refused = || {
            Reply::Refused(Refusal {
                code: "WRONGTYPE".to_owned(),
                detail: String::new(),
            })
        };
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        assert!(Kind::String.is_same(text("1"), text("1")));
        assert!(!Kind::String.is_same(text("1"), text("2")));
        for kind in [Kind::String, Kind::Hash] {
            assert!(!kind.is_same(refused(), refused()));
            assert!(!kind.is_same(Reply::Nil, Reply::Nil));
        }
        assert!(!Kind::Hash.is_same(list(&["odd"]), list(&["odd"])));
    }

    #[test]
    fn only_small_dumps_of_one_kind_are_read() {
        assert_eq!(Kind::of_both(&[4, 1], &[16, 2]), Some(Kind::Hash));
        assert_eq!(Kind::of_both(&[0, 1], &[4, 1]), None);
        let stream = 15;
        assert_eq!(Kind::of_both(&[stream], &[stream]), None);
        let fields_expire = 22;
        assert_eq!(Kind::of_both(&[fields_expire], &[4]), None);
        let long = vec![2; MAX_DUMP_BYTES + 1];
        assert_eq!(Kind::of_both(&long, &[2]), None);
        assert_eq!(Kind::of_both(&[], &[]), None);
        let read = Kind::SortedSet.read(b"k");
        let words = read.words();
        let words: Vec<_> = words
            .iter()
            .map(|word| String::from_utf8_lossy(word))
            .collect();
        assert_eq!(words, ["ZRANGE", "k", "0", "-1", "WITHSCORES"]);
    }
}
