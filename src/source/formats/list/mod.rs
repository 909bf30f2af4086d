//! Key lists: one key a line, or between two separators.

mod detect;
mod doubt;
mod evidence;

use crate::slot::ListFormat;
use crate::source::batch::KeyBatch;
use crate::source::facts::KeyFacts;
use crate::source::format::Format;
use crate::source::row_errors::RowErrors;
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{KeyDetails, KeyForm, RowLayout};
pub use detect::doubt_of_list;
pub(super) use detect::{guess, said};
use memchr::memchr;

/// How keys of this list are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lines {
    /// The byte behind each key: a newline, or NUL.
    separator: u8,
    /// Whether a carriage return before the newline belongs to the key.
    keep_cr: bool,
}

impl RowLayout for Lines {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        RowStart::behind(self.separator, bytes, from, is_last)
    }

    fn look_behind(&self) -> Option<usize> {
        Some(1)
    }

    fn key_details(&self) -> KeyDetails {
        KeyDetails::NAMES
    }

    fn plain_list(&self) -> Option<ListFormat> {
        Some(ListFormat {
            separator: self.separator,
            strip_carriage_return: self.separator == b'\n' && !self.keep_cr,
        })
    }

    fn key_form(&self) -> KeyForm {
        KeyForm::EscapedLines
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, _: &mut RowErrors) {
        for _ in 0..rows {
            if !batch.has_rest() {
                return;
            }
            let start = batch.cursor;
            let place = memchr(self.separator, &batch.block[start..batch.end]);
            let mut end = place.map_or(batch.end, |place| start + place);
            batch.cursor = end + usize::from(place.is_some());
            let is_cr = end > start && batch.block[end - 1] == b'\r';
            if is_cr && self.separator == b'\n' && !self.keep_cr {
                end -= 1;
            }
            batch.push_in_block(start, start..end, KeyFacts::UNKNOWN);
        }
    }
}

impl Format {
    /// One key a line.
    pub const LIST: Format = Format::of_keys("list", "One key a line");
}
