//! An index of the ranges of a file inside long rows, where no row begins.
//!
//! Who looked for the end of a row that is longer than a part remembers it here, so that not
//! every part inside that row looks for it again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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
