//! Stretches of a file inside long rows, where no row begins.
//!
//! Who looked for the end of a row that is longer than a part remembers it here, so that not
//! every part inside that row looks for it again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// How many stretches are remembered. Parts are handed out in order: who needs an older one is a
/// thread that slept while others read as many long rows.
const KEPT: usize = 32;

/// The last stretches of a file in which no row begins.
#[derive(Debug, Default)]
pub(crate) struct Barren {
    stretches: Mutex<VecDeque<Range<u64>>>,
    /// How many bytes of the file were read.
    #[cfg(test)]
    read_bytes: std::sync::atomic::AtomicU64,
}

impl Barren {
    /// Where the stretch ends that a place is in.
    pub(super) fn end_at(&self, place: u64) -> Option<u64> {
        let stretches = self
            .stretches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let around = stretches.iter().filter(|stretch| stretch.contains(&place));
        around.map(|stretch| stretch.end).max()
    }

    /// Remembers a stretch.
    pub(super) fn add(&self, stretch: Range<u64>) {
        let mut stretches = self
            .stretches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if stretches.len() == KEPT {
            stretches.pop_front();
        }
        stretches.push_back(stretch);
    }
}

#[cfg(test)]
impl Barren {
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
