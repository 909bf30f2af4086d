//! Reads the rows of a block into the keys of a batch: splits, unescapes and filters them.

use super::batch::{BATCH_ROWS, KeyBatch};
use super::escape::{Escape, Unescaped, inside_quotes};
use super::filter::Filter;
use super::findings::Findings;
use super::options::Options;
use super::row_errors::{RowError, RowErrors, excerpt};
use super::row_layout::unmet_options;
use super::row_layout::{KeyForm, SharedLayout};
use crate::slot::ListFormat;
use memchr::memchr_iter;

/// How rows become keys.
#[derive(Clone, Debug)]
pub(crate) struct RowReader {
    pub(crate) layout: SharedLayout,
    pub(super) escape: Escape,
    pub(super) filter: Filter,
}

impl RowReader {
    /// What to say where the options ask for what no row tells.
    pub(crate) fn unmet_options(&self, options: &Options) -> Vec<String> {
        unmet_options(&*self.layout, options)
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
        let mut row_errors = RowErrors::default();
        self.layout.read_rows(batch, BATCH_ROWS, &mut row_errors);
        findings.repeated_headers += batch.repeated_headers;
        findings.unread_times += batch.unread_times;
        findings.cut_lines += batch.cut_lines;
        if self.escape != Escape::Raw && self.layout.key_form() != KeyForm::OwnEscapes {
            findings.ambiguous_keys += self.unescape(batch, &mut row_errors);
        }
        if !self.filter.takes_all() {
            findings.filtered_keys += self.filter.sift(batch);
            // Without a key nothing can be said for a command.
            batch.calls.keyless.clear();
        }
        if row_errors.count() > 0 {
            count_lines(batch, &mut row_errors);
            findings.row_errors.merge(row_errors);
        }
        true
    }

    /// Unescapes every key of a batch; returns how many could have meant another key.
    fn unescape(&self, batch: &mut KeyBatch, row_errors: &mut RowErrors) -> u64 {
        let mut bytes = std::mem::take(&mut batch.spare);
        bytes.clear();
        let keys = self.layout.key_form();
        let are_bare = keys == KeyForm::InsideQuotes && self.escape == Escape::Quoted;
        // The empty key of a quoted list has quotes.
        let has_blanks = keys == KeyForm::EscapedLines && self.escape == Escape::Quoted;
        let (mut ambiguous, mut kept) = (0, 0);
        for index in 0..batch.len() {
            let start = bytes.len();
            let text = batch.spans[index].of(batch.bytes());
            if has_blanks && matches!(text, b"" | b"\r") {
                continue;
            }
            let unescaped = if are_bare {
                inside_quotes(text, &mut bytes)
            } else {
                self.escape.unescape(text, &mut bytes)
            };
            match unescaped {
                Unescaped::Broken => {
                    row_errors.push(RowError {
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
fn count_lines(batch: &KeyBatch, row_errors: &mut RowErrors) {
    let Some(first_line) = batch.first_line else {
        return;
    };
    for row_error in row_errors.first_mut() {
        let place = (row_error.byte - batch.offset) as usize;
        let before = &batch.block[batch.start..place];
        row_error.line = Some(first_line + memchr_iter(b'\n', before).count() as u64);
    }
}
