//! Key lists: one key a line, or between two separators.

pub(in crate::source) mod detect;
pub(in crate::source) mod doubt;
pub(in crate::source) mod evidence;

use crate::slot::ListFormat;
use crate::source::batch::KeyBatch;
use crate::source::cut::Cut;
use crate::source::facts::KeyFacts;
use memchr::memchr;

/// How keys of this list are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// The byte behind each key: a newline, or NUL.
    pub(in crate::source) separator: u8,
    /// Whether a carriage return before the newline belongs to the key.
    pub(in crate::source) keep_cr: bool,
}

impl Lines {
    /// The same for the fused pass.
    pub(in crate::source) fn format(self) -> ListFormat {
        ListFormat {
            separator: self.separator,
            strip_carriage_return: self.separator == b'\n' && !self.keep_cr,
        }
    }

    /// The first key that begins at `from` or behind it.
    pub(in crate::source) fn next_start(self, bytes: &[u8], from: usize, is_last: bool) -> Cut {
        if from == 0 {
            return Cut::At(0);
        }
        match memchr(self.separator, &bytes[from - 1..]) {
            Some(place) => Cut::At(from + place),
            None => Cut::at_end(bytes, is_last),
        }
    }

    /// Reads the next keys of the block.
    pub(in crate::source) fn read_rows(self, batch: &mut KeyBatch, rows: usize) {
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
