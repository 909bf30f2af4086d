//! Standard CSV (RFC 4180) with a header: HDT3213/rdb, spreadsheets, queries.
//!
//! Rows end at a newline outside quotes. Which quotes open and close a field is
//! decided in one place ([`quotes`]), for whoever cuts and for whoever reads rows, so
//! that a cut falls between the rows that are read. A row with a quote where the
//! standard has none is refused.

mod detect;
mod fields;
mod header;
mod quotes;

use crate::source::batch::KeyBatch;
use crate::source::detect::repeats_header;
use crate::source::encoding::Encoding;
use crate::source::facts::KeyFacts;
use crate::source::format::Format;
use crate::source::formula_guard::FormulaGuard;
use crate::source::kind::KeyKind;
use crate::source::number;
use crate::source::row_errors::{RowError, RowErrors, excerpt};
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{ColumnNames, KeyDetails, LongRow, RowLayout};
use crate::source::timestamp::Timestamp;
pub(super) use detect::{guess, said};
use fields::Fields;
use memchr::memchr_iter;
#[cfg(test)]
pub(in crate::source) use quotes::PASSED_QUOTES;
use quotes::Quotes;
use std::borrow::Cow;

/// Which columns a CSV has, by number from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quoted {
    delimiter: u8,
    /// Whether keys have an apostrophe that isn't theirs.
    guard: FormulaGuard,
    /// The header, without its line end.
    header: Vec<u8>,
    /// The names of the columns, as the header has them.
    names: Vec<String>,
    key: usize,
    /// Whether a space stands before the key's name in the header.
    pads_key: bool,
    size: Option<usize>,
    kind: Option<usize>,
    db: Option<usize>,
    expiry: Option<usize>,
    encoding: Option<usize>,
}

impl RowLayout for Quoted {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from == 0 {
            return RowStart::At(0);
        }
        let mut quotes = Quotes::before_row(self.delimiter);
        let place = from - 1;
        for quote in memchr_iter(b'"', &bytes[..place]) {
            quotes.pass(bytes, quote);
        }
        match quotes.row_end(bytes, place) {
            Some(end) => RowStart::At(end),
            None => RowStart::at_end(bytes, is_last),
        }
    }

    fn look_behind(&self) -> Option<usize> {
        None
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors) {
        let block = std::mem::take(&mut batch.block);
        let bytes = &block[..batch.end];
        let mut fields = Fields::default();
        for _ in 0..rows {
            let begin = batch.cursor;
            if begin == bytes.len() {
                break;
            }
            batch.cursor = fields.read(bytes, begin, self.delimiter, b'\n');
            let row = without_line_end(&bytes[begin..batch.cursor]);
            if let Some(row_error) = self.read_row(row, &fields, begin, batch) {
                row_errors.push(row_error);
            }
        }
        batch.block = block;
    }

    fn key_details(&self) -> KeyDetails {
        KeyDetails {
            types: self.kind.is_some(),
            sizes: self.size.is_some(),
            databases: self.db.is_some(),
            counted: "keys",
            columns: ColumnNames::Header,
        }
    }

    fn long_row(&self) -> Option<Box<dyn LongRow>> {
        Some(Box::new(Quotes::before_row(self.delimiter)))
    }

    fn key_name(&self) -> Cow<'static, str> {
        Cow::Owned(self.name(self.key))
    }
}

impl Format {
    /// Standard CSV (RFC 4180) with a header.
    pub const CSV: Format = Format::of_keys("csv", "CSV with a header, quoted as in RFC 4180");
}

impl Quoted {
    /// Reads the row that begins there in the block, without its line end.
    fn read_row(
        &self,
        row: &[u8],
        fields: &Fields,
        begin: usize,
        batch: &mut KeyBatch,
    ) -> Option<RowError> {
        let byte = batch.offset + begin as u64;
        let row_error = |field: Option<String>, message| {
            Some(RowError {
                byte,
                line: None,
                field: field.map(Cow::Owned),
                message,
            })
        };
        if row.is_empty() {
            return None;
        }
        // A header of one column can't be told from a key of that name, and keys aren't dropped.
        if self.names.len() > 1 && repeats_header(&self.header, row) {
            batch.repeated_headers += 1;
            return None;
        }
        if !fields.are_sound() {
            return row_error(None, stray_quote(row));
        }
        if fields.len() != self.names.len() {
            return row_error(
                None,
                format!(
                    "expected a row of {} fields as in the header, found {}",
                    self.names.len(),
                    fields.len()
                ),
            );
        }
        match self.facts(fields) {
            Ok(facts) => {
                batch.unread_times += u64::from(facts.expires && facts.expires_at.is_none());
                batch.push_unescaped(begin, self.key_of(fields), facts);
                None
            }
            Err((column, message)) => row_error(Some(self.name(column)), message),
        }
    }

    /// The name of a column, fit for a message.
    fn name(&self, column: usize) -> String {
        const MOST_CHARACTERS: usize = 64;
        self.names[column]
            .escape_debug()
            .take(MOST_CHARACTERS)
            .collect()
    }

    /// A row's key, without the space that the header has before it too.
    fn key_of<'row>(&self, row: &'row Fields) -> &'row [u8] {
        let key = row.get(self.key);
        if self.pads_key {
            key.strip_prefix(b" ").unwrap_or(key)
        } else {
            self.guard.take_off(key)
        }
    }

    /// What is known of a row's key; or the column that can't be read, and why.
    fn facts(&self, row: &Fields) -> Result<KeyFacts, (usize, String)> {
        let field = |column: Option<usize>| column.map(|column| word(row, column));
        let size_column = self.size.filter(|column| !is_unknown(word(row, *column)));
        let size_bytes = self.number(row, size_column, number::whole, number::SIZE_EXPECTED)?;
        let db = self.number(row, self.db, number::database, "a database number")?;
        let expiry = field(self.expiry).filter(|text| !is_never(text));
        Ok(KeyFacts {
            size_bytes,
            elements: None,
            kind: field(self.kind).map_or(KeyKind::Unknown, KeyKind::from_word_in_any_case),
            db: db.unwrap_or(0),
            expires: expiry.is_some(),
            expires_at: expiry.and_then(Timestamp::of_dump),
            encoding: field(self.encoding).map_or(Encoding::Unknown, Encoding::from_word),
            command: None,
        })
    }

    /// A column's number, where there is such a column.
    fn number<N>(
        &self,
        row: &Fields,
        column: Option<usize>,
        read: impl Fn(&[u8]) -> Option<N>,
        expected: &str,
    ) -> Result<Option<N>, (usize, String)> {
        let Some(column) = column else {
            return Ok(None);
        };
        let text = word(row, column);
        let refused = || format!("expected {expected}, found {}", excerpt(text));
        read(text).map(Some).ok_or_else(|| (column, refused()))
    }
}

/// What stands for the size of a key that was gone when it was asked for, or of which nobody knows.
fn is_unknown(text: &[u8]) -> bool {
    is_never(text) && text != b"0"
}

/// What tools write for a key that doesn't expire: nothing, the server's answer to `TTL`, or what pandas has for nothing.
fn is_never(text: &[u8]) -> bool {
    let words: [&[u8]; 10] = [
        b"null", b"nil", b"(nil)", b"none", b"never", b"\\N", b"nan", b"nat", b"<na>", b"n/a",
    ];
    matches!(text, b"" | b"-1" | b"0") || words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// One quote too many makes a row of everything up to the next one.
fn stray_quote(raw: &[u8]) -> String {
    let message = "expected quotes around whole fields, doubled inside, found a stray quote";
    match memchr_iter(b'\n', raw.trim_ascii_end()).count() {
        0 => message.to_owned(),
        more => format!("{message} in a row of {} lines", more + 1),
    }
}

/// A field that is no key, without spaces around it.
fn word(row: &Fields, column: usize) -> &[u8] {
    row.get(column).trim_ascii()
}

fn without_line_end(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

#[cfg(test)]
mod tests {
    use crate::error::Result;
    use crate::source::{KeyBatch, KeyFacts, KeySource, Options, Source};
    use std::io::Cursor;

    /// The keys of a CSV, and how many times couldn't be read.
    fn keys(text: &str) -> Result<(Vec<(String, KeyFacts)>, u64)> {
        let bytes = Cursor::new(text.to_owned());
        let mut source = Source::from_reader("input", bytes, &Options::default())?;
        let mut batch = KeyBatch::new();
        let mut keys = Vec::new();
        while source.next_batch(&mut batch)? {
            keys.extend(batch.records().map(|record| {
                let key = String::from_utf8_lossy(record.key).into_owned();
                (key, record.facts)
            }));
        }
        Ok((keys, source.findings().unread_times))
    }

    #[test]
    fn times_are_read_in_any_usual_form_or_counted() {
        let truth = Some(1_795_470_720_000);
        for (text, expires, ms) in [
            ("1795470720", true, truth),
            ("1795470720000", true, truth),
            ("2026-11-23 21:52", true, truth),
            ("2026-11-23T21:52:00Z", true, truth),
            ("2026-11-23 22:52:00+01", true, truth),
            ("2026-11-23 21:52:00+00:00", true, truth),
            ("NaT", false, None),
            ("-1", false, None),
            ("NULL", false, None),
            ("never", false, None),
            ("3600", true, None),
            ("tomorrow", true, None),
            ("17954707200000000", true, None),
            ("17954707200", true, None),
            ("10000000000000", true, Some(10_000_000_000_000)),
            ("2026-11-23 2x:52", true, None),
        ] {
            let (keys, unread) = keys(&format!("key,expiry\na,{text}\n")).expect("it reads");
            let facts = keys[0].1;
            let found = facts.expires_at.map(|at| at.unix_ms());
            assert_eq!((facts.expires, found), (expires, ms), "{text}");
            assert_eq!(unread, u64::from(expires && ms.is_none()), "{text}");
        }
    }

    #[test]
    fn a_size_may_be_unknown() {
        for text in ["", "NULL", "nil", "(nil)", "-1", "NaN", "<NA>"] {
            let (keys, _) = keys(&format!("key,size\na,{text}\nb,5\n")).expect("it reads");
            let sizes: Vec<_> = keys.iter().map(|(_, facts)| facts.size_bytes).collect();
            assert_eq!(sizes, [None, Some(5)], "{text}");
        }
        let (read, _) = keys("key,size\na,56.0\nb,\n").expect("it reads");
        assert_eq!(read[0].1.size_bytes, Some(56));
        assert!(keys("key,size\na,56.5\n").is_err());
        assert!(keys("key,size\na,-2\n").is_err());
        assert!(keys("key,size\na,x\n").is_err());
    }

    #[test]
    fn spaces_behind_delimiters_are_taken_off_as_in_the_header() {
        for (text, key) in [
            ("key, size\na, 5\n", "a"),
            ("size, key\n5, a\n", "a"),
            ("size,key\n5, a\n", " a"),
            ("size, key\n5,a \n", "a "),
        ] {
            let (keys, _) = keys(text).expect("it reads");
            assert_eq!(keys[0].0, key, "{text}");
            assert_eq!(keys[0].1.size_bytes, Some(5), "{text}");
        }
    }
}
