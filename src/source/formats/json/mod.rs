//! A JSON array of strings: a list of keys as `redis-cli --json KEYS` and programs write it.
//!
//! A row is an element with the comma behind it, so that the array is read in bounded memory however long it is.
//! Several arrays, one behind another, are one list. What a string's escapes mean is RFC 8259's; bytes that aren't
//! UTF-8 stand in it as they are, as redis-cli leaves them.

mod detect;

use crate::source::batch::KeyBatch;
use crate::source::facts::KeyFacts;
use crate::source::format::Format;
use crate::source::json_text::unescape;
use crate::source::row_errors::{RowError, RowErrors, excerpt};
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{KeyDetails, KeyForm, LongRow, RowLayout};
pub(super) use detect::{guess, said};
use memchr::memchr2;

/// How an array's rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Strings {
    /// The offset in the input of the first bracket.
    begin: u64,
}

impl RowLayout for Strings {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from == 0 {
            return RowStart::At(0);
        }
        let mut scan = Scan::default();
        let mut seen = 0;
        while let Some(end) = scan.row_end(bytes, seen) {
            if end >= from {
                return RowStart::At(end);
            }
            seen = end;
        }
        RowStart::at_end(bytes, is_last)
    }

    fn look_behind(&self) -> Option<usize> {
        None
    }

    fn key_details(&self) -> KeyDetails {
        KeyDetails::NAMES
    }

    fn key_form(&self) -> KeyForm {
        KeyForm::OwnEscapes
    }

    fn long_row(&self) -> Option<Box<dyn LongRow>> {
        Some(Box::new(Scan::default()))
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors) {
        let block = std::mem::take(&mut batch.block);
        let mut key = Vec::new();
        let mut element = Element {
            bytes: &block[..batch.end],
            at: batch.cursor,
        };
        for _ in 0..rows {
            let is_outside = batch.offset + element.at as u64 == self.begin;
            match element.next(is_outside, &mut key) {
                Ok(Some(place)) => {
                    batch.push_unescaped(place, &key, KeyFacts::UNKNOWN);
                }
                Ok(None) => break,
                Err((place, message)) => {
                    row_errors.push(RowError {
                        byte: batch.offset + place as u64,
                        line: None,
                        field: None,
                        message,
                    });
                }
            }
        }
        batch.cursor = element.at;
        batch.block = block;
    }
}

impl Format {
    /// A JSON array of strings, each a key.
    pub const JSON: Format = Format::of_keys("json", "A JSON array of strings, each a key");
}

/// Where rows end, of bytes that are looked at once.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    is_inside: bool,
    /// The bytes are at an escaped one.
    is_escaped: bool,
}

impl LongRow for Scan {
    fn drop_front(&mut self, _: usize) {}

    fn row_end(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if std::mem::take(&mut self.is_escaped) {
                at += 1;
            }
            let rest = bytes.get(at..)?;
            if self.is_inside {
                at += memchr2(b'"', b'\\', rest)? + 1;
                match bytes[at - 1] {
                    b'"' => self.is_inside = false,
                    _ => self.is_escaped = at == bytes.len(),
                }
                // An escaped byte that isn't there yet is passed by the next call.
                if bytes[at - 1] == b'\\' && at < bytes.len() {
                    at += 1;
                }
            } else {
                at += memchr2(b'"', b',', rest)? + 1;
                match bytes[at - 1] {
                    b',' => return Some(at),
                    _ => self.is_inside = true,
                }
            }
        }
    }
}

/// The elements of a block, one after another.
struct Element<'block> {
    bytes: &'block [u8],
    at: usize,
}

impl Element<'_> {
    /// The next key and where it begins; nothing at the end of the block. `is_outside` holds at the beginning of
    /// the input, before the first bracket.
    ///
    /// # Errors
    /// What isn't a string, with its place; it is passed over up to the next element.
    fn next(
        &mut self,
        is_outside: bool,
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, (usize, String)> {
        self.blanks();
        if is_outside {
            self.at += usize::from(self.byte() == Some(b'['));
            self.blanks();
            if self.byte() == Some(b']') {
                self.end_array()?;
            }
        }
        let Some(first) = self.byte() else {
            return Ok(None);
        };
        let begin = self.at;
        if first != b'"' {
            self.pass();
            let message = format!(
                "expected a string as an element of the JSON array, found {}",
                excerpt(&self.bytes[begin..self.at.min(begin + 64)])
            );
            return Err((begin, message));
        }
        let Some(length) = string_length(&self.bytes[begin..]) else {
            self.at = self.bytes.len();
            return Err((
                begin,
                "expected the end of a JSON string, found the end of the file".to_owned(),
            ));
        };
        self.at += length;
        key.clear();
        let read = unescape(&self.bytes[begin + 1..self.at - 1], key);
        self.behind_string()?;
        match read {
            Ok(()) => Ok(Some(begin)),
            Err((place, message)) => Err((begin + 1 + place, message)),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes the comma behind a string, or the bracket at the end and that of an array behind it.
    fn behind_string(&mut self) -> Result<(), (usize, String)> {
        self.blanks();
        match self.byte() {
            Some(b',') => self.at += 1,
            Some(b']') => return self.end_array(),
            None => {
                let message = "expected `,` or `]` behind an element of the JSON array, found the end of the file";
                return Err((self.at, message.to_owned()));
            }
            Some(_) => {
                let place = self.at;
                self.pass();
                let message = format!(
                    "expected `,` or `]` behind an element of the JSON array, found {}",
                    excerpt(&self.bytes[place..self.at.min(place + 64)])
                );
                return Err((place, message));
            }
        }
        Ok(())
    }

    /// Passes the bracket at the end of an array, empty arrays behind it, and the bracket of the next one.
    fn end_array(&mut self) -> Result<(), (usize, String)> {
        loop {
            self.at += 1;
            self.blanks();
            match self.byte() {
                None => return Ok(()),
                Some(b'[') => {
                    self.at += 1;
                    self.blanks();
                    if self.byte() != Some(b']') {
                        return Ok(());
                    }
                }
                Some(_) => {
                    let place = self.at;
                    self.pass();
                    let message = format!(
                        "expected nothing behind the JSON array, found {}",
                        excerpt(&self.bytes[place..self.at.min(place + 64)])
                    );
                    return Err((place, message));
                }
            }
        }
    }

    /// Passes what can't be read, up to behind the next comma outside strings.
    fn pass(&mut self) {
        let end = Scan::default().row_end(self.bytes, self.at);
        self.at = end.unwrap_or(self.bytes.len());
    }
}

/// How long a string is, both quotes included.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Result;
    use crate::source::{KeyBatch, KeySource, OnError, Options, Source};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn options(part_bytes: usize) -> Options {
        Options {
            part_bytes,
            ..Options::default()
        }
    }

    fn keys(text: impl Into<Vec<u8>>, options: &Options) -> Result<Vec<Vec<u8>>> {
        let mut source = Source::from_reader("input", Cursor::new(text.into()), options)?;
        let mut batch = KeyBatch::new();
        let mut keys = Vec::new();
        while source.next_batch(&mut batch)? {
            keys.extend(batch.records().map(|record| record.key.to_vec()));
        }
        assert_eq!(source.format(), "json");
        Ok(keys)
    }

    fn read(text: &str) -> Vec<String> {
        let keys = keys(text, &Options::default()).expect("it reads");
        keys.iter()
            .map(|key| key.escape_ascii().to_string())
            .collect()
    }

    #[test]
    fn arrays_of_strings_are_lists() {
        for (text, expected) in [
            ("[\"a\",\"b\"]", "a b"),
            ("[\n  \"a\",\n  \"b\"\n]\n", "a b"),
            ("\u{feff} [ \"a\" , \"\" ] ", "a "),
            ("[\"a\"]\n[\"b\",\"c\"]\n", "a b c"),
            ("[]\n[\"b\"] [] ", "b"),
            (
                "[\"a,b\",\"]\",\"[\",\"\\\\\",\"\\\"\"]",
                "a,b ] [ \\\\ \\\"",
            ),
            (
                "[\"\\u0000\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\"]",
                "\\x00\\xc3\\xa9\\xf0\\x9f\\x98\\x80/\\x08\\x0c\\n\\r\\t",
            ),
        ] {
            assert_eq!(read(text).join(" "), expected, "{text}");
        }
        // Bytes that aren't UTF-8 are what redis-cli --json leaves as they are.
        let raw = keys(&b"[\"\xff\x80\"]"[..], &Options::default()).expect("it reads");
        assert_eq!(raw, [b"\xff\x80"]);
    }

    #[test]
    fn what_is_no_string_is_named_with_its_byte() {
        for (text, byte, word) in [
            ("[\"a\",1]", 5, "found `1]`"),
            ("[\"a\",[\"b\"]]", 5, "a string as an element"),
            ("[\"a\",{\"b\":1}]", 5, "a string as an element"),
            ("[\"a\",null,\"b\"]", 5, "found `null,`"),
            ("[\"a\" \"b\"]", 5, "`,` or `]`"),
            ("[\"a\"", 4, "end of the file"),
            ("[\"a\",\"b", 5, "end of a JSON string"),
            ("[\"a\"] x", 6, "nothing behind"),
            ("[\"a\",]", 5, "a string as an element"),
            ("[\"a\",\"\\ud800\"]", 6, "surrogates"),
            ("[\"a\",\"\\ud800\\u0041\"]", 6, "surrogates"),
            ("[\"a\",\"\\udc00\"]", 6, "surrogates"),
            ("[\"a\",\"x\\q\"]", 7, "an escape of JSON"),
            ("[\"a\",\"x\\u12g4\"]", 7, "an escape of JSON"),
            ("[\"a\",\"x\ny\"]", 7, "0x0A"),
        ] {
            let line = keys(text, &Options::default())
                .expect_err("refused")
                .one_line();
            assert!(line.contains(&format!("byte {byte}:")), "{text}: {line}");
            assert!(line.contains(word), "{text}: {line}");
        }
    }

    #[test]
    fn what_is_no_string_is_passed_over_if_asked() {
        let skipping = Options {
            on_error: OnError::Skip,
            max_row_bytes: 2_000,
            part_bytes: 100,
            ..Options::default()
        };
        let long = format!(
            "[\"a\",1,\"b\",\"{}\\\"\",[\"c\"],\"d\"]",
            "x,".repeat(200_000)
        );
        let read = keys(long, &skipping).expect("it reads");
        assert_eq!(read, [&b"a"[..], b"b", b"d"]);
    }

    proptest! {
        #[test]
        fn any_keys_come_back_from_any_cut(
            keys_before in proptest::collection::vec(".{0,12}", 1..40),
            part_bytes in 1usize..60,
            is_pretty in any::<bool>(),
        ) {
            let json = if is_pretty { serde_json::to_string_pretty(&keys_before) } else { serde_json::to_string(&keys_before) };
            let read = keys(json.expect("JSON"), &options(part_bytes)).expect("it reads");
            let read: Vec<String> = read.into_iter().map(|key| String::from_utf8(key).expect("UTF-8")).collect();
            prop_assert_eq!(read, keys_before);
        }

        #[test]
        fn nothing_panics(text in "\\[\"[\\[\\]\",\\\\u0-9a-d \n]{0,40}", part_bytes in 1usize..9) {
            let _ = Source::from_reader("input", Cursor::new(text.clone()), &options(part_bytes)).map(|mut source| {
                let mut batch = KeyBatch::new();
                for _ in 0..100 {
                    if !matches!(source.next_batch(&mut batch), Ok(true)) { break; }
                }
            });
        }
    }
}
