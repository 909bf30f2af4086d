//! Rows of a block, to keys of a batch: split, unescaped, sifted.

use super::batch::{BATCH_ROWS, KeyBatch};
use super::cut::Layout;
use super::escape::{Escape, Unescaped};
use super::fault::{Fault, Faults, excerpt};
use super::filter::Filter;
use super::unanswered::unanswered;
use super::{Options, monitor};
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
    /// Rows that were the header once more, as where several files were joined.
    pub repeated_headers: u64,
    /// Keys that expire at a time that can't be read: they count as expiring, nobody knows when.
    pub unread_times: u64,
    /// What the user should know that could be seen while reading only.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds those of another part of the same input.
    pub fn merge(&mut self, other: Findings) {
        self.faults.merge(other.faults);
        self.ambiguous_keys += other.ambiguous_keys;
        self.filtered_keys += other.filtered_keys;
        self.repeated_headers += other.repeated_headers;
        self.unread_times += other.unread_times;
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
        }
        findings.repeated_headers += batch.repeated_headers;
        findings.unread_times += batch.unread_times;
        // MONITOR's own quotes are taken off already.
        if self.escape != Escape::Raw && self.layout != Layout::Monitor {
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
            match self.escape.unescape(text, &mut bytes) {
                Unescaped::Broken => {
                    faults.push(Fault {
                        byte: batch.offset + u64::from(batch.rows[index]),
                        line: None,
                        field: Some(self.key_name()),
                        message: format!(
                            "expected a key in double quotes as redis-cli prints it, found {}",
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
