//! Standard CSV (RFC 4180) with a header: HDT3213/rdb, spreadsheets, queries.
//!
//! The `csv` crate reads the fields. Rows end at a newline outside quotes; which
//! quotes open and close a field is decided as the crate does, so that a cut
//! falls between the rows that it reads. A row with a quote where the standard
//! has none is refused.

mod detect;
mod header;

use crate::source::batch::KeyBatch;
use crate::source::cut::Cut;
use crate::source::detect::{UTF8_MARK, repeats_header};
use crate::source::encoding::Encoding;
use crate::source::facts::KeyFacts;
use crate::source::fault::{Fault, Faults, excerpt};
use crate::source::format::Format;
use crate::source::guard::Guard;
use crate::source::kind::KeyKind;
use crate::source::moment::Moment;
use crate::source::number;
use crate::source::rows::{LongRow, Names, Rows, Tells};
use csv::{ByteRecord, ReaderBuilder, Terminator};
pub(super) use detect::{guess, said};
use memchr::{memchr, memchr_iter, memchr2};
use std::borrow::Cow;
use std::io::Read;

/// Which columns a CSV has, by number from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quoted {
    delimiter: u8,
    /// Whether keys have an apostrophe that isn't theirs.
    guard: Guard,
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

impl Rows for Quoted {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> Cut {
        if from == 0 {
            return Cut::At(0);
        }
        let mut quotes = self.quotes();
        let place = from - 1;
        memchr_iter(b'"', &bytes[..place]).for_each(|quote| quotes.pass(bytes, quote));
        match quotes.row_end(bytes, place) {
            Some(end) => Cut::At(end),
            None => Cut::at_end(bytes, is_last),
        }
    }

    fn look_behind(&self) -> Option<usize> {
        None
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, faults: &mut Faults) {
        let block = std::mem::take(&mut batch.block);
        let rest = &block[batch.cursor..batch.end];
        // A bare carriage return is data: only a newline ends a row.
        let mut builder = ReaderBuilder::new();
        builder
            .flexible(true)
            .delimiter(self.delimiter)
            .terminator(Terminator::Any(b'\n'));
        // The crate drops a byte-order mark where it begins to read. Here that is any row, and the
        // mark belongs to its first field: an empty line before it, which is passed over, keeps it.
        let before = if rest.starts_with(UTF8_MARK) {
            "\n"
        } else {
            ""
        };
        let mut reader = builder.from_reader(before.as_bytes().chain(rest));
        // Without a header the crate would keep two copies of the first row, which may be long.
        reader.set_byte_headers(ByteRecord::new());
        let mut record = ByteRecord::new();
        let mut from = 0;
        for _ in 0..rows {
            // Reading from memory into a ByteRecord can't fail.
            if !reader.read_byte_record(&mut record).unwrap_or(false) {
                from = rest.len();
                break;
            }
            let begins = record
                .position()
                .map_or(from, |at| (at.byte() as usize).saturating_sub(before.len()));
            // The crate passes over empty lines before a record and counts them in.
            let empty = rest[begins..].iter().take_while(|byte| **byte == b'\n');
            let begins = begins + empty.count();
            let raw = &rest[begins.min(rest.len())..];
            from = reader.position().byte() as usize - before.len();
            let byte = batch.offset + (batch.cursor + begins) as u64;
            if let Some(fault) =
                self.read_row(&raw[..from.saturating_sub(begins)], &record, byte, batch)
            {
                faults.push(fault);
            }
        }
        batch.cursor += from;
        batch.block = block;
    }

    fn tells(&self) -> Tells {
        Tells {
            types: self.kind.is_some(),
            sizes: self.size.is_some(),
            databases: self.db.is_some(),
            counted: "keys",
            columns: Names::Header,
        }
    }

    fn long_row(&self) -> Option<Box<dyn LongRow>> {
        Some(Box::new(self.quotes()))
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
    /// The quotes at the beginning of a row: none is open.
    fn quotes(&self) -> Quotes {
        Quotes {
            delimiter: self.delimiter,
            are_open: false,
            behind_close: usize::MAX,
        }
    }

    fn read_row(
        &self,
        raw: &[u8],
        record: &ByteRecord,
        byte: u64,
        batch: &mut KeyBatch,
    ) -> Option<Fault> {
        let fault = |field: Option<String>, message| {
            Some(Fault {
                byte,
                line: None,
                field: field.map(Cow::Owned),
                message,
            })
        };
        // The crate passes over lines without a byte; with a carriage return they are as blank.
        if without_line_end(raw).is_empty() {
            return None;
        }
        // A header of one column can't be told from a key of that name, and keys aren't dropped.
        if self.names.len() > 1 && repeats_header(&self.header, without_line_end(raw)) {
            batch.repeated_headers += 1;
            return None;
        }
        if memchr(b'"', raw).is_some() && !has_sound_quotes(raw, self.delimiter) {
            return fault(None, stray_quote(raw));
        }
        if record.len() != self.names.len() {
            return fault(
                None,
                format!(
                    "expected a row of {} fields as in the header, found {}",
                    self.names.len(),
                    record.len()
                ),
            );
        }
        let row = Row {
            record,
            // One inside quotes is a part of the field.
            has_cr: raw.strip_suffix(b"\n").unwrap_or(raw).ends_with(b"\r"),
        };
        match self.facts(&row) {
            Ok(facts) => {
                let place = (byte - batch.offset) as usize;
                batch.unread_times += u64::from(facts.expires && facts.expires_at.is_none());
                batch.push_unescaped(place, self.key_of(&row), facts);
                None
            }
            Err((column, message)) => fault(Some(self.name(column)), message),
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
    fn key_of<'row>(&self, row: &'row Row<'_>) -> &'row [u8] {
        let key = row.field(self.key);
        match self.pads_key {
            true => key.strip_prefix(b" ").unwrap_or(key),
            false => self.guard.take_off(key),
        }
    }

    /// What is known of a row's key; or the column that can't be read, and why.
    fn facts(&self, row: &Row<'_>) -> Result<KeyFacts, (usize, String)> {
        let field = |column: Option<usize>| column.map(|column| row.word(column));
        let size_column = self.size.filter(|column| !is_unknown(row.word(*column)));
        let size_bytes = self.number(row, size_column, number::whole, number::SIZE_EXPECTED)?;
        let db = self.number(row, self.db, number::database, "a database number")?;
        let expiry = field(self.expiry).filter(|text| !is_never(text));
        Ok(KeyFacts {
            size_bytes,
            elements: None,
            kind: field(self.kind).map_or(KeyKind::Unknown, KeyKind::from_word_in_any_case),
            db: db.unwrap_or(0),
            expires: expiry.is_some(),
            expires_at: expiry.and_then(Moment::of_dump),
            encoding: field(self.encoding).map_or(Encoding::Unknown, Encoding::from_word),
            command: None,
        })
    }

    /// A column's number, where there is such a column.
    fn number<N>(
        &self,
        row: &Row<'_>,
        column: Option<usize>,
        read: impl Fn(&[u8]) -> Option<N>,
        expected: &str,
    ) -> Result<Option<N>, (usize, String)> {
        let Some(column) = column else {
            return Ok(None);
        };
        let text = row.word(column);
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

/// A row's fields.
struct Row<'record> {
    record: &'record ByteRecord,
    /// Whether a carriage return stands before the newline.
    has_cr: bool,
}

impl Row<'_> {
    /// A field, without the carriage return before the newline.
    fn field(&self, column: usize) -> &[u8] {
        let field = &self.record[column];
        match self.has_cr && column + 1 == self.record.len() {
            true => field.strip_suffix(b"\r").unwrap_or(field),
            false => field,
        }
    }

    /// A field that is no key, without spaces around it.
    fn word(&self, column: usize) -> &[u8] {
        self.field(column).trim_ascii()
    }
}

#[cfg(test)]
thread_local! {
    /// How many quotes this thread passed so far.
    pub(in crate::source) static PASSED_QUOTES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Which quotes enclose a field, from the beginning of a row on.
struct Quotes {
    delimiter: u8,
    are_open: bool,
    /// Behind the last quote that closed a field: another one there is a quote of the field.
    behind_close: usize,
}

impl LongRow for Quotes {
    /// Passes the quotes from a place on.
    fn row_end(&mut self, bytes: &[u8], mut place: usize) -> Option<usize> {
        while let Some(found) = memchr2(b'"', b'\n', &bytes[place..]) {
            place += found + 1;
            if bytes[place - 1] == b'"' {
                self.pass(bytes, place - 1);
            } else if !self.are_open {
                return Some(place);
            }
        }
        None
    }

    fn drop_front(&mut self, bytes: usize) {
        self.behind_close = self.behind_close.checked_sub(bytes).unwrap_or(usize::MAX);
    }
}

impl Quotes {
    /// Passes the next quote of these bytes.
    #[inline]
    fn pass(&mut self, bytes: &[u8], quote: usize) {
        #[cfg(test)]
        PASSED_QUOTES.with(|passed| passed.set(passed.get() + 1));
        if self.are_open {
            self.are_open = false;
            self.behind_close = quote + 1;
            return;
        }
        let begins_field = match quote.checked_sub(1) {
            Some(before) => bytes[before] == b'\n' || bytes[before] == self.delimiter,
            None => true,
        };
        self.are_open = begins_field || quote == self.behind_close;
    }
}

fn without_line_end(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Whether every quote of a row opens a field, closes one, or is doubled inside one.
fn has_sound_quotes(row: &[u8], delimiter: u8) -> bool {
    let mut rest = without_line_end(row);
    loop {
        let behind = match rest.strip_prefix(b"\"") {
            Some(inside) => match behind_quotes(inside) {
                Some(behind) => behind,
                None => return false,
            },
            None => {
                let end = memchr(delimiter, rest).unwrap_or(rest.len());
                if memchr(b'"', &rest[..end]).is_some() {
                    return false;
                }
                &rest[end..]
            }
        };
        match behind.split_first() {
            None => return true,
            Some((byte, next)) if *byte == delimiter => rest = next,
            Some(_) => return false,
        }
    }
}

/// What is behind the quote that closes a field.
fn behind_quotes(mut inside: &[u8]) -> Option<&[u8]> {
    loop {
        let quote = memchr(b'"', inside)?;
        inside = &inside[quote + 1..];
        match inside.strip_prefix(b"\"") {
            Some(rest) => inside = rest,
            None => return Some(inside),
        }
    }
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
