//! The threads that read and count an input: parts of a file side by side, a stream by one reader and its workers,
//! RDB files several at a time.

use super::{CountingThreads, InputCounter, OutcomeCollector};
use crate::error::{Error, Result};
use crate::slot::{Slot, SlotSet, slots_of, slots_of_list};
use crate::source::{
    self, Findings, KeyBatch, KeyFacts, KeyRecord, OnError, OpenInput, Parts, QueuedInput,
    RowReader, Splitter,
};
use crate::tally::Tally;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// What one worker found in its blocks.
pub(super) struct WorkerResult {
    pub(super) tally: Tally,
    pub(super) findings: Findings,
    /// The first failure, with the offset of its block.
    pub(super) failure: Option<(u64, Error)>,
}

impl WorkerResult {
    pub(super) fn new(tally: Tally) -> WorkerResult {
        WorkerResult {
            tally,
            findings: Findings::default(),
            failure: None,
        }
    }

    pub(super) fn merge(&mut self, other: WorkerResult) {
        self.tally.merge(other.tally);
        self.findings.merge(other.findings);
        if let Some((byte, error)) = other.failure {
            self.fail(byte, error);
        }
    }

    pub(super) fn fail(&mut self, byte: u64, error: Error) {
        if self.failure.as_ref().is_none_or(|(first, _)| byte < *first) {
            self.failure = Some((byte, error));
        }
    }
}

/// A thread's buffers and counts.
pub(super) struct Worker<'run> {
    options: &'run source::Options,
    pub(super) batch: KeyBatch,
    slots: Vec<Slot>,
    /// The only slots whose keys are counted.
    wanted: Option<&'run SlotSet>,
    pub(super) result: WorkerResult,
}

impl<'run> Worker<'run> {
    pub(super) fn new(
        options: &'run source::Options,
        tally: Tally,
        wanted: Option<&'run SlotSet>,
    ) -> Worker<'run> {
        Worker {
            options,
            batch: KeyBatch::new(),
            slots: Vec::new(),
            wanted,
            result: WorkerResult::new(tally),
        }
    }

    pub(super) fn must_stop(&self) -> bool {
        self.options.on_error == OnError::Stop && self.result.findings.row_errors.count() > 0
    }

    /// Counts all rows of the batch's block.
    pub(super) fn count_block(&mut self, row_reader: &RowReader) {
        if let Some(format) = row_reader.plain_list() {
            let (list, offset) = self.batch.take_rest();
            let tally = &mut self.result.tally;
            match self.wanted {
                None => tally.add_list(list, format, offset),
                Some(wanted) => {
                    slots_of_list(list, format, |spans, slots| {
                        for (span, slot) in spans.iter().zip(slots) {
                            if wanted.contains(*slot) {
                                let facts = KeyFacts::UNKNOWN;
                                let key = span.of(list);
                                let place = offset + u64::from(span.start);
                                tally.add(KeyRecord { key, facts }, *slot, place);
                            }
                        }
                    });
                }
            }
            return;
        }
        while row_reader.next_rows(&mut self.batch, &mut self.result.findings) {
            self.slots.resize(self.batch.len(), Slot::MIN);
            slots_of(self.batch.bytes(), self.batch.spans(), &mut self.slots);
            match self.wanted {
                None => self.result.tally.add_batch(&self.batch, &self.slots),
                Some(wanted) => self.count_wanted(wanted),
            }
        }
    }

    /// Counts those keys of the batch that are in these slots.
    fn count_wanted(&mut self, wanted: &SlotSet) {
        let places = self.batch.places().zip(&self.slots);
        for (at, (place, slot)) in places.enumerate() {
            if wanted.contains(*slot) {
                self.result.tally.add(self.batch.record(at), *slot, place);
            }
        }
    }
}

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
        let queued = if row_reader.layout.is_stepped_over() {
            4 * workers
        } else {
            workers
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

// One thread steps over the values of a file, however many there are, and one more counts its keys
// nearly as fast. Of several files each takes a lane of two such threads.

/// How many files are read at once at most: each has a tally of up to 10 MB.
const MOST_LANES: usize = 4;

impl InputCounter<'_> {
    /// How many of so many files are read at once. On two processors it is two as well: none of the
    /// threads of a lane is always busy.
    pub(super) fn lanes(&self, files: usize) -> usize {
        match self.pool.current_num_threads() {
            1 => files.min(1),
            threads => files.min((threads / 2).clamp(2, MOST_LANES)),
        }
    }

    /// Reads files side by side.
    ///
    /// # Errors
    /// The error of the first file that has one, in the order given: files are begun in that order, and
    /// those that were begun are read to their ends.
    pub(super) fn side_by_side(
        &self,
        lanes: usize,
        files: Vec<(usize, QueuedInput<'_>)>,
        collector: &OutcomeCollector,
    ) -> Result<()> {
        let queued = Mutex::new(files.into_iter());
        let first: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let lane = || {
            loop {
                let has_failed = first
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .is_some();
                let next = queued.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((at, file)) = next.filter(|_| !has_failed) else {
                    return;
                };
                match self.any_input(file, CountingThreads::Caller) {
                    Ok(outcome) => collector.add(at, outcome),
                    Err(error) => {
                        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                        if first.as_ref().is_none_or(|(known, _)| at < *known) {
                            *first = Some((at, error));
                        }
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(lane);
            }
        });
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}
