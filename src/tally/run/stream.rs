//! An input that is read from its beginning to its end: a pipe, a packed file, a CSV with quotes, an RDB
//! file.

use super::worker::{Found, Worker};
use super::{Crew, Run};
use crate::error::Error;
use crate::source::{Cutting, Findings, KeyBatch, Opened, Reading};
use crate::tally::Tally;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

impl Run<'_> {
    /// One thread reads, workers count.
    pub(super) fn stream(
        &self,
        input: Opened,
        cutting: &Cutting<'_>,
        reading: &Reading,
        crew: Crew,
    ) -> Found {
        let threads = self.pool.current_num_threads();
        let workers = match (crew, reading.layout.is_stepped_over()) {
            (Crew::Caller, _) => 1,
            // Who steps over values keeps a processor busy for each that counts keys.
            (Crew::Pool, true) => (threads / 2).max(1),
            (Crew::Pool, false) => threads,
        };
        // Keys that were stepped over are small: a few batches of them wait, so that neither side sleeps
        // when the other one is slower for a moment.
        let waiting = match reading.layout.is_stepped_over() {
            true => 4 * workers,
            false => workers,
        };
        let (full, filled) = sync_channel::<KeyBatch>(waiting);
        // As many batches as can be in the queue, with the workers and with the reader.
        let batches = waiting + workers + 1;
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
            let reader =
                scope.spawn(move || self.read_blocks(input, cutting, &emptied, &full, stop));
            let work = |worker: &mut Worker<'_>| {
                loop {
                    // One worker waits for the next block, the others wait for the lock.
                    let batch = filled.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(batch) = batch else { return };
                    worker.batch = batch;
                    worker.count_block(reading);
                    if worker.must_stop() {
                        stop.fetch_min(worker.batch.block_offset(), Ordering::Relaxed);
                    }
                    // The reader may have ended already.
                    let _ = empty.send(std::mem::take(&mut worker.batch));
                }
            };
            let mut found = match crew {
                Crew::Pool => self.workers(workers, work),
                Crew::Caller => {
                    let mut worker = Worker::new(self.options, Tally::with_prefixes(self.prefixes));
                    work(&mut worker);
                    worker.found
                }
            };
            match reader.join() {
                Ok((findings, failure)) => {
                    found.findings.merge(findings);
                    if let Some((byte, error)) = failure {
                        found.fail(byte, error);
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
            found
        })
    }

    fn read_blocks(
        &self,
        input: Opened,
        cutting: &Cutting<'_>,
        emptied: &Receiver<KeyBatch>,
        full: &SyncSender<KeyBatch>,
        stop: &AtomicU64,
    ) -> (Findings, Option<(u64, Error)>) {
        let mut blocks = input.into_blocks(self.options);
        let mut told = 0;
        let failure = loop {
            let Ok(mut batch) = emptied.recv() else {
                break None;
            };
            let begin = blocks.offset();
            if begin > stop.load(Ordering::Relaxed) {
                break None;
            }
            match blocks.next_block(cutting, &mut batch) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some((begin, error)),
            }
            let read_bytes = blocks.read_bytes();
            self.meter.add(read_bytes - told);
            told = read_bytes;
            if full.send(batch).is_err() {
                break None;
            }
        };
        (blocks.take_findings(), failure)
    }
}
