//! How much of a packed file was read: in the file's own bytes, since nobody knows before the end
//! how many bytes it unpacks to.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was read of a packed file so far, and how long it is.
#[derive(Debug)]
pub(super) struct Gauge {
    read: Arc<AtomicU64>,
    /// The file's length; unknown of a pipe.
    pub(super) length: Option<u64>,
}

impl Gauge {
    /// A gauge, and the reader that it looks at.
    pub(super) fn on<R: Read>(packed: R, length: Option<u64>) -> (Gauge, Gauged<R>) {
        let read = Arc::new(AtomicU64::new(0));
        let gauge = Gauge {
            read: read.clone(),
            length,
        };
        (gauge, Gauged { packed, read })
    }

    /// How many bytes were read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// Counts what is read.
pub(super) struct Gauged<R> {
    packed: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Gauged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
