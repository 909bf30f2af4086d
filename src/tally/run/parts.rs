//! A file whose rows can be found from any place.

use super::Run;
use super::worker::Found;
use crate::source::{Cutting, Parts, Reading};
use std::sync::atomic::{AtomicU64, Ordering};

impl Run<'_> {
    /// Workers take the parts of a file one after another.
    pub(super) fn parts(
        &self,
        parts: &Parts<'_>,
        cutting: &Cutting<'_>,
        reading: &Reading,
    ) -> Found {
        self.meter.add(parts.skip);
        let count = parts.count(cutting);
        let next = AtomicU64::new(0);
        let stop = AtomicU64::new(u64::MAX);
        self.workers(self.pool.current_num_threads(), |worker| {
            loop {
                // Parts are handed out in order, so every part before a failed one is read to its end.
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= count || part > stop.load(Ordering::Relaxed) {
                    return;
                }
                let refused = &mut worker.found.findings.faults;
                if let Err(error) = parts.read(part, cutting, &mut worker.batch, refused) {
                    let byte = parts.failed_at(part, cutting, &error);
                    // A row before the one that is too long may be the first that can't be read.
                    worker.count_block(reading);
                    worker.found.fail(byte, error);
                    stop.fetch_min(part, Ordering::Relaxed);
                    return;
                }
                worker.count_block(reading);
                if worker.must_stop() {
                    stop.fetch_min(part, Ordering::Relaxed);
                }
                self.meter.add(cutting.part_bytes as u64);
            }
        })
    }
}
