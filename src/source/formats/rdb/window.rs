//! A bounded window over the input: what is stepped over is read, summed and forgotten.

use super::checksum::Checksum;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::source::unpack::read_error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much of the input is held at once: it stays in a core's second-level cache.
const WINDOW_BYTES: usize = 256 << 10;

/// What is copied at once of short strings.
const SHORT_BYTES: usize = 32;

/// The part of the input that is being read.
///
/// Nothing is ever allocated by a length that the file claims: what is longer
/// than the window is stepped over piece by piece, or copied as it arrives.
pub(super) struct Window {
    input: Box<dyn Read + Send>,
    path: PathBuf,
    buffer: Box<[u8]>,
    /// The next byte to be read.
    cursor: usize,
    /// Where the read bytes end.
    end: usize,
    /// The offset in the input of the buffer's first byte.
    base: u64,
    is_done: bool,
    checksum: Option<Checksum>,
    /// What stands before this in the buffer is in the checksum.
    summed: usize,
}

impl Window {
    pub(super) fn new(input: Box<dyn Read + Send>, path: &Path) -> Window {
        Window {
            input,
            path: path.to_path_buf(),
            buffer: vec![0; WINDOW_BYTES].into(),
            cursor: 0,
            end: 0,
            base: 0,
            is_done: false,
            checksum: None,
            summed: 0,
        }
    }

    /// Sums everything from the first byte on; nothing may have been read yet.
    pub(super) fn sum(&mut self) {
        self.checksum = Some(Checksum::new());
    }

    /// The checksum of everything that was read so far, if it is summed; ends the summing.
    pub(super) fn finish_sum(&mut self) -> Option<u64> {
        self.sum_read();
        self.checksum.take().map(Checksum::finish)
    }

    fn sum_read(&mut self) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.buffer[self.summed..self.cursor]);
        }
        self.summed = self.cursor;
    }

    /// The offset in the input of the next byte.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.base + self.cursor as u64
    }

    /// An error at a byte of this input.
    #[cold]
    pub(super) fn error(&self, byte: u64, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Input, message).at(Position::file(&self.path).at_byte(byte))
    }

    #[cold]
    fn truncated(&self, missing: u64) -> Error {
        let bytes = if missing == 1 { "byte" } else { "bytes" };
        let message = format!("expected {missing} more {bytes}, found the end of the file");
        self.error(self.base + self.end as u64, message).fix(
            "the file is cut off or damaged: copy it again, or keep what stands before the damage \
             with --on-error skip",
        )
    }

    #[inline]
    fn rest(&self) -> usize {
        self.end - self.cursor
    }

    /// What is there of the next bytes.
    #[inline]
    pub(super) fn rest_of_window(&self) -> &[u8] {
        &self.buffer[self.cursor..self.end]
    }

    /// Steps over bytes that are there.
    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.rest());
        self.cursor += bytes;
    }

    /// Reads on until `wanted` bytes (at most the window) are there, or the input ends.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, wanted: usize) -> Result<()> {
        self.sum_read();
        self.buffer.copy_within(self.cursor..self.end, 0);
        self.base += self.cursor as u64;
        self.end -= self.cursor;
        (self.cursor, self.summed) = (0, 0);
        while self.end < wanted && !self.is_done {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_done = true,
                Ok(read) => self.end += read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(read_error(&self.path, cause)),
            }
        }
        Ok(())
    }

    /// The next bytes: at least `least` unless the input ends before, never more than the window.
    #[inline]
    pub(super) fn look(&mut self, least: usize) -> Result<&[u8]> {
        if self.rest() < least {
            self.refill(least.min(WINDOW_BYTES))?;
        }
        Ok(&self.buffer[self.cursor..self.end])
    }

    /// The next `N` bytes, read.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.rest() < N {
            self.refill(N)?;
        }
        match self.buffer[self.cursor..self.end].first_chunk::<N>() {
            Some(bytes) => {
                let bytes = *bytes;
                self.cursor += N;
                Ok(bytes)
            }
            None => Err(self.truncated((N - self.rest()) as u64)),
        }
    }

    /// The next byte, read.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Steps over so many bytes.
    #[inline]
    pub(super) fn skip(&mut self, bytes: u64) -> Result<()> {
        if bytes <= self.rest() as u64 {
            self.cursor += bytes as usize;
            return Ok(());
        }
        self.skip_far(bytes)
    }

    #[inline(never)]
    fn skip_far(&mut self, bytes: u64) -> Result<()> {
        let mut left = bytes;
        loop {
            let step = left.min(self.rest() as u64);
            self.cursor += step as usize;
            left -= step;
            if left == 0 {
                return Ok(());
            }
            self.refill(1)?;
            if self.rest() == 0 {
                return Err(self.truncated(left));
            }
        }
    }

    /// The next `length` bytes, read, when they fit the window.
    #[inline]
    pub(super) fn slice(&mut self, length: u64) -> Result<Option<&[u8]>> {
        if length > WINDOW_BYTES as u64 {
            return Ok(None);
        }
        let length = length as usize;
        if self.rest() < length {
            self.refill(length)?;
            if self.rest() < length {
                return Err(self.truncated((length - self.rest()) as u64));
            }
        }
        let start = self.cursor;
        self.cursor += length;
        Ok(Some(&self.buffer[start..start + length]))
    }

    /// Appends the next `length` bytes to a buffer that grows as they arrive.
    #[inline]
    pub(super) fn copy(&mut self, length: u64, out: &mut Vec<u8>) -> Result<()> {
        if length <= self.rest() as u64 {
            append_beginning(&self.buffer[self.cursor..], length as usize, out);
            self.cursor += length as usize;
            return Ok(());
        }
        self.copy_far(length, out)
    }

    #[inline(never)]
    fn copy_far(&mut self, length: u64, out: &mut Vec<u8>) -> Result<()> {
        let mut left = length;
        loop {
            let step = left.min(self.rest() as u64) as usize;
            out.extend_from_slice(&self.buffer[self.cursor..self.cursor + step]);
            self.cursor += step;
            left -= step as u64;
            if left == 0 {
                return Ok(());
            }
            self.refill(1)?;
            if self.rest() == 0 {
                return Err(self.truncated(left));
            }
        }
    }

    /// Whether the input has no more bytes.
    pub(super) fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.look(1)?.is_empty())
    }
}

/// Appends the first `length` bytes of a text.
///
/// Most keys are short: bytes of a fixed number are copied without a call, and those too many are
/// taken off again.
#[inline(always)]
pub(super) fn append_beginning(text: &[u8], length: usize, out: &mut Vec<u8>) {
    match text.first_chunk::<SHORT_BYTES>() {
        Some(bytes) if length <= SHORT_BYTES => {
            let kept = out.len() + length;
            out.extend_from_slice(bytes);
            out.truncate(kept);
        }
        _ => out.extend_from_slice(&text[..length]),
    }
}
