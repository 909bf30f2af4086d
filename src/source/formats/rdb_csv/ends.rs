//! Splits a row from both ends: what is between is the key.

use super::RdbTools;
use crate::source::kind::KeyKind;
use crate::source::number;

/// How far back from a line's end its five right fields can reach. The
/// fields have [`WORD_BYTES`] at most, six commas stand between and before them.
/// Quotes of redis-rdb-cli come on top, and its sizes are words too.
pub(super) const TAIL_BYTES: usize = 3 * WORD_BYTES + 2 * WORD_BYTES + 6 + 7;

/// How far the left end of a row can reach: the longest database number, the longest type, two commas.
pub(super) const HEAD_BYTES: usize = 5 + 1 + 9 + 1;

/// The longest encoding (a module's name has 9 characters) and expiry (32 with a time zone).
pub(super) const WORD_BYTES: usize = 48;

/// The right end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail<'line> {
    /// Where the key ends, in the line.
    pub(super) key_end: usize,
    pub(super) size_bytes: u64,
    /// The word for how its value is kept.
    pub(super) encoding: &'line [u8],
    /// When it expires; empty when it doesn't.
    pub(super) expiry: &'line [u8],
}

/// The left end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Where the key begins, in the row.
    pub(super) key_start: usize,
    pub(super) db: u16,
    pub(super) kind: KeyKind,
}

impl RdbTools {
    /// The right end of what ends a row, if it does. Looks at [`TAIL_BYTES`] at most.
    #[inline]
    pub(super) fn tail(self, line: &[u8]) -> Option<Tail<'_>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut rest = Backwards(line);
        let expiry = match self {
            RdbTools::Plain => {
                let expiry = rest.word(is_expiry)?;
                rest.comma()?;
                expiry
            }
            RdbTools::WithoutExpiry => &[],
            RdbTools::RdbCli => return rest.rdb_cli_tail(),
        };
        rest.integer()?;
        rest.comma()?;
        rest.integer()?;
        rest.comma()?;
        let encoding = rest.word(is_encoding)?;
        rest.comma()?;
        let size_bytes = rest.integer()?;
        rest.comma()?;
        Some(Tail {
            key_end: rest.0.len(),
            size_bytes,
            encoding,
            expiry,
        })
    }
}

/// The left end of a row: `database,type,`.
#[inline]
pub(super) fn head(row: &[u8]) -> Option<Head> {
    let near = &row[..row.len().min(HEAD_BYTES)];
    // A few bytes each: a search that is made for long runs would take longer to set up.
    let first = near.iter().position(|byte| *byte == b',')?;
    let db = number::database(&near[..first])?;
    let length = near[first + 1..].iter().position(|byte| *byte == b',')?;
    let word = &near[first + 1..first + 1 + length];
    is_type(word).then(|| Head {
        key_start: first + length + 2,
        db,
        kind: KeyKind::from_word(word),
    })
}

pub(super) fn is_type(word: &[u8]) -> bool {
    !matches!(KeyKind::from_word(word), KeyKind::Module | KeyKind::Unknown) || word == b"module"
}

#[inline]
pub(super) fn is_encoding(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

#[inline]
pub(super) fn is_expiry(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'+' | b'Z')
}

fn is_size(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b',' | b' ')
}

/// Reads a line from its right end.
struct Backwards<'line>(&'line [u8]);

impl<'line> Backwards<'line> {
    #[inline]
    fn comma(&mut self) -> Option<()> {
        self.0 = self.0.strip_suffix(b",")?;
        Some(())
    }

    #[inline]
    fn word(&mut self, is_part: impl Fn(u8) -> bool) -> Option<&'line [u8]> {
        let mut begin = self.0.len();
        let least = begin.saturating_sub(WORD_BYTES + 1);
        while begin > least && is_part(self.0[begin - 1]) {
            begin -= 1;
        }
        let (rest, word) = self.0.split_at(begin);
        self.0 = rest;
        (word.len() <= WORD_BYTES).then_some(word)
    }

    /// `","size",encoding,elements,"longest","expiry"`: the right end of a row of redis-rdb-cli.
    fn rdb_cli_tail(mut self) -> Option<Tail<'line>> {
        let expiry = self.quoted(|byte| is_expiry(byte) || byte == b' ')?;
        self.comma()?;
        number::human_size(self.quoted(is_size)?)?;
        self.comma()?;
        self.integer()?;
        self.comma()?;
        let encoding = self.word(is_encoding)?;
        self.comma()?;
        let size_bytes = number::human_size(self.quoted(is_size)?)?;
        self.comma()?;
        self.0 = self.0.strip_suffix(b"\"")?;
        Some(Tail {
            key_end: self.0.len(),
            size_bytes,
            encoding,
            expiry,
        })
    }

    fn quoted(&mut self, is_part: impl Fn(u8) -> bool) -> Option<&'line [u8]> {
        self.0 = self.0.strip_suffix(b"\"")?;
        let word = self.word(is_part)?;
        self.0 = self.0.strip_suffix(b"\"")?;
        Some(word)
    }

    #[inline]
    fn integer(&mut self) -> Option<u64> {
        let digits = self.word(|byte| byte.is_ascii_digit())?;
        number::size(digits)
    }
}
