//! Counts RDB files, several at a time.
//!
//! One thread steps over the values of a file, however many there are, and one more counts its keys
//! nearly as fast. Of several files each takes a lane of two such threads.

use super::collector::OutcomeCollector;
use super::{CountingThreads, InputCounter};
use crate::error::{Error, Result};
use crate::source::QueuedInput;
use std::sync::{Mutex, PoisonError};

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
