//! Blocks: runs of whole rows, about a part long, read from a stream or from a place in a file.

use super::batch::KeyBatch;
use super::cut::{Cut, Layout};
use crate::error::{Error, ErrorKind, Position, Result};
use memchr::memchr_iter;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much is read at once to find the end of a row.
const STEP_BYTES: usize = 64 << 10;

/// How much is read behind a part, where nearly always its last row ends.
const NEAR_BYTES: u64 = 4 << 10;

/// How an input is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutting<'run> {
    pub(crate) path: &'run Path,
    pub(crate) layout: &'run Layout,
    /// The length of a part.
    pub(crate) part_bytes: usize,
    /// The longest row.
    pub(crate) max_row_bytes: usize,
}

impl Cutting<'_> {
    fn too_long(&self, byte: u64, line: Option<u64>) -> Error {
        let mut place = Position::file(self.path).at_byte(byte);
        place.line = line;
        let message = format!(
            "expected a row of at most {} bytes, found no end of it",
            self.max_row_bytes
        );
        Error::new(ErrorKind::Input, message)
            .at(place)
            .mend("if rows really are that long, raise --max-row-bytes")
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
        }
    }

    /// How many bytes of the input were handed out.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Puts the next block into the batch; false at the end.
    ///
    /// # Errors
    /// When reading fails, or a row has no end.
    pub(crate) fn next_block(
        &mut self,
        cutting: &Cutting<'_>,
        batch: &mut KeyBatch,
    ) -> Result<bool> {
        batch.clear_rows();
        batch.block.clear();
        std::mem::swap(&mut batch.block, &mut self.rest);
        let mut wanted = cutting.part_bytes;
        let end = loop {
            self.fill(cutting.path, &mut batch.block, wanted)?;
            match cutting
                .layout
                .next_start(&batch.block, cutting.part_bytes, self.is_done)
            {
                Cut::At(end) => break end,
                Cut::More if wanted > cutting.part_bytes + cutting.max_row_bytes => {
                    let (last, line) = self.last_start(cutting, &batch.block);
                    return Err(cutting.too_long(self.offset + last as u64, Some(line)));
                }
                Cut::More => wanted = batch.block.len() + STEP_BYTES.max(batch.block.len() / 2),
            }
        };
        self.rest.extend_from_slice(&batch.block[end..]);
        batch.block.truncate(end);
        (batch.cursor, batch.start, batch.end) = (0, 0, end);
        (batch.offset, batch.first_line) = (self.offset, Some(self.line));
        self.offset += end as u64;
        self.line += memchr_iter(b'\n', &batch.block).count() as u64;
        Ok(end > 0)
    }

    /// Where the row begins that has no end, and on which line: for the error only.
    fn last_start(&self, cutting: &Cutting<'_>, block: &[u8]) -> (usize, u64) {
        let mut last = 0;
        while let Cut::At(next) = cutting.layout.next_start(block, last + 1, false) {
            last = next;
        }
        let lines = memchr_iter(b'\n', &block[..last]).count() as u64;
        (last, self.line + lines)
    }

    fn fill(&mut self, path: &Path, block: &mut Vec<u8>, wanted: usize) -> Result<()> {
        if self.is_done || block.len() >= wanted {
            return Ok(());
        }
        let missing = wanted - block.len();
        let read = (&mut self.input)
            .take(missing as u64)
            .read_to_end(block)
            .map_err(|cause| Error::io(path, cause))?;
        self.is_done = read < missing;
        Ok(())
    }
}

/// The parts of a file: each is a block of the rows that begin in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'run> {
    pub(crate) file: &'run File,
    /// How long the file was when it was opened; what is added later isn't read.
    pub(crate) length: u64,
    /// Where the first row begins.
    pub(crate) skip: u64,
}

impl Parts<'_> {
    /// How many parts there are.
    pub(crate) fn count(&self, cutting: &Cutting<'_>) -> u64 {
        self.length
            .saturating_sub(self.skip)
            .div_ceil(cutting.part_bytes as u64)
    }

    /// Puts the rows that begin in a part into the batch.
    ///
    /// # Errors
    /// When reading fails, or a row has no end.
    pub(crate) fn read(
        &self,
        part: u64,
        cutting: &Cutting<'_>,
        batch: &mut KeyBatch,
    ) -> Result<()> {
        let begin = self.skip + part * cutting.part_bytes as u64;
        let end = (begin + cutting.part_bytes as u64).min(self.length);
        let behind = cutting.layout.look_behind().unwrap_or(0) as u64;
        let offset = begin.saturating_sub(behind).max(self.skip);
        batch.clear_rows();
        batch.offset = offset;
        batch.first_line = None;
        self.read_from(cutting, batch, 0, (end + NEAR_BYTES).min(self.length))?;
        batch.start = self.find_start(cutting, batch, (begin - offset) as usize)?;
        batch.end = self.find_start(cutting, batch, (end - offset) as usize)?;
        batch.cursor = batch.start;
        Ok(())
    }

    /// The first row at `from` or behind it, reading on until it is known.
    fn find_start(
        &self,
        cutting: &Cutting<'_>,
        batch: &mut KeyBatch,
        from: usize,
    ) -> Result<usize> {
        loop {
            let read = batch.offset + batch.block.len() as u64;
            let is_last = read >= self.length;
            match cutting.layout.next_start(&batch.block, from, is_last) {
                Cut::At(place) => return Ok(place),
                Cut::More if batch.block.len() > from + cutting.max_row_bytes => {
                    return Err(self.too_long(cutting, batch, from));
                }
                Cut::More => {
                    let step = STEP_BYTES.max(batch.block.len() / 2) as u64;
                    self.extend(cutting, batch, (read + step).min(self.length))?;
                }
            }
        }
    }

    /// Names the row that goes on behind `from` without an end.
    fn too_long(&self, cutting: &Cutting<'_>, batch: &KeyBatch, from: usize) -> Error {
        let mut last = batch.offset;
        let mut place = batch.start.max(usize::from(batch.offset > self.skip));
        while place <= from {
            match cutting.layout.next_start(&batch.block, place, false) {
                Cut::At(next) => {
                    last = batch.offset + next as u64;
                    place = next + 1;
                }
                Cut::More => break,
            }
        }
        cutting.too_long(last, line_of(self.file, last).ok())
    }

    fn extend(&self, cutting: &Cutting<'_>, batch: &mut KeyBatch, until: u64) -> Result<()> {
        let have = batch.block.len();
        if (until - batch.offset) as usize <= have {
            return Ok(());
        }
        self.read_from(cutting, batch, have, until)
    }

    /// Reads into the block from `have` on; what it held there goes.
    fn read_from(
        &self,
        cutting: &Cutting<'_>,
        batch: &mut KeyBatch,
        have: usize,
        until: u64,
    ) -> Result<()> {
        // Zeroes only what is longer than the last part: the rest is read over.
        batch.block.resize((until - batch.offset) as usize, 0);
        self.file
            .read_exact_at(&mut batch.block[have..], batch.offset + have as u64)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let message = "the file became shorter while it was read";
                    Error::new(ErrorKind::Input, message).at(Position::file(cutting.path))
                }
                _ => Error::io(cutting.path, cause),
            })
    }
}

/// The line that a byte of a file is on, counted from 1.
pub(crate) fn line_of(file: &File, byte: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut line = 1;
    let mut offset = 0;
    while offset < byte {
        let step = buffer.len().min((byte - offset) as usize);
        let read = file.read_at(&mut buffer[..step], offset)?;
        if read == 0 {
            break;
        }
        line += memchr_iter(b'\n', &buffer[..read]).count() as u64;
        offset += read as u64;
    }
    Ok(line)
}
