//! Counts an input that is read from its beginning to its end: a pipe, a packed file, a CSV with quotes, an
//! RDB file.

use super::worker::{Worker, WorkerResult};
use super::{CountingThreads, InputCounter};
use crate::error::Error;
use crate::source::{Findings, KeyBatch, OpenInput, RowReader, Splitter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

impl InputCounter<'_> {
    /// One thread reads, workers count.
    pub(super) fn stream(
        &self,
        input: OpenInput,
        splitter: &Splitter<'_>,
        row_reader: &RowReader,
        counting: CountingThreads,
    ) -> WorkerResult {
        let threads = self.pool.current_num_threads();
        let workers = match (counting, row_reader.layout.is_stepped_over()) {
            (CountingThreads::Caller, _) => 1,
            // Who steps over values keeps a processor busy for each that counts keys.
            (CountingThreads::Pool, true) => (threads / 2).max(1),
            (CountingThreads::Pool, false) => threads,
        };
        // Keys that were stepped over are small: a few batches of them wait, so that neither side sleeps
        // when the other one is slower for a moment.
        let queued = match row_reader.layout.is_stepped_over() {
            true => 4 * workers,
            false => workers,
        };
        let (full, filled) = sync_channel::<KeyBatch>(queued);
        // As many batches as can be in the queue, with the workers and with the reader.
        let batches = queued + workers + 1;
        let (empty, emptied) = sync_channel::<KeyBatch>(batches);
        for _ in 0..batches {
            let _ = empty.send(KeyBatch::new());
        }
        let stop = AtomicU64::new(u64::MAX);
        let stop = &stop;
        std::thread::scope(move |scope| {
            // Both ends belong to this closure: should a worker panic, they are dropped, and the
            // reader ends instead of waiting for ever.
            let (filled, empty) = (Mutex::new(filled), empty);
            let queue = Queue { emptied, full };
            let reader =
                scope.spawn(move || self.read_blocks(input, splitter, row_reader, &queue, stop));
            let work = |worker: &mut Worker<'_>| {
                loop {
                    // One worker waits for the next block, the others wait for the lock.
                    let batch = filled.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(batch) = batch else { return };
                    worker.batch = batch;
                    count(worker, row_reader, stop);
                    // The reader may have ended already.
                    let _ = empty.send(std::mem::take(&mut worker.batch));
                }
            };
            let mut result = match counting {
                CountingThreads::Pool => self.workers(workers, work),
                CountingThreads::Caller => {
                    let mut worker = self.worker();
                    work(&mut worker);
                    worker.result
                }
            };
            match reader.join() {
                Ok(read) => read.add_to(&mut result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            result
        })
    }

    /// Reads the input for the workers. Large blocks are counted here: a few of them in the queue would
    /// take more memory than everything else, and so would the buffers of every thread that had one.
    fn read_blocks(
        &self,
        input: OpenInput,
        splitter: &Splitter<'_>,
        row_reader: &RowReader,
        queue: &Queue,
        stop: &AtomicU64,
    ) -> Read {
        let mut blocks = input.into_blocks(self.options);
        let (mut large, mut kept) = (None, None);
        let mut with_unsized = 0;
        let failure = loop {
            let Some(mut batch) = kept.take().or_else(|| queue.emptied.recv().ok()) else {
                break None;
            };
            let begin = blocks.offset();
            if begin > stop.load(Ordering::Relaxed) {
                break None;
            }
            match blocks.next_block(splitter, &mut batch) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some((begin, error)),
            }
            let read_bytes = blocks.read_bytes();
            self.meter.add(read_bytes - with_unsized);
            with_unsized = read_bytes;
            if batch.block_bytes() > splitter.large_bytes() {
                let worker = large.get_or_insert_with(|| self.worker());
                worker.batch = batch;
                count(worker, row_reader, stop);
                worker.batch = KeyBatch::new();
                kept = Some(KeyBatch::new());
                continue;
            }
            batch.shrink_to(splitter.large_bytes());
            if queue.full.send(batch).is_err() {
                break None;
            }
        };
        Read {
            findings: blocks.take_findings(),
            failure,
            large: large.map(|worker| worker.result),
        }
    }
}

/// The reader's ends of the queue.
struct Queue {
    emptied: Receiver<KeyBatch>,
    full: SyncSender<KeyBatch>,
}

/// What the reader found.
struct Read {
    findings: Findings,
    failure: Option<(u64, Error)>,
    /// What large blocks gave, where there were any.
    large: Option<WorkerResult>,
}

impl Read {
    fn add_to(self, result: &mut WorkerResult) {
        if let Some(large) = self.large {
            result.merge(large);
        }
        result.findings.merge(self.findings);
        if let Some((byte, error)) = self.failure {
            result.fail(byte, error);
        }
    }
}

/// Counts the worker's block, and says when the blocks behind it needn't be read.
fn count(worker: &mut Worker<'_>, row_reader: &RowReader, stop: &AtomicU64) {
    worker.count_block(row_reader);
    if worker.must_stop() {
        stop.fetch_min(worker.batch.block_offset(), Ordering::Relaxed);
    }
}
