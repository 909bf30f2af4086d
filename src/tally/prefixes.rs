//! Prefixes of keys, up to a delimiter: how people name families of keys.

use memchr::{memchr, memmem};
use std::fmt;

/// The longest delimiter, in bytes.
pub const MAX_DELIMITER_BYTES: usize = 8;

/// The most delimiters that a prefix may have.
pub const MAX_DEPTH: u8 = 16;

/// What a prefix is: a key's parts up to a delimiter, the delimiter included.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    delimiter: [u8; MAX_DELIMITER_BYTES],
    length: u8,
    depth: u8,
}

impl Default for Prefixes {
    /// Up to the first colon.
    fn default() -> Prefixes {
        Prefixes {
            delimiter: *b":\0\0\0\0\0\0\0",
            length: 1,
            depth: 1,
        }
    }
}

impl fmt::Debug for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to depth {}",
            self.delimiter().escape_ascii(),
            self.depth
        )
    }
}

impl Prefixes {
    /// A delimiter of 1 to [`MAX_DELIMITER_BYTES`] bytes, a depth of 1 to [`MAX_DEPTH`].
    pub fn new(delimiter: &[u8], depth: u8) -> Option<Prefixes> {
        let is_good = (1..=MAX_DELIMITER_BYTES).contains(&delimiter.len())
            && (1..=MAX_DEPTH).contains(&depth);
        let mut bytes = [0; MAX_DELIMITER_BYTES];
        bytes.get_mut(..delimiter.len())?.copy_from_slice(delimiter);
        is_good.then_some(Prefixes {
            delimiter: bytes,
            length: delimiter.len() as u8,
            depth,
        })
    }

    /// What parts a key.
    pub fn delimiter(&self) -> &[u8] {
        &self.delimiter[..usize::from(self.length)]
    }

    /// How many parts a prefix has at most.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The longest prefix of a key; none without a delimiter in it.
    #[inline]
    pub(super) fn longest<'key>(&self, key: &'key [u8]) -> Option<&'key [u8]> {
        let mut end = None;
        for _ in 0..self.depth {
            match self.next(key, end.unwrap_or(0)) {
                Some(next) => end = Some(next),
                None => break,
            }
        }
        end.map(|end| &key[..end])
    }

    /// The shortest prefix of a key; none without a delimiter in it.
    #[inline]
    pub(super) fn first<'key>(&self, key: &'key [u8]) -> Option<&'key [u8]> {
        self.next(key, 0).map(|end| &key[..end])
    }

    /// A prefix and those that it begins with, the shortest first.
    pub(super) fn levels<'name>(&self, longest: &'name [u8]) -> impl Iterator<Item = &'name [u8]> {
        let prefixes = *self;
        let mut end = 0;
        (0..self.depth).map_while(move |_| {
            if end == longest.len() {
                return None;
            }
            // A name that was cut has no delimiter at its end any more: it is its own last level.
            end = prefixes.next(longest, end).unwrap_or(longest.len());
            Some(&longest[..end])
        })
    }

    fn next(&self, key: &[u8], from: usize) -> Option<usize> {
        let rest = &key[from..];
        let place = match self.delimiter() {
            [byte] => memchr(*byte, rest)?,
            bytes => memmem::find(rest, bytes)?,
        };
        Some(from + place + usize::from(self.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(prefixes: Prefixes, key: &str) -> Vec<String> {
        let longest = prefixes.longest(key.as_bytes());
        let levels = longest
            .into_iter()
            .flat_map(|longest| prefixes.levels(longest));
        levels
            .map(|level| String::from_utf8_lossy(level).into_owned())
            .collect()
    }

    #[test]
    fn a_prefix_ends_with_a_delimiter() {
        let colon = Prefixes::default();
        assert_eq!(levels(colon, "user:1:name"), ["user:"]);
        assert_eq!(levels(colon, "plain"), Vec::<String>::new());
        assert_eq!(levels(colon, ":"), [":"]);
        let deep = Prefixes::new(b"::", 3).expect("a delimiter");
        assert_eq!(
            levels(deep, "a::b::c::d::e"),
            ["a::", "a::b::", "a::b::c::"]
        );
        assert_eq!(levels(deep, "a::b:c"), ["a::"]);
        for (delimiter, depth) in [(&b""[..], 1), (b"123456789", 1), (b":", 0), (b":", 17)] {
            assert_eq!(Prefixes::new(delimiter, depth), None);
        }
    }
}
