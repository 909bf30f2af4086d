//! The memory CSV of rdb-tools, a row a key, quoted so that every CSV reader gets the same keys.

use super::csv_guard::{cause, is_formula};
use crate::source::{KeyBatch, KeyKind, KeyRecord, Moment};
use std::io::{self, Write};

/// The columns of `rdb -c memory`. The quotes around one name say nothing to a CSV reader, and
/// tell slotkit that this file, other than rdb-tools' own, is quoted.
const HEADER: &[u8] =
    b"database,type,\"key\",size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";

/// Writes keys as rows.
pub struct MemoryCsv<W: Write> {
    writer: csv::Writer<W>,
    guards: bool,
    guarded: u64,
    scratch: Vec<u8>,
}

impl<W: Write> MemoryCsv<W> {
    /// Begins the file with its header. Keys that a spreadsheet would take for a formula get an
    /// apostrophe when it `guards`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(mut out: W, guards: bool) -> io::Result<MemoryCsv<W>> {
        out.write_all(HEADER)?;
        Ok(MemoryCsv {
            writer: csv::Writer::from_writer(out),
            guards,
            guarded: 0,
            scratch: Vec::new(),
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
        let key = match self.guards && is_formula(record.key) {
            true => {
                self.guarded += 1;
                self.scratch.clear();
                self.scratch.push(b'\'');
                self.scratch.extend_from_slice(record.key);
                &self.scratch
            }
            false => record.key,
        };
        let encoding = match facts.kind {
            KeyKind::String => "string",
            _ => facts.encoding.word(),
        };
        let kind = match facts.kind {
            KeyKind::Zset => "sortedset",
            kind => kind.word(),
        };
        self.writer
            .write_record([
                facts.db.to_string().as_bytes(),
                kind.as_bytes(),
                key,
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

    /// Ends the file; returns how many keys have an apostrophe that isn't theirs.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        Ok(self.guarded)
    }
}

/// A time in UTC as rdb-tools writes it: `2026-11-23T21:52:29.518000`, without the fraction when it is 0.
fn timestamp(moment: Moment) -> String {
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

    #[test]
    fn times_are_those_of_rdb_tools() {
        for (ms, text) in [
            (1_795_470_749_518, "2026-11-23T21:52:29.518000"),
            (951_782_400_000, "2000-02-29T00:00:00"),
        ] {
            assert_eq!(timestamp(Moment::from_unix_ms(ms)), text);
        }
    }
}
