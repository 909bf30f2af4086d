//! The memory CSV of rdb-tools, a row a key, quoted so that every CSV reader gets the same keys.

use super::csv_guard::cause;
use crate::source::{Encoding, Escape, FormulaGuard, KeyBatch, KeyKind, KeyRecord, Timestamp};
use std::io::{self, Write};

/// Writes keys as rows.
pub struct MemoryCsv<W: Write> {
    writer: csv::Writer<W>,
    escape: Escape,
    guard: FormulaGuard,
    changed: Changed,
    /// A key in the making.
    key: Vec<u8>,
}

/// What of the keys doesn't stand in the CSV as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Keys with an apostrophe that isn't theirs.
    pub guarded: u64,
    /// Keys that are written with escapes.
    pub escaped: u64,
    /// Keys that expire in the year 9999 or later, which four digits can't tell apart.
    pub late: u64,
}

impl<W: Write> MemoryCsv<W> {
    /// Begins the file with its header, which says how keys are written. A key that a spreadsheet would take for a
    /// formula gets an apostrophe before it with [`FormulaGuard::On`].
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(mut out: W, escape: Escape, guard: FormulaGuard) -> io::Result<MemoryCsv<W>> {
        writeln!(out, "{}", guard.header(escape == Escape::Hex))?;
        Ok(MemoryCsv {
            writer: csv::Writer::from_writer(out),
            escape,
            guard,
            changed: Changed::default(),
            key: Vec::new(),
        })
    }

    /// Writes the keys of a batch. What isn't known of a key is an empty field.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&mut self, batch: &KeyBatch) -> io::Result<()> {
        let longest = batch.longest().iter().copied().map(Some);
        for (record, longest) in batch.records().zip(longest.chain(std::iter::repeat(None))) {
            self.row(record, longest)?;
        }
        Ok(())
    }

    fn row(&mut self, record: KeyRecord<'_>, longest: Option<u64>) -> io::Result<()> {
        let facts = record.facts;
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        self.write_key(record.key);
        self.changed.late += u64::from(facts.expires_at.is_some_and(Timestamp::is_end));
        let encoding = match facts.kind {
            KeyKind::String => "string",
            _ if facts.encoding == Encoding::Unknown => "",
            _ => facts.encoding.word(),
        };
        let kind = match facts.kind {
            KeyKind::Zset => "sortedset",
            KeyKind::Unknown => "",
            kind => kind.word(),
        };
        self.writer
            .write_record([
                facts.db.to_string().as_bytes(),
                kind.as_bytes(),
                &self.key,
                number(facts.size_bytes).as_bytes(),
                encoding.as_bytes(),
                number(facts.elements).as_bytes(),
                number(longest).as_bytes(),
                facts
                    .expires_at
                    .map(timestamp)
                    .unwrap_or_default()
                    .as_bytes(),
            ])
            .map_err(cause)
    }

    /// Puts a key together as it is written.
    fn write_key(&mut self, key: &[u8]) {
        self.key.clear();
        self.escape.escape(key, &mut self.key);
        self.changed.escaped += u64::from(self.key != key);
        if self.guard == FormulaGuard::On && FormulaGuard::is_needed(&self.key) {
            self.key.insert(0, b'\'');
            self.changed.guarded += 1;
        }
    }

    /// Ends the file; returns what of the keys isn't in it as it is.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<Changed> {
        self.writer.flush()?;
        Ok(self.changed)
    }
}

/// A time in UTC as rdb-tools writes it: `2026-11-23T21:52:29.518000`, without the fraction when it is 0.
fn timestamp(moment: Timestamp) -> String {
    let text = moment.to_string();
    let second = text.trim_end_matches('Z');
    match moment.unix_ms() % 1000 {
        0 => second.to_owned(),
        fraction => format!("{second}.{:06}", fraction * 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{KeySource, Options, Source};
    use proptest::prelude::*;

    /// What a CSV of these keys is read as.
    fn back(keys: &[Vec<u8>], escape: Escape, guard: FormulaGuard) -> Vec<Vec<u8>> {
        let mut csv = MemoryCsv::new(Vec::new(), escape, guard).expect("written");
        for key in keys {
            let facts = crate::source::KeyFacts::UNKNOWN;
            csv.row(KeyRecord { key, facts }, None).expect("written");
        }
        csv.writer.flush().expect("written");
        let text = csv.writer.into_inner().expect("written");
        let options = Options {
            escape: (escape != Escape::Hex).then_some(escape),
            ..Options::default()
        };
        let mut source =
            Source::from_reader("a.csv", io::Cursor::new(text), &options).expect("it is a CSV");
        let (mut batch, mut read) = (KeyBatch::new(), Vec::new());
        while source.next_batch(&mut batch).expect("it reads") {
            read.extend(batch.records().map(|record| record.key.to_vec()));
        }
        read
    }

    proptest! {
        #[test]
        fn any_keys_come_back(
            keys in proptest::collection::vec(
                proptest::collection::vec(
                    proptest::sample::select(b"'=+-@\\\\x0A41\"\",\n\r\t\0\xff\xc3\xa9 a:".to_vec()), 0..9),
                1..20),
        ) {
            for guard in [FormulaGuard::On, FormulaGuard::Off] {
                for escape in [Escape::Hex, Escape::Raw, Escape::Quoted] {
                    prop_assert_eq!(&back(&keys, escape, guard), &keys, "{:?} {:?}", escape, guard);
                }
            }
        }
    }

    #[test]
    fn times_are_those_of_rdb_tools() {
        for (ms, text) in [
            (1_795_470_749_518, "2026-11-23T21:52:29.518000"),
            (951_782_400_000, "2000-02-29T00:00:00"),
        ] {
            assert_eq!(timestamp(Timestamp::from_unix_ms(ms)), text);
        }
    }
}
