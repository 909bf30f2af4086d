//! Splits a row of CSV into fields.

use super::quotes::{Quote, Quotes};
use memchr::memchr3_iter;
use std::ops::Range;

/// The fields of one row, without their quotes; read into again for the next one.
#[derive(Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
    has_stray: bool,
}

impl Fields {
    /// Reads the row that begins at `begin` and ends behind the next `end` outside of quotes; says where that
    /// is. A carriage return before the end of the last field belongs to the line end, unless it is in quotes.
    pub(super) fn read(&mut self, bytes: &[u8], begin: usize, delimiter: u8, end: u8) -> usize {
        self.bytes.clear();
        self.ends.clear();
        self.has_stray = false;
        let mut quotes = Quotes::before_row(delimiter);
        // What wasn't copied yet begins here; and where quotes of this field were closed.
        let (mut from, mut closed) = (begin, None);
        for place in memchr3_iter(b'"', delimiter, end, &bytes[begin..]) {
            let at = begin + place;
            match bytes[at] {
                b'"' => match quotes.pass(bytes, at) {
                    Quote::Opens => from = at + 1,
                    Quote::Closes => {
                        self.bytes.extend_from_slice(&bytes[from..at]);
                        (from, closed) = (at + 1, Some(at + 1));
                    }
                    Quote::Doubled => closed = None,
                    Quote::Stray => self.has_stray = true,
                },
                _ if quotes.are_open() => {}
                byte if byte == end => {
                    self.end_row(bytes, from..at, closed);
                    return at + 1;
                }
                _ => {
                    self.end_field(bytes, from..at, closed);
                    (from, closed) = (at + 1, None);
                }
            }
        }
        self.has_stray |= quotes.are_open();
        self.end_row(bytes, from..bytes.len(), closed);
        bytes.len()
    }

    fn end_row(&mut self, bytes: &[u8], rest: Range<usize>, closed: Option<usize>) {
        let has_return = bytes[rest.clone()].ends_with(b"\r");
        self.end_field(
            bytes,
            rest.start..rest.end - usize::from(has_return),
            closed,
        );
    }

    fn end_field(&mut self, bytes: &[u8], rest: Range<usize>, closed: Option<usize>) {
        self.has_stray |= closed.is_some_and(|closed| closed != rest.end);
        self.bytes.extend_from_slice(&bytes[rest]);
        self.ends.push(self.bytes.len());
    }

    /// Whether every quote opens a field, closes one, or is doubled inside one.
    pub(super) fn are_sound(&self) -> bool {
        !self.has_stray
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field of a column, which the row must have.
    pub(super) fn get(&self, column: usize) -> &[u8] {
        let begin = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin..self.ends[column]]
    }

    /// All fields of the row, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|column| self.get(column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::{ByteRecord, ReaderBuilder, Terminator};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_are_those_that_the_csv_crate_reads(text in "[a,\"\n\r]{0,24}") {
            let bytes = text.as_bytes();
            let mut reader = ReaderBuilder::new()
                .flexible(true)
                .has_headers(false)
                .terminator(Terminator::Any(b'\n'))
                .from_reader(bytes);
            let (mut fields, mut at) = (Fields::default(), 0);
            let mut record = ByteRecord::new();
            while reader.read_byte_record(&mut record).expect("bytes in memory") {
                while bytes[at] == b'\n' {
                    at += 1;
                }
                let begin = at;
                at = fields.read(bytes, begin, b',', b'\n');
                prop_assert_eq!(at as u64, reader.position().byte());
                let mut expected: Vec<&[u8]> = record.iter().collect();
                let row = bytes[begin..at].strip_suffix(b"\n").unwrap_or(&bytes[begin..at]);
                if row.ends_with(b"\r") && fields.are_sound() {
                    let last = expected.pop().expect("a field");
                    expected.push(last.strip_suffix(b"\r").unwrap_or(last));
                }
                if fields.are_sound() {
                    prop_assert_eq!(fields.iter().collect::<Vec<_>>(), expected);
                }
            }
        }
    }

    #[test]
    fn a_quote_where_the_standard_has_none_is_stray() {
        let is_sound = |row: &str| {
            let mut fields = Fields::default();
            fields.read(row.as_bytes(), 0, b',', b'\n');
            fields.are_sound()
        };
        for row in [
            "\"a\",b\n",
            "\"a\"\"b\"\r\n",
            "\"\"",
            "a,\"\"",
            "\"a\nb\",c",
        ] {
            assert!(is_sound(row), "{row}");
        }
        for row in [
            "a\"b\n",
            "\"a\"b,c\n",
            "\"a",
            "\"\"\"",
            "\"a\" ,b\n",
            "a,b\"\"\n",
            "\"a\"\r\r\n",
        ] {
            assert!(!is_sound(row), "{row}");
        }
    }
}
