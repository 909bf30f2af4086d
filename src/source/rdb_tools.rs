//! The memory CSV of rdb-tools: `rdb -c memory`.
//!
//! rdb-tools writes `%d,%s,%s,%d,%s,%d,%d,%s` and quotes nothing: commas,
//! quotes and newlines of a key stand raw. So a row is read from both ends:
//! database and type from the left; expiry, longest element, elements,
//! encoding and size from the right; what is between is the key.
//!
//! A key may hold newlines, so a row may take several lines. Where a row
//! begins is decided by two lines only, which makes any cut of the file exact:
//! a line begins a row when the line before it ends one (its right end has the
//! five fields), or when its own left end is that of a row. The second rule
//! keeps a damaged row from swallowing the one behind it; a key with a line
//! that begins like a row (`0,string,`) is refused as a damaged row, never
//! misread.

use super::batch::{KeyBatch, KeyFacts, KeyKind};
use super::cut::Cut;
use super::fault::{Fault, Faults, excerpt};
use super::number;
use memchr::memchr;

/// The header that rdb-tools writes.
pub(super) const HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry";

/// The header before rdb-tools 0.1.13, which had no expiry.
pub(super) const OLD_HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element";

/// How far back from a line's end its five right fields can reach. The
/// fields have [`WORD_BYTES`] at most, six commas stand between and before them.
/// Quotes of redis-rdb-cli come on top, and its sizes are words too.
pub(super) const TAIL_BYTES: usize = 3 * WORD_BYTES + 2 * WORD_BYTES + 6 + 7;

/// How far the left end of a row can reach: the longest database number, the longest type, two commas.
const HEAD_BYTES: usize = 5 + 1 + 9 + 1;

/// The longest encoding (a module's name has 9 characters) and expiry (32 with a time zone).
const WORD_BYTES: usize = 48;

/// How rows of this file are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RdbTools {
    /// As rdb-tools writes them.
    Plain,
    /// The same without the expiry, before rdb-tools 0.1.13.
    WithoutExpiry,
    /// As redis-rdb-cli writes them: key, size, longest element and expiry in
    /// double quotes, quotes inside as they are, sizes with units.
    RdbCli,
}

/// The right end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail {
    /// Where the key ends, in the line.
    key_end: usize,
    size_bytes: u64,
    elements: u64,
    expires: bool,
}

/// The left end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// Where the key begins, in the row.
    key_start: usize,
    db: u16,
    kind: KeyKind,
}

impl RdbTools {
    /// The first row that begins at `from` or behind it.
    ///
    /// `bytes` begins with a row, or at least [`TAIL_BYTES`] before `from`.
    pub(super) fn next_start(self, bytes: &[u8], from: usize, is_last: bool) -> Cut {
        if from == 0 {
            return Cut::At(0);
        }
        let mut line_start = from - 1;
        loop {
            let Some(newline) = memchr(b'\n', &bytes[line_start..]) else {
                return Cut::at_end(bytes, is_last);
            };
            let line_end = line_start + newline;
            let next = line_end + 1;
            if next == bytes.len() && is_last {
                return Cut::At(next);
            }
            if self.tail(&bytes[..line_end]).is_some() {
                return Cut::At(next);
            }
            let near = &bytes[next..bytes.len().min(next + HEAD_BYTES)];
            if near.len() < HEAD_BYTES && !is_last && memchr(b'\n', near).is_none() {
                return Cut::More;
            }
            if head(near).is_some() {
                return Cut::At(next);
            }
            line_start = next;
        }
    }

    /// Whether a line is a whole row by itself.
    pub(super) fn is_row(self, line: &[u8]) -> bool {
        self.split(line).is_some()
    }

    /// Whether a line ends a row.
    pub(super) fn ends_row(self, line: &[u8]) -> bool {
        self.tail(line).is_some()
    }

    fn split(self, row: &[u8]) -> Option<(Head, Tail)> {
        self.split_at(row, self.tail(row)?)
    }

    /// Both ends of a row whose right end is known.
    #[inline]
    fn split_at(self, row: &[u8], tail: Tail) -> Option<(Head, Tail)> {
        let mut head = head(row)?;
        if self == RdbTools::RdbCli {
            head.key_start += usize::from(row.get(head.key_start) == Some(&b'"'));
        }
        (head.key_start <= tail.key_end).then_some((head, tail))
    }

    /// The right end of what ends a row, if it does. Looks at [`TAIL_BYTES`] at most.
    #[inline]
    fn tail(self, line: &[u8]) -> Option<Tail> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut rest = Backwards(line);
        let expires = match self {
            RdbTools::Plain => {
                let expiry = rest.word(is_expiry)?;
                rest.comma()?;
                !expiry.is_empty()
            }
            RdbTools::WithoutExpiry => false,
            RdbTools::RdbCli => return rest.rdb_cli_tail(),
        };
        rest.integer()?;
        rest.comma()?;
        let elements = rest.integer()?;
        rest.comma()?;
        rest.word(is_encoding)?;
        rest.comma()?;
        let size_bytes = rest.integer()?;
        rest.comma()?;
        Some(Tail {
            key_end: rest.0.len(),
            size_bytes,
            elements,
            expires,
        })
    }

    /// Reads the next rows of the block.
    pub(super) fn read_rows(self, batch: &mut KeyBatch, rows: usize, faults: &mut Faults) {
        for _ in 0..rows {
            if !batch.has_rest() {
                return;
            }
            let start = batch.cursor;
            let (row_end, next, tail) = self.row_end(&batch.block[..batch.end], start);
            batch.cursor = next;
            let row = &batch.block[start..row_end];
            match tail.and_then(|tail| self.split_at(row, tail)) {
                Some((head, tail)) => {
                    let facts = KeyFacts {
                        size_bytes: Some(tail.size_bytes),
                        elements: Some(tail.elements),
                        kind: head.kind,
                        db: head.db,
                        expires: tail.expires,
                    };
                    let key = start + head.key_start..start + tail.key_end;
                    batch.push_in_block(start, key, facts);
                }
                None if row.iter().all(u8::is_ascii_whitespace) => {}
                None => faults.push(self.diagnose(row, batch.offset + start as u64)),
            }
        }
    }

    /// Where the row that begins at `start` ends, where the next one begins, and its right end.
    #[inline]
    fn row_end(self, block: &[u8], start: usize) -> (usize, usize, Option<Tail>) {
        // Nearly every row is one line; its right end is enough to know.
        if let Some(newline) = memchr(b'\n', &block[start..]) {
            let end = start + newline;
            if let Some(tail) = self.tail(&block[start..end]) {
                return (end, end + 1, Some(tail));
            }
        }
        let next = match self.next_start(&block[start..], 1, true) {
            Cut::At(next) => start + next,
            Cut::More => block.len(),
        };
        let end = next - usize::from(next > start && block[next - 1] == b'\n');
        (end, next, self.tail(&block[start..end]))
    }

    /// Says what is wrong with a row that can't be split.
    fn diagnose(self, row: &[u8], byte: u64) -> Fault {
        let fault = |field, message| Fault {
            byte,
            line: None,
            field,
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
            return fault(None, message);
        }
        // From the left as far as the key, from the right down to it: the key may hold commas.
        let behind_key = names.len() - 3;
        let right = &fields[fields.len() - behind_key..];
        let checks = names[..2].iter().zip(&fields[..2]);
        let checks = checks.chain(names[3..].iter().zip(right));
        // The quoted fields of redis-rdb-cli have no names of their own to complain about.
        for (name, field) in checks.filter(|_| self != RdbTools::RdbCli) {
            if let Some(expected) = complaint(name, field) {
                return fault(
                    Some(name),
                    format!("expected {expected}, found {}", excerpt(field)),
                );
            }
        }
        let example = match self {
            RdbTools::Plain => "0,string,key,56,string,1,1,",
            RdbTools::WithoutExpiry => "0,string,key,56,string,1,1",
            RdbTools::RdbCli => "0,string,\"key\",\"56B\",string,1,\"1B\",\"\"",
        };
        fault(
            None,
            format!(
                "expected a row such as `{example}`, found {}",
                excerpt(line)
            ),
        )
    }

    pub(super) fn header(self) -> &'static str {
        match self {
            RdbTools::WithoutExpiry => OLD_HEADER,
            RdbTools::Plain | RdbTools::RdbCli => HEADER,
        }
    }
}

/// How much of a damaged row is looked at to say what is wrong with it.
const DIAGNOSED_BYTES: usize = 64 << 10;

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

/// The left end of a row: `database,type,`.
#[inline]
fn head(row: &[u8]) -> Option<Head> {
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

fn is_type(word: &[u8]) -> bool {
    !matches!(KeyKind::from_word(word), KeyKind::Module | KeyKind::Unknown) || word == b"module"
}

#[inline]
fn is_encoding(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

#[inline]
fn is_expiry(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'+' | b'Z')
}

fn is_size(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.'
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
    fn rdb_cli_tail(mut self) -> Option<Tail> {
        let expiry = self.quoted(|byte| is_expiry(byte) || byte == b' ')?;
        self.comma()?;
        number::human_size(self.quoted(is_size)?)?;
        self.comma()?;
        let elements = self.integer()?;
        self.comma()?;
        self.word(is_encoding)?;
        self.comma()?;
        let size_bytes = number::human_size(self.quoted(is_size)?)?;
        self.comma()?;
        self.0 = self.0.strip_suffix(b"\"")?;
        Some(Tail {
            key_end: self.0.len(),
            size_bytes,
            elements,
            expires: !expiry.is_empty(),
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
