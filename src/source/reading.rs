//! Rows of a block, to keys of a batch: split, unescaped, sifted.

use super::Options;
use super::batch::{BATCH_ROWS, KeyBatch};
use super::cut::Layout;
use super::escape::{Escape, Unescaped, inside_quotes};
use super::fault::{Fault, Faults, excerpt};
use super::filter::Filter;
use super::formats::monitor;
use super::formats::rdb_csv::RdbTools;
use super::unanswered::unanswered;
use crate::slot::ListFormat;
use memchr::memchr_iter;
use std::borrow::Cow;

/// How rows become keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) layout: Layout,
    pub(super) escape: Escape,
    pub(super) filter: Filter,
}

/// What reading found besides keys.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Rows that couldn't be read.
    pub faults: Faults,
    /// Keys that were unescaped although the tool would have written the same for another key.
    pub ambiguous_keys: u64,
    /// Keys that the filter left out.
    pub filtered_keys: u64,
    /// How long an RDB file is, as far as it was read.
    pub file_bytes: u64,
    /// How many of these are keys whose size in memory isn't known, with their values.
    pub unsized_file_bytes: u64,
    /// Rows that were the header once more, as where several files were joined.
    pub repeated_headers: u64,
    /// Keys that expire at a time that can't be read: they count as expiring, nobody knows when.
    pub unread_times: u64,
    /// Lines that were the input's last and aren't whole: passed over.
    pub cut_lines: u64,
    /// What the user should know that could be seen while reading only.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds those of another part of the same input.
    pub fn merge(&mut self, other: Findings) {
        self.faults.merge(other.faults);
        self.ambiguous_keys += other.ambiguous_keys;
        self.filtered_keys += other.filtered_keys;
        self.file_bytes = self.file_bytes.saturating_add(other.file_bytes);
        self.unsized_file_bytes = self
            .unsized_file_bytes
            .saturating_add(other.unsized_file_bytes);
        self.repeated_headers += other.repeated_headers;
        self.unread_times += other.unread_times;
        self.cut_lines += other.cut_lines;
        self.notes.extend(other.notes);
    }

    /// Notes what was counted over all parts of the input.
    pub(crate) fn note_counts(&mut self) {
        let headers = match self.repeated_headers {
            0 => None,
            1 => Some("once more".to_owned()),
            more => Some(format!("{more} more times")),
        };
        self.notes.extend(headers.map(|times| {
            format!("its header stands in it {times}, as where files were joined: passed over")
        }));
        if self.cut_lines > 0 {
            let note = "its last line isn't whole, as where a log was cut or is still written: passed over";
            self.notes.push(note.to_owned());
        }
        let unread = match self.unread_times {
            0 => None,
            1 => Some("1 key expires at a time".to_owned()),
            keys => Some(format!("{keys} keys expire at times")),
        };
        self.notes.extend(unread.map(|when| {
            format!(
                "{when} that can't be read; a date and time such as 2026-11-23T21:52:29 can, and \
                 seconds or milliseconds since 1970"
            )
        }));
    }
}

impl Reading {
    /// What to say where the options ask for what no row tells.
    pub(crate) fn unanswered(&self, options: &Options) -> Vec<String> {
        unanswered(&self.layout, options)
    }

    /// How keys are told apart, where an input is a list of keys that stand as they are and all count.
    pub(crate) fn plain_list(&self) -> Option<ListFormat> {
        match self.layout {
            Layout::Lines(lines) if self.escape == Escape::Raw && self.filter.takes_all() => {
                Some(lines.format())
            }
            _ => None,
        }
    }

    /// Replaces the batch's keys by the next ones of its block, at most
    /// [`BATCH_ROWS`]; false when the block is at its end.
    pub(crate) fn next_rows(&self, batch: &mut KeyBatch, findings: &mut Findings) -> bool {
        if std::mem::take(&mut batch.is_ready) {
            if !self.filter.takes_all() {
                findings.filtered_keys += self.filter.sift(batch);
            }
            return true;
        }
        batch.clear_rows();
        if !batch.has_rest() {
            return false;
        }
        let mut faults = Faults::default();
        match &self.layout {
            Layout::RdbTools(rows) => rows.read_rows(batch, BATCH_ROWS, &mut faults),
            Layout::Quoted(rows) => rows.read_rows(batch, BATCH_ROWS, &mut faults),
            Layout::Lines(rows) => rows.read_rows(batch, BATCH_ROWS),
            // Its reader hands out keys, not rows.
            Layout::Rdb => {}
            Layout::Monitor => monitor::read_rows(batch, BATCH_ROWS, &mut faults),
            Layout::Json(rows) => rows.read_rows(batch, BATCH_ROWS, &mut faults),
        }
        findings.repeated_headers += batch.repeated_headers;
        findings.unread_times += batch.unread_times;
        findings.cut_lines += batch.cut_lines;
        // The quotes of MONITOR and of JSON are taken off already.
        let has_own_escapes = matches!(self.layout, Layout::Monitor | Layout::Json(_));
        if self.escape != Escape::Raw && !has_own_escapes {
            findings.ambiguous_keys += self.unescape(batch, &mut faults);
        }
        if !self.filter.takes_all() {
            findings.filtered_keys += self.filter.sift(batch);
            // Without a key nothing can be said for a command.
            batch.calls.keyless.clear();
        }
        if faults.count() > 0 {
            count_lines(batch, &mut faults);
            findings.faults.merge(faults);
        }
        true
    }

    /// Unescapes every key of a batch; returns how many could have meant another key.
    fn unescape(&self, batch: &mut KeyBatch, faults: &mut Faults) -> u64 {
        let mut bytes = std::mem::take(&mut batch.spare);
        bytes.clear();
        let (mut ambiguous, mut kept) = (0, 0);
        for index in 0..batch.len() {
            let start = bytes.len();
            let text = batch.spans[index].of(batch.bytes());
            if self.is_blank_line(text) {
                continue;
            }
            match self.unescape_key(text, &mut bytes) {
                Unescaped::Broken => {
                    faults.push(Fault {
                        byte: batch.offset + u64::from(batch.rows[index]),
                        line: None,
                        field: Some(self.key_name()),
                        message: format!(
                            "expected {}, found {}",
                            self.expected_key(),
                            excerpt(text)
                        ),
                    });
                    bytes.truncate(start);
                    continue;
                }
                Unescaped::Ambiguous => ambiguous += 1,
                Unescaped::AsIs | Unescaped::Exact => {}
            }
            // Unescaped keys are at most twice as long as they stood in the block.
            batch.copy_within(index, kept);
            batch.spans[kept].start = start as u32;
            batch.spans[kept].end = bytes.len() as u32;
            kept += 1;
        }
        batch.truncate(kept);
        batch.spare = std::mem::replace(&mut batch.unescaped, bytes);
        batch.is_unescaped = true;
        ambiguous
    }

    /// Appends a key's bytes. The rows of redis-rdb-cli have its quotes around keys of any form.
    fn unescape_key(&self, text: &[u8], out: &mut Vec<u8>) -> Unescaped {
        match (&self.layout, self.escape) {
            (Layout::RdbTools(RdbTools::RdbCli), Escape::Quoted) => inside_quotes(text, out),
            (_, escape) => escape.unescape(text, out),
        }
    }

    fn expected_key(&self) -> &'static str {
        match (&self.layout, self.escape) {
            (_, Escape::Json) => "a key as a string of JSON",
            (Layout::RdbTools(RdbTools::RdbCli), _) => "a key with the escapes of redis-cli",
            _ => "a key in double quotes as redis-cli prints it",
        }
    }

    /// Whether a line is none of a quoted list's keys: the empty one has quotes.
    fn is_blank_line(&self, text: &[u8]) -> bool {
        self.escape == Escape::Quoted
            && matches!(self.layout, Layout::Lines(_))
            && matches!(text, b"" | b"\r")
    }

    /// How the input calls its keys.
    fn key_name(&self) -> Cow<'static, str> {
        match &self.layout {
            Layout::Quoted(rows) => Cow::Owned(rows.key_name()),
            _ => Cow::Borrowed("key"),
        }
    }
}

/// Fills in the lines of faults, where the line of the block is known.
fn count_lines(batch: &KeyBatch, faults: &mut Faults) {
    let Some(first_line) = batch.first_line else {
        return;
    };
    for fault in faults.first_mut() {
        let place = (fault.byte - batch.offset) as usize;
        let before = &batch.block[batch.start..place];
        fault.line = Some(first_line + memchr_iter(b'\n', before).count() as u64);
    }
}
