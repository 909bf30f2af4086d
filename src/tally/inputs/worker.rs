//! One counting thread: its batch, its tally, and what it found wrong.

use crate::error::Error;
use crate::slot::{Slot, SlotSet, slots_of, slots_of_list};
use crate::source::{self, Findings, KeyBatch, KeyFacts, KeyRecord, OnError, RowReader};
use crate::tally::Tally;

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
