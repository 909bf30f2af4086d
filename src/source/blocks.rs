//! Blocks: runs of whole rows, about a part long, read from a stream; from a place in a file they are [`super::parts`].

use super::batch::KeyBatch;
use super::options::{OnError, Options};
use super::row_errors::{RowError, RowErrors};
use super::row_layout::RowStart;
use super::row_layout::{LongRow, RowLayout, SharedLayout};
use super::unpack::read_error;
use crate::error::{Error, ErrorKind, Position, Result};
use memchr::memchr_iter;
use std::io::{self, Read};
use std::path::Path;

/// How much is read at once to find the end of a row.
pub(super) const STEP_BYTES: usize = 64 << 10;

/// How much of what is read behind a long row may stay in memory twice.
const LARGEST_STEP_BYTES: usize = 4 << 20;

/// How much more is read of a row that has no end in so many bytes: these are looked at again, so that
/// few large steps take less time, and many small ones less memory.
pub(super) fn step_bytes(bytes: usize) -> usize {
    (bytes / 2).clamp(STEP_BYTES, LARGEST_STEP_BYTES.max(bytes / 8))
}

/// More bytes than are needed behind a place to tell whether a row begins there.
pub(super) const UNDECIDED: usize = 64;

/// From how many bytes on a block is large, with parts as usual.
pub(super) const LARGE_BYTES: usize = 1 << 20;

/// How an input is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splitter<'run> {
    pub(crate) path: &'run Path,
    pub(crate) layout: &'run dyn RowLayout,
    /// The length of a part.
    pub(crate) part_bytes: usize,
    /// The longest row that is read, in bytes.
    pub(crate) max_row_bytes: usize,
    /// Whether what can't be read is passed over: rows that are too long, where the next one can be
    /// found without them, and what follows damage.
    pub(crate) skips: bool,
}

impl<'run> Splitter<'run> {
    /// How an input of this layout is cut. A part isn't longer than a row may be, so that each row that
    /// is too long goes beyond the end of a part: what is looked at there.
    pub(crate) fn new(
        path: &'run Path,
        layout: &'run SharedLayout,
        options: &Options,
    ) -> Splitter<'run> {
        Splitter {
            path,
            layout: &**layout,
            part_bytes: options.part_bytes.min(options.max_row_bytes),
            max_row_bytes: options.max_row_bytes,
            skips: options.on_error == OnError::Skip,
        }
    }

    /// The first row that begins at `from` or behind it, as [`RowLayout::next_start`].
    pub(super) fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from >= bytes.len() && is_last {
            RowStart::At(bytes.len())
        } else {
            self.layout.next_start(bytes, from, is_last)
        }
    }

    /// From how many bytes on a block is large: only a long row makes it so. One large block is held at
    /// a time, since a few of them would take more memory than everything else.
    pub(crate) fn large_bytes(&self) -> usize {
        LARGE_BYTES.max(4 * self.part_bytes)
    }

    /// What is said of a row that is passed over.
    pub(super) fn row_error(&self, byte: u64, line: Option<u64>) -> RowError {
        RowError {
            byte,
            line,
            field: None,
            message: self.too_long_message(),
        }
    }

    fn too_long_message(&self) -> String {
        format!(
            "expected a row of at most {} bytes, found a longer one",
            self.max_row_bytes
        )
    }

    pub(super) fn too_long(&self, byte: u64, line: Option<u64>) -> Error {
        let mut place = Position::file(self.path).at_byte(byte);
        place.line = line;
        Error::new(ErrorKind::Input, self.too_long_message())
            .at(place)
            .fix("if rows really are that long, raise --max-row-bytes")
    }
}

/// Cuts a stream into blocks, one after another.
pub(crate) struct Stream<R> {
    input: R,
    /// Read, but not handed out: begins with a row.
    rest: Vec<u8>,
    /// The offset in the input of `rest`.
    offset: u64,
    /// The line of `rest`, counted from 1.
    line: u64,
    is_done: bool,
    /// What ended the reading, until it was looked at.
    broken: Option<io::Error>,
    /// The same, to be said behind the rows that stand before it.
    failure: Option<Error>,
    /// Rows that were passed over.
    refused: RowErrors,
}

impl<R: Read> Stream<R> {
    /// A stream whose first bytes, up to `read_ahead`, were already read. Rows begin at `skip`.
    pub(crate) fn new(input: R, read_ahead: Vec<u8>, skip: usize, is_done: bool) -> Stream<R> {
        let skip = skip.min(read_ahead.len());
        let line = 1 + memchr_iter(b'\n', &read_ahead[..skip]).count() as u64;
        let mut rest = read_ahead;
        rest.drain(..skip);
        Stream {
            input,
            rest,
            offset: skip as u64,
            line,
            is_done,
            broken: None,
            failure: None,
            refused: RowErrors::default(),
        }
    }

    /// The rows that were passed over so far.
    pub(crate) fn take_refused(&mut self) -> RowErrors {
        std::mem::take(&mut self.refused)
    }

    /// How many bytes of the input were handed out.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Puts the next block into the batch; false at the end.
    ///
    /// # Errors
    /// When reading fails, or a row has no end; the rows before that are handed out first.
    pub(crate) fn next_block(
        &mut self,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
    ) -> Result<bool> {
        batch.clear_rows();
        batch.block.clear();
        std::mem::swap(&mut batch.block, &mut self.rest);
        let mut wanted = splitter.part_bytes;
        let end = loop {
            self.fill(&mut batch.block, wanted);
            if let Some(cause) = self.broken.take() {
                self.end_early(splitter, &mut batch.block, read_error(splitter.path, cause));
            }
            match splitter.next_start(&batch.block, splitter.part_bytes, self.is_done) {
                RowStart::At(end) if !self.ends_too_long(splitter, &batch.block[..end]) => {
                    break end;
                }
                RowStart::More if wanted <= splitter.part_bytes + splitter.max_row_bytes => {
                    wanted = batch.block.len() + step_bytes(batch.block.len());
                }
                found => {
                    let end = match found {
                        RowStart::At(end) => end,
                        RowStart::More => batch.block.len(),
                    };
                    let (last, line) = self.last_start(splitter, &batch.block[..end]);
                    if last > 0 {
                        // What stands before it comes first; it is the first row of the next block then.
                        break last;
                    }
                    let byte = self.offset;
                    if !splitter.skips {
                        return Err(splitter.too_long(byte, Some(line)));
                    }
                    self.refused.push(splitter.row_error(byte, Some(line)));
                    match splitter.layout.long_row() {
                        Some(mut row) => self.pass_piecewise(&mut batch.block, &mut *row),
                        None => {
                            let behind = splitter.layout.look_behind().unwrap_or(0);
                            self.pass(splitter, &mut batch.block, behind);
                        }
                    }
                    wanted = splitter.part_bytes;
                }
            }
        };
        self.rest.extend_from_slice(&batch.block[end..]);
        batch.block.truncate(end);
        (batch.cursor, batch.start, batch.end) = (0, 0, end);
        (batch.offset, batch.first_line) = (self.offset, Some(self.line));
        self.offset += end as u64;
        self.line += memchr_iter(b'\n', &batch.block).count() as u64;
        match self.failure.take_if(|_| end == 0) {
            Some(error) => Err(error),
            None => Ok(end > 0),
        }
    }

    /// Ends the stream where reading failed: behind the last whole row, since the next one is cut off.
    fn end_early(&mut self, splitter: &Splitter<'_>, block: &mut Vec<u8>, error: Error) {
        let end = match splitter.next_start(block, block.len(), false) {
            RowStart::At(end) => end,
            RowStart::More => self.last_start(splitter, block).0,
        };
        block.truncate(end);
        let line = self.line + memchr_iter(b'\n', block).count() as u64;
        let mut place = error.position().cloned().unwrap_or_default();
        place.line = Some(line);
        if splitter.skips && error.kind() == ErrorKind::Input {
            self.refused.end_at(RowError {
                byte: place.byte.unwrap_or(0),
                line: place.line,
                field: None,
                message: format!("{}; what follows isn't counted", error.message()),
            });
        } else {
            self.failure = Some(error.at(place));
        }
    }

    /// Drops the row that the block begins with, and reads on to where the next one begins.
    fn pass(&mut self, splitter: &Splitter<'_>, block: &mut Vec<u8>, behind: usize) {
        let mut from = 1;
        loop {
            match splitter.next_start(block, from, self.is_done) {
                RowStart::At(next) => {
                    self.drop_front(block, next);
                    return;
                }
                RowStart::More => {
                    // No row begins in it but perhaps in its last bytes, which don't tell yet.
                    let undecided = block.len().saturating_sub(UNDECIDED).max(from);
                    let kept = undecided - behind.min(undecided);
                    self.drop_front(block, kept);
                    from = undecided - kept;
                    let wanted = block.len() + STEP_BYTES;
                    self.fill(block, wanted);
                }
            }
        }
    }

    /// The same with a row whose end is told by all that stands before it, as with quotes.
    fn pass_piecewise(&mut self, block: &mut Vec<u8>, row: &mut dyn LongRow) {
        let mut seen = 0;
        loop {
            if let Some(next) = row.row_end(block, seen) {
                self.drop_front(block, next);
                return;
            }
            if self.is_done {
                self.drop_front(block, block.len());
                return;
            }
            // Whether a quote opens a field is told by the byte before it.
            let dropped = block.len() - 1;
            row.drop_front(dropped);
            self.drop_front(block, dropped);
            seen = block.len();
            self.fill(block, seen + STEP_BYTES);
        }
    }

    fn drop_front(&mut self, block: &mut Vec<u8>, length: usize) {
        self.line += memchr_iter(b'\n', &block[..length]).count() as u64;
        self.offset += length as u64;
        block.drain(..length);
    }

    /// Whether the last of these rows is too long; the others are shorter than a part.
    fn ends_too_long(&self, splitter: &Splitter<'_>, rows: &[u8]) -> bool {
        let most = splitter.max_row_bytes;
        rows.len() > most && rows.len() - self.last_start(splitter, rows).0 > most
    }

    /// Where the last row begins, and on which line.
    fn last_start(&self, splitter: &Splitter<'_>, rows: &[u8]) -> (usize, u64) {
        let mut last = 0;
        while let RowStart::At(next) = splitter.next_start(&rows[last..], 1, false)
            && last + next < rows.len()
        {
            last += next;
        }
        let lines = memchr_iter(b'\n', &rows[..last]).count() as u64;
        (last, self.line + lines)
    }

    /// Reads on until the block has so many bytes, or the input ends or breaks.
    fn fill(&mut self, block: &mut Vec<u8>, wanted: usize) {
        if self.is_done || block.len() >= wanted {
            return;
        }
        let missing = wanted - block.len();
        match (&mut self.input).take(missing as u64).read_to_end(block) {
            Ok(read) => self.is_done = read < missing,
            Err(cause) => {
                self.is_done = true;
                self.broken = Some(cause);
            }
        }
    }
}
