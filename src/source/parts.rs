//! Parts of a file: blocks that are read from any place in it, side by side.

use super::batch::KeyBatch;
use super::blocks::{STEP_BYTES, Splitter, UNDECIDED, step_bytes};
use super::row_errors::RowErrors;
use super::row_layout::RowStart;
use crate::error::{Error, ErrorKind, Position, Result};
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// How much is read behind a part, where nearly always its last row ends.
const NEAR_BYTES: u64 = 4 << 10;

/// The parts of a file: each is a block of the rows that begin in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'run> {
    pub(crate) file: &'run File,
    /// How long the file was when it was opened; what is added later isn't read.
    pub(crate) length: u64,
    /// Where the first row begins.
    pub(crate) skip: u64,
    /// Where no row begins.
    pub(crate) long_rows: &'run LongRowIndex,
    /// Whether it may look further for a row's end than [`Splitter::large_bytes`].
    pub(crate) looks_far: bool,
}

/// Where the next row begins.
enum Start {
    /// Here, perhaps behind the block.
    At(usize),
    /// Behind a row that is too long.
    TooLong,
    /// Too far to look for it.
    Far,
}

impl Parts<'_> {
    /// How many parts there are.
    pub(crate) fn count(&self, splitter: &Splitter<'_>) -> u64 {
        self.length
            .saturating_sub(self.skip)
            .div_ceil(splitter.part_bytes as u64)
    }

    /// The byte that a failure to read a part stands at: no row before the part is hidden by it.
    pub(crate) fn failed_at(&self, part: u64, splitter: &Splitter<'_>, error: &Error) -> u64 {
        let named = error.position().and_then(|place| place.byte);
        named.unwrap_or(self.begin(part, splitter))
    }

    fn begin(&self, part: u64, splitter: &Splitter<'_>) -> u64 {
        self.skip + part * splitter.part_bytes as u64
    }

    /// Puts the rows that begin in a part into the batch; those that are passed over are `refused`.
    /// False when that takes one that [`Parts::looks_far`]; nothing was read then.
    ///
    /// # Errors
    /// When reading fails; when a row is too long and isn't passed over, with the rows before it in the batch.
    pub(crate) fn read(
        &self,
        part: u64,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
        refused: &mut RowErrors,
    ) -> Result<bool> {
        let begin = self.begin(part, splitter);
        let end = (begin + splitter.part_bytes as u64).min(self.length);
        let begin = self.long_rows.end_at(begin).unwrap_or(begin);
        batch.clear_rows();
        // It has no rows until they are found.
        (batch.offset, batch.cursor, batch.end) = (begin, 0, 0);
        batch.first_line = None;
        if begin >= end {
            return Ok(true);
        }
        let behind = splitter.layout.look_behind().unwrap_or(0) as u64;
        let offset = begin.saturating_sub(behind).max(self.skip);
        batch.offset = offset;
        self.read_from(splitter, batch, 0, (end + NEAR_BYTES).min(self.length))?;
        let from = (begin - offset) as usize;
        let start = match self.find_start(splitter, batch, from)? {
            Start::At(start) if offset + start as u64 >= end => {
                self.remember(begin..offset + start as u64, end, splitter);
                return Ok(true);
            }
            Start::At(start) => start,
            Start::TooLong if splitter.skips && self.looks_far => {
                self.pass(splitter, batch, begin, behind)?;
                return self.read(part, splitter, batch, refused);
            }
            Start::TooLong if !splitter.skips => {
                return Err(self.too_long(splitter, self.last_start(splitter, batch, from)));
            }
            Start::TooLong | Start::Far => return Ok(false),
        };
        batch.start = start;
        let stop = match self.find_start(splitter, batch, (end - offset) as usize)? {
            Start::At(stop) => Some(stop),
            Start::TooLong => None,
            Start::Far => return Ok(false),
        };
        if let Some(stop) = stop {
            self.remember(end..offset + stop as u64, end, splitter);
        }
        let (end, long) = self.end_of_rows(splitter, batch, (end - offset) as usize, stop);
        if end > splitter.large_bytes() && !self.looks_far {
            return Ok(false);
        }
        // Where the row's end was known, it isn't read yet.
        self.extend(splitter, batch, offset + end as u64)?;
        (batch.cursor, batch.end) = (start, end);
        match long {
            Some(place) if splitter.skips => refused.push(splitter.row_error(place, None)),
            Some(place) => return Err(self.too_long(splitter, place)),
            None => {}
        }
        Ok(true)
    }

    /// Remembers where no row begins, if another part that lies behind `end` is in there.
    fn remember(&self, range: Range<u64>, end: u64, splitter: &Splitter<'_>) {
        if range.end >= end + splitter.part_bytes as u64 {
            self.long_rows.add(range);
        }
    }

    /// Where the rows end that begin before `end`, and where the last of them begins if it is too long,
    /// and so not one of them; else it ends at `stop`. That is told by its length alone, however much
    /// was read.
    fn end_of_rows(
        &self,
        splitter: &Splitter<'_>,
        batch: &KeyBatch,
        end: usize,
        stop: Option<usize>,
    ) -> (usize, Option<u64>) {
        if let Some(stop) = stop.filter(|stop| stop - batch.start <= splitter.max_row_bytes) {
            return (stop, None);
        }
        let last = self.last_start(splitter, batch, end);
        let place = (last - batch.offset) as usize;
        match stop {
            Some(stop) if stop - place <= splitter.max_row_bytes => (stop, None),
            _ => (place, Some(last)),
        }
    }

    fn too_long(&self, splitter: &Splitter<'_>, place: u64) -> Error {
        splitter.too_long(place, line_of(self.file, place).ok())
    }

    /// Looks for the end of a row that is too long, behind `from` and behind what the batch holds.
    fn pass(
        &self,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
        from: u64,
        behind: u64,
    ) -> Result<()> {
        let mut at = batch.offset + batch.block.len() as u64;
        loop {
            at = at.saturating_sub(UNDECIDED as u64).max(from);
            batch.offset = at.saturating_sub(behind).max(self.skip);
            let until = (at + STEP_BYTES as u64).min(self.length);
            self.read_from(splitter, batch, 0, until)?;
            let near = (at - batch.offset) as usize;
            let is_last = until == self.length;
            if let RowStart::At(next) = splitter.next_start(&batch.block, near, is_last) {
                let end = batch.offset + next as u64;
                self.long_rows.add(from..end);
                return Ok(());
            }
            at = until;
        }
    }

    /// The first row at `from` or behind it, reading on until it is known.
    fn find_start(
        &self,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
        from: usize,
    ) -> Result<Start> {
        let most = from + splitter.max_row_bytes;
        loop {
            let have = batch.block.len();
            let read = batch.offset + have as u64;
            let is_last = read >= self.length;
            if let RowStart::At(place) = splitter.next_start(&batch.block, from, is_last) {
                return Ok(Start::At(place));
            }
            // No row begins in it but perhaps in its last bytes, which don't tell yet.
            let undecided = have.saturating_sub(UNDECIDED).max(from) as u64;
            if let Some(end) = self.long_rows.end_at(batch.offset + undecided) {
                return Ok(Start::At((end - batch.offset) as usize));
            }
            if have > most {
                return Ok(Start::TooLong);
            }
            if have > splitter.large_bytes() && !self.looks_far {
                return Ok(Start::Far);
            }
            let step = step_bytes(have).min(most + STEP_BYTES - have);
            self.extend(splitter, batch, (read + step as u64).min(self.length))?;
        }
    }

    /// Where the row begins that goes on behind `from` without an end.
    fn last_start(&self, splitter: &Splitter<'_>, batch: &KeyBatch, from: usize) -> u64 {
        let mut last = batch.offset;
        let mut place = batch.start.max(usize::from(batch.offset > self.skip));
        while place <= from {
            match splitter.next_start(&batch.block, place, false) {
                RowStart::At(next) if next <= from => {
                    last = batch.offset + next as u64;
                    place = next + 1;
                }
                RowStart::At(_) | RowStart::More => break,
            }
        }
        last
    }

    fn extend(&self, splitter: &Splitter<'_>, batch: &mut KeyBatch, until: u64) -> Result<()> {
        let have = batch.block.len();
        if (until - batch.offset) as usize <= have {
            return Ok(());
        }
        self.read_from(splitter, batch, have, until)
    }

    /// Reads into the block from `have` on; what it held there goes.
    fn read_from(
        &self,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
        have: usize,
        until: u64,
    ) -> Result<()> {
        #[cfg(test)]
        self.long_rows
            .count_read(until - batch.offset - have as u64);
        // Zeroes only what is longer than the last part: the rest is read over.
        batch.block.resize((until - batch.offset) as usize, 0);
        self.file
            .read_exact_at(&mut batch.block[have..], batch.offset + have as u64)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let message = "the file became shorter while it was read";
                    Error::new(ErrorKind::Input, message).at(Position::file(splitter.path))
                }
                _ => Error::io(splitter.path, cause),
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

// Who looked for the end of a row that is longer than a part remembers it here, so that not
// every part inside that row looks for it again.

/// How many ranges are remembered. Parts are handed out in order: who needs an older one is a
/// thread that slept while others read as many long rows.
const KEPT: usize = 32;

/// The last ranges of a file in which no row begins.
#[derive(Debug, Default)]
pub(crate) struct LongRowIndex {
    ranges: Mutex<VecDeque<Range<u64>>>,
    /// How many bytes of the file were read.
    #[cfg(test)]
    read_bytes: std::sync::atomic::AtomicU64,
}

impl LongRowIndex {
    /// Where the range ends that a place is in.
    pub(super) fn end_at(&self, place: u64) -> Option<u64> {
        let ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        let around = ranges.iter().filter(|range| range.contains(&place));
        around.map(|range| range.end).max()
    }

    /// Remembers that no row begins in a range of offsets.
    pub(super) fn add(&self, range: Range<u64>) {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        if ranges.len() == KEPT {
            ranges.pop_front();
        }
        ranges.push_back(range);
    }
}

#[cfg(test)]
impl LongRowIndex {
    /// Counts bytes that were read.
    pub(super) fn count_read(&self, bytes: u64) {
        self.read_bytes
            .fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    /// How many bytes of the file were read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(std::sync::atomic::Ordering::Relaxed)
    }
}
