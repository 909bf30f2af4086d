//! Splits a row from both ends: what is between is the key.

use super::RdbTools;
use crate::source::kind::KeyKind;
use crate::source::number;
use crate::source::row_errors::{RowError, excerpt};
use std::borrow::Cow;

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

/// How much of a damaged row is looked at to say what is wrong with it.
const DIAGNOSED_BYTES: usize = 64 << 10;

impl RdbTools {
    /// Says what is wrong with a row that can't be split.
    pub(super) fn diagnose(self, row: &[u8], byte: u64) -> RowError {
        let row_error = |field: Option<&'static str>, message| RowError {
            byte,
            line: None,
            field: field.map(Cow::Borrowed),
            message,
        };
        let line = row.split(|byte| *byte == b'\n').next().unwrap_or(row);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = &line[..line.len().min(DIAGNOSED_BYTES)];
        let names: Vec<&'static str> = self.header().split(',').collect();
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
        if fields.len() < names.len() {
            let message = format!(
                "expected a row of {} fields ({}), found {}",
                names.len(),
                self.header(),
                fields.len()
            );
            return row_error(None, message);
        }
        // From the left as far as the key, from the right down to it: the key may hold commas.
        let behind_key = names.len() - 3;
        let right = &fields[fields.len() - behind_key..];
        let checks = names[..2].iter().zip(&fields[..2]);
        let checks = checks.chain(names[3..].iter().zip(right));
        // The quoted fields of redis-rdb-cli have no names of their own to complain about.
        for (name, field) in checks.filter(|_| self != RdbTools::RdbCli) {
            if let Some(expected) = complaint(name, field) {
                return row_error(
                    Some(name),
                    format!("expected {expected}, found {}", excerpt(field)),
                );
            }
        }
        let example = match self {
            RdbTools::Plain => "0,string,key,56,string,1,1,",
            RdbTools::WithoutExpiry => "0,string,key,56,string,1,1",
            RdbTools::RdbCli => "0,string,\"key\",\"56 B\",string,1,\"1 B\",\"\"",
        };
        row_error(
            None,
            format!(
                "expected a row such as `{example}`, found {}",
                excerpt(line)
            ),
        )
    }
}

/// What a field should be, when it isn't.
fn complaint(name: &str, field: &[u8]) -> Option<&'static str> {
    match name {
        "database" => number::database(field)
            .is_none()
            .then_some("a database number"),
        "type" => (!is_type(field))
            .then_some("a type (string, list, set, sortedset, hash, stream, module)"),
        "size_in_bytes" => number::size(field)
            .is_none()
            .then_some(number::SIZE_EXPECTED),
        "encoding" => {
            let is_good = field.len() <= WORD_BYTES && field.iter().all(|byte| is_encoding(*byte));
            (!is_good).then_some("an encoding")
        }
        "expiry" => {
            let is_good = field.len() <= WORD_BYTES && field.iter().all(|byte| is_expiry(*byte));
            (!is_good).then_some("nothing or a time such as 2026-11-23T21:52:29.518000")
        }
        _ => number::size(field).is_none().then_some("an integer"),
    }
}
