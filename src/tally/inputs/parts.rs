//! Counts one file in parts, side by side: its rows can be found from any place.

use super::InputCounter;
use super::worker::{Worker, WorkerResult};
use crate::source::{KeyBatch, Parts, RowReader, Splitter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

impl InputCounter<'_> {
    /// Workers take the parts of a file one after another.
    pub(super) fn parts(
        &self,
        parts: &Parts<'_>,
        splitter: &Splitter<'_>,
        row_reader: &RowReader,
    ) -> WorkerResult {
        self.meter.add(parts.skip);
        let count = parts.count(splitter);
        let next = AtomicU64::new(0);
        let stop = AtomicU64::new(u64::MAX);
        // The batch of who looks far for the end of a long row: only one at a time, so that the others
        // find the end known, and only one batch grows as long as the longest row.
        let far = Mutex::new(KeyBatch::new());
        self.workers(self.pool.current_num_threads(), |worker| {
            loop {
                // Parts are handed out in order, so every part before a failed one is read to its end.
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= count || part > stop.load(Ordering::Relaxed) {
                    return;
                }
                if !count_part(parts, part, splitter, row_reader, worker) {
                    let parts = Parts {
                        looks_far: true,
                        ..*parts
                    };
                    let mut far = far.lock().unwrap_or_else(PoisonError::into_inner);
                    std::mem::swap(&mut worker.batch, &mut far);
                    count_part(&parts, part, splitter, row_reader, worker);
                    std::mem::swap(&mut worker.batch, &mut far);
                }
                if worker.result.failure.is_some() || worker.must_stop() {
                    stop.fetch_min(part, Ordering::Relaxed);
                }
                self.meter.add(splitter.part_bytes as u64);
            }
        })
    }
}

/// Counts a part, or says why it can't be read; false when that takes one that [`Parts::looks_far`].
fn count_part(
    parts: &Parts<'_>,
    part: u64,
    splitter: &Splitter<'_>,
    row_reader: &RowReader,
    worker: &mut Worker<'_>,
) -> bool {
    let refused = &mut worker.result.findings.row_errors;
    let read = parts.read(part, splitter, &mut worker.batch, refused);
    if let Ok(false) = read {
        return false;
    }
    // A row before the one that is too long may be the first that can't be read.
    worker.count_block(row_reader);
    if let Err(error) = read {
        let byte = parts.failed_at(part, splitter, &error);
        worker.result.fail(byte, error);
    }
    true
}
