//! What one thread of a run has and finds.

use crate::error::Error;
use crate::slot::{Slot, slots_of};
use crate::source::{self, Findings, KeyBatch, OnError, Reading};
use crate::tally::Tally;

/// What one worker found in its blocks.
pub(super) struct Found {
    pub(super) tally: Tally,
    pub(super) findings: Findings,
    /// The first failure, with the offset of its block.
    pub(super) failure: Option<(u64, Error)>,
}

impl Found {
    pub(super) fn new(tally: Tally) -> Found {
        Found {
            tally,
            findings: Findings::default(),
            failure: None,
        }
    }

    pub(super) fn merge(&mut self, other: Found) {
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
    pub(super) found: Found,
}

impl Worker<'_> {
    pub(super) fn new(options: &source::Options, tally: Tally) -> Worker<'_> {
        Worker {
            options,
            batch: KeyBatch::new(),
            slots: Vec::new(),
            found: Found::new(tally),
        }
    }

    pub(super) fn must_stop(&self) -> bool {
        self.options.on_error == OnError::Stop && self.found.findings.faults.count() > 0
    }

    /// Counts all rows of the batch's block.
    pub(super) fn count_block(&mut self, reading: &Reading) {
        if let Some(format) = reading.plain_list() {
            let (list, offset) = self.batch.take_rest();
            self.found.tally.add_list(list, format, offset);
            return;
        }
        while reading.next_rows(&mut self.batch, &mut self.found.findings) {
            self.slots.resize(self.batch.len(), Slot::MIN);
            slots_of(self.batch.bytes(), self.batch.spans(), &mut self.slots);
            self.found.tally.add_batch(&self.batch, &self.slots);
        }
    }
}
