//! Names for reports; of a long one only the beginning is kept.

use super::BigKey;
use super::sample::NAME_BYTES;
use crate::escape::{key_line, key_text};
use std::ops::Deref;

/// The name of a key, or of a hash tag or prefix that keys have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeptName {
    /// What was kept of it.
    pub bytes: Box<[u8]>,
    /// The length of the whole name, where it is known.
    pub length: Option<u64>,
}

impl KeptName {
    pub(super) fn whole(name: &[u8]) -> KeptName {
        KeptName {
            bytes: name.into(),
            length: Some(name.len() as u64),
        }
    }

    /// A name from a sample: of a longer one than is kept there nobody knows how long it is, and one
    /// of just this length looks the same.
    pub(super) fn sampled(name: &[u8]) -> KeptName {
        let is_whole = name.len() < NAME_BYTES;
        KeptName {
            bytes: name.into(),
            length: is_whole.then_some(name.len() as u64),
        }
    }

    /// Whether this is only the beginning of the name, or may be.
    pub fn is_cut(&self) -> bool {
        self.length != Some(self.bytes.len() as u64)
    }

    /// The name as text, as [`key_text`] gives it; a cut one ends with `…`.
    pub fn text(&self) -> String {
        self.marked(&key_text(self))
    }

    /// The name for one line of a terminal, as [`key_line`] gives it; a cut one ends with `…`.
    pub fn line(&self) -> String {
        self.marked(&key_line(self))
    }

    fn marked(&self, name: &str) -> String {
        let mark = if self.is_cut() { "…" } else { "" };
        format!("{name}{mark}")
    }
}

impl From<&BigKey> for KeptName {
    fn from(key: &BigKey) -> KeptName {
        KeptName {
            bytes: key.key.clone(),
            length: Some(key.length),
        }
    }
}

/// What is shown of it: what was kept, without the half of a character that a cut left at its end.
impl Deref for KeptName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match std::str::from_utf8(&self.bytes) {
            Err(half) if self.is_cut() && half.error_len().is_none() => {
                &self.bytes[..half.valid_up_to()]
            }
            _ => &self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    #[test]
    fn a_cut_name_ends_with_a_whole_character() {
        let slot = Slot::for_key(b"x");
        let cut = |name: &str, most| KeptName::from(&BigKey::new(slot, name.as_bytes(), 1, most));
        assert_eq!(cut("abж", 3).text(), "ab…");
        assert_eq!(cut("ключ", 5).line(), "кл…");
        assert_eq!(&*cut("a😀", 4), b"a");
        assert_eq!(&*cut("aж!", 3), "aж".as_bytes());
        let sampled = KeptName::sampled(&"ж".repeat(NAME_BYTES).as_bytes()[1..=NAME_BYTES]);
        assert_eq!(sampled.len(), NAME_BYTES, "it is no text");
        // What is whole ends as it does.
        assert_eq!(&*KeptName::whole(b"a\xd0"), b"a\xd0");
    }

    #[test]
    fn names_that_are_cut_say_so() {
        let long = [b'x'; NAME_BYTES];
        assert!(!KeptName::whole(&long).is_cut());
        assert!(KeptName::sampled(&long).is_cut());
        let short = KeptName::sampled(&long[1..]);
        assert!(!short.is_cut());
        assert_eq!(short.text().len(), NAME_BYTES - 1);
        let slot = Slot::for_key(b"a\nb");
        let cut = KeptName::from(&BigKey::new(slot, b"a\nb", 1, 2));
        assert_eq!((cut.length, cut.is_cut()), (Some(3), true));
        assert_eq!(cut.text(), "a\n…");
        assert_eq!(cut.line(), "a\\x0A…");
    }
}
