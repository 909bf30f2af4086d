//! Counts how much of a packed file was unpacked: in the file's own bytes, since nobody knows before the end
//! how many bytes it unpacks to.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a packed file is read at once.
const READ_BYTES: usize = 256 << 10;

/// How far a packed file was unpacked so far, and how long it is.
#[derive(Clone, Debug)]
pub(super) struct ReadCounter {
    read: Arc<AtomicU64>,
    /// The file's length; unknown of a pipe.
    pub(super) length: Option<u64>,
}

impl ReadCounter {
    /// A gauge, and the reader that it looks at.
    pub(super) fn on<R: Read>(packed: R, length: Option<u64>) -> (ReadCounter, CountingReader<R>) {
        let counter = ReadCounter {
            read: Arc::default(),
            length,
        };
        let counting_reader = CountingReader {
            packed: BufReader::with_capacity(READ_BYTES, Whole(packed)),
            counter: counter.clone(),
        };
        (counter, counting_reader)
    }

    /// How many bytes were unpacked so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Counts what a decoder takes, not what was read ahead for it.
pub(super) struct CountingReader<R> {
    packed: BufReader<Whole<R>>,
    counter: ReadCounter,
}

impl<R> CountingReader<R> {
    /// What counts its bytes.
    pub(super) fn counter(&self) -> ReadCounter {
        self.counter.clone()
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        self.counter.add(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for CountingReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.packed.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.counter.add(count);
        self.packed.consume(count);
    }
}

/// Fills each buffer to its end, however slowly a pipe is fed: how much a decoder gives before
/// damage depends on what it is given at once.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(filled)
    }
}
