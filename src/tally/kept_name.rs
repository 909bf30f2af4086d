//! Names for reports, of which maybe only the beginning was kept.

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
        self.marked(&key_text(&self.bytes))
    }

    /// The name for one line of a terminal, as [`key_line`] gives it; a cut one ends with `…`.
    pub fn line(&self) -> String {
        self.marked(&key_line(&self.bytes))
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

impl Deref for KeptName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

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
