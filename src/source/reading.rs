//! Rows of a block, to keys of a batch: split, unescaped, sifted.

use super::batch::{BATCH_ROWS, KeyBatch};
use super::escape::{Escape, Unescaped, inside_quotes};
use super::fault::{Fault, Faults, excerpt};
use super::filter::Filter;
use super::findings::Findings;
use super::options::Options;
use super::rows::{Keys, Layout};
use super::unanswered::unanswered;
use crate::slot::ListFormat;
use memchr::memchr_iter;

/// How rows become keys.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) layout: Layout,
    pub(super) escape: Escape,
    pub(super) filter: Filter,
}

impl Reading {
    /// What to say where the options ask for what no row tells.
    pub(crate) fn unanswered(&self, options: &Options) -> Vec<String> {
        unanswered(&*self.layout, options)
    }

    /// How keys are told apart, where an input is a list of keys that stand as they are and all count.
    pub(crate) fn plain_list(&self) -> Option<ListFormat> {
        let are_plain = self.escape == Escape::Raw && self.filter.takes_all();
        self.layout.plain_list().filter(|_| are_plain)
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
        self.layout.read_rows(batch, BATCH_ROWS, &mut faults);
        findings.repeated_headers += batch.repeated_headers;
        findings.unread_times += batch.unread_times;
        findings.cut_lines += batch.cut_lines;
        if self.escape != Escape::Raw && self.layout.keys() != Keys::OwnEscapes {
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
        let keys = self.layout.keys();
        let are_bare = keys == Keys::InsideQuotes && self.escape == Escape::Quoted;
        // The empty key of a quoted list has quotes.
        let has_blanks = keys == Keys::EscapedLines && self.escape == Escape::Quoted;
        let (mut ambiguous, mut kept) = (0, 0);
        for index in 0..batch.len() {
            let start = bytes.len();
            let text = batch.spans[index].of(batch.bytes());
            if has_blanks && matches!(text, b"" | b"\r") {
                continue;
            }
            let unescaped = match are_bare {
                true => inside_quotes(text, &mut bytes),
                false => self.escape.unescape(text, &mut bytes),
            };
            match unescaped {
                Unescaped::Broken => {
                    faults.push(Fault {
                        byte: batch.offset + u64::from(batch.rows[index]),
                        line: None,
                        field: Some(self.layout.key_name()),
                        message: format!(
                            "expected {}, found {}",
                            keys.expected(self.escape),
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
