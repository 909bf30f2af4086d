//! The memory CSV of rdb-tools: `rdb -c memory`.
//!
//! rdb-tools writes `%d,%s,%s,%d,%s,%d,%d,%s` and quotes nothing: commas,
//! quotes and newlines of a key stand raw. So a row is read from both ends:
//! database and type from the left; expiry, longest element, elements,
//! encoding and size from the right; what is between is the key.
//!
//! A key may hold newlines, so a row may take several lines. Where a row
//! begins is decided by two lines only, which makes any cut of the file exact:
//! a line begins a row when the line before it ends one (its right end has the
//! five fields), or when its own left end is that of a row. The second rule
//! keeps a damaged row from swallowing the one behind it; a key with a line
//! that begins like a row (`0,string,`) is refused as a damaged row, never
//! misread.

mod detect;
mod quick;
mod rows;

#[cfg(test)]
mod tests;

pub(super) use detect::{guess_headed, guess_piece, said, said_rdb_cli};

use crate::source::batch::KeyBatch;
use crate::source::detect::repeats_header;
use crate::source::facts::KeyFacts;
use crate::source::row_errors::RowErrors;
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{ColumnNames, KeyDetails, KeyForm, RowLayout};
use crate::source::{Encoding, Format, Timestamp};
use memchr::{memchr, memchr_iter};
use quick::PIECE_BYTES;
use quick::Quick;
use rows::{HEAD_BYTES, Head, TAIL_BYTES, Tail, head};

/// The header that rdb-tools writes.
const HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry";

/// The header of older versions, which had no expiry.
const OLD_HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element";

/// How rows of this file are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RdbTools {
    /// As rdb-tools writes them.
    Plain,
    /// The same without the expiry, as older versions write them.
    WithoutExpiry,
    /// As redis-rdb-cli writes them: key, size, longest element and expiry in
    /// double quotes, quotes inside as they are, sizes with units.
    RdbCli,
}

impl RowLayout for RdbTools {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from == 0 {
            return RowStart::At(0);
        }
        let mut line_start = from - 1;
        loop {
            let Some(newline) = memchr(b'\n', &bytes[line_start..]) else {
                return RowStart::at_end(bytes, is_last);
            };
            let line_end = line_start + newline;
            let next = line_end + 1;
            if next == bytes.len() && is_last {
                return RowStart::At(next);
            }
            if self.tail(&bytes[..line_end]).is_some() {
                return RowStart::At(next);
            }
            let near = &bytes[next..bytes.len().min(next + HEAD_BYTES)];
            if near.len() < HEAD_BYTES && !is_last && memchr(b'\n', near).is_none() {
                return RowStart::More;
            }
            if head(near).is_some() {
                return RowStart::At(next);
            }
            line_start = next;
        }
    }

    fn look_behind(&self) -> Option<usize> {
        Some(TAIL_BYTES + 1)
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors) {
        match self {
            RdbTools::Plain => self.read_piece::<true>(batch, rows, row_errors),
            RdbTools::WithoutExpiry => self.read_piece::<false>(batch, rows, row_errors),
            RdbTools::RdbCli => {
                for _ in 0..rows {
                    if batch.has_rest() {
                        self.read_row(batch, row_errors);
                    }
                }
            }
        }
    }

    fn key_details(&self) -> KeyDetails {
        KeyDetails {
            types: true,
            sizes: true,
            databases: true,
            counted: "keys",
            columns: ColumnNames::Fixed,
        }
    }

    fn key_form(&self) -> KeyForm {
        match self {
            RdbTools::RdbCli => KeyForm::InsideQuotes,
            RdbTools::Plain | RdbTools::WithoutExpiry => KeyForm::Escaped,
        }
    }
}

impl Format {
    /// The memory CSV of rdb-tools, which quotes nothing.
    pub const RDB_TOOLS: Format = Format::of_keys(
        "rdb-tools",
        "The memory CSV of rdb-tools (`rdb -c memory`), which quotes nothing",
    );

    /// The same as redis-rdb-cli writes it, with quotes around some fields.
    pub const RDB_CLI: Format = Format::of_keys(
        "redis-rdb-cli",
        "The same as redis-rdb-cli writes it, with sizes such as \"43.3MB\"",
    );
}

impl RdbTools {
    /// Whether a line is a whole row by itself.
    fn is_row(self, line: &[u8]) -> bool {
        self.split(line).is_some()
    }

    /// Whether text has the beginning of a row and as many fields as one: it isn't the rest of one
    /// that was cut.
    fn has_fields(self, row: &[u8]) -> bool {
        let commas = |text: &[u8]| memchr_iter(b',', text).count();
        head(row).is_some() && commas(row) >= commas(self.header().as_bytes())
    }

    /// Whether a line ends a row.
    fn ends_row(self, line: &[u8]) -> bool {
        self.tail(line).is_some()
    }

    /// The key of a row that is a line by itself, as it stands there.
    fn key_of(self, line: &[u8]) -> Option<&[u8]> {
        let (head, tail) = self.split(line)?;
        line.get(head.key_start..tail.key_end)
    }

    fn split(self, row: &[u8]) -> Option<(Head, Tail<'_>)> {
        self.split_at(row, self.tail(row)?)
    }

    /// Both ends of a row whose right end is known.
    #[inline]
    fn split_at<'row>(self, row: &[u8], tail: Tail<'row>) -> Option<(Head, Tail<'row>)> {
        let mut head = head(row)?;
        if self == RdbTools::RdbCli {
            head.key_start += usize::from(row.get(head.key_start) == Some(&b'"'));
        }
        (head.key_start <= tail.key_end).then_some((head, tail))
    }

    /// Reads a piece of the block line by line, most of them quickly.
    fn read_piece<const HAS_EXPIRY: bool>(
        self,
        batch: &mut KeyBatch,
        rows: usize,
        row_errors: &mut RowErrors,
    ) {
        let memory = batch.memory.take();
        let quick = memory.and_then(|memory| memory.downcast::<Quick>().ok());
        let mut quick = quick.unwrap_or_default();
        let Quick {
            marks,
            rows: quick_rows,
        } = &mut *quick;
        let begin = batch.cursor;
        let most = batch.end.min(begin + PIECE_BYTES);
        let end = begin + marks.set(&batch.block[begin..most]);
        while batch.len() < rows {
            let piece = &batch.block[begin..end];
            let start = (batch.cursor - begin) as u32;
            let marks = marks.from(start);
            let missing = rows - batch.len();
            let next =
                quick_rows.read::<HAS_EXPIRY>(piece, start, marks, missing, &mut batch.facts);
            batch.push_rows(begin, quick_rows.all());
            if next > start {
                batch.cursor = begin + next as usize;
            } else if marks
                .iter()
                .any(|mark| batch.block[begin + *mark as usize] == b'\n')
            {
                // Such a row may have several lines, and end behind the piece.
                self.read_row(batch, row_errors);
            } else {
                break;
            }
        }
        if batch.cursor == begin && batch.has_rest() {
            self.read_row(batch, row_errors);
        }
        batch.memory = Some(quick);
    }

    /// Reads the row at the cursor.
    #[cold]
    fn read_row(self, batch: &mut KeyBatch, row_errors: &mut RowErrors) {
        let start = batch.cursor;
        let (row_end, next, tail) = self.row_end(&batch.block[..batch.end], start);
        batch.cursor = next;
        let row = &batch.block[start..row_end];
        match tail.and_then(|tail| self.split_at(row, tail)) {
            Some((head, tail)) => {
                let facts = KeyFacts {
                    size_bytes: Some(tail.size_bytes),
                    elements: None,
                    kind: head.kind,
                    db: head.db,
                    expires: !tail.expiry.is_empty(),
                    expires_at: Timestamp::of_dump(tail.expiry),
                    encoding: Encoding::from_word(tail.encoding),
                    command: None,
                };
                let key = start + head.key_start..start + tail.key_end;
                let is_unread = facts.expires && facts.expires_at.is_none();
                batch.unread_times += u64::from(is_unread);
                batch.push_in_block(start, key, facts);
            }
            None if row.iter().all(u8::is_ascii_whitespace) => {}
            None if repeats_header(self.header().as_bytes(), row.trim_ascii_end()) => {
                batch.repeated_headers += 1;
            }
            None => row_errors.push(self.diagnose(row, batch.offset + start as u64)),
        }
    }

    /// Where the row that begins at `start` ends, where the next one begins, and its right end.
    #[inline]
    fn row_end(self, block: &[u8], start: usize) -> (usize, usize, Option<Tail<'_>>) {
        // Nearly every row is one line; its right end is enough to know.
        if let Some(newline) = memchr(b'\n', &block[start..]) {
            let end = start + newline;
            if let Some(tail) = self.tail(&block[start..end]) {
                return (end, end + 1, Some(tail));
            }
        }
        let next = match self.next_start(&block[start..], 1, true) {
            RowStart::At(next) => start + next,
            RowStart::More => block.len(),
        };
        let end = next - usize::from(next > start && block[next - 1] == b'\n');
        (end, next, self.tail(&block[start..end]))
    }

    fn header(self) -> &'static str {
        match self {
            RdbTools::WithoutExpiry => OLD_HEADER,
            RdbTools::Plain | RdbTools::RdbCli => HEADER,
        }
    }
}
