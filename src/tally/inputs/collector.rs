//! Collects what each input gave, in whatever order inputs end.

use super::{InputSummary, Outcome, SecondPass};
use crate::tally::{Prefixes, Tally};
use std::sync::{Mutex, PoisonError};

/// One tally for all, since each takes up to 10 MB, and the summaries by the places of their inputs.
pub(super) struct OutcomeCollector(Mutex<(Option<Tally>, Vec<Vec<InputSummary>>)>);

impl OutcomeCollector {
    pub(super) fn new(inputs: usize) -> OutcomeCollector {
        OutcomeCollector(Mutex::new((None, vec![Vec::new(); inputs])))
    }

    /// Adds what the input at a place gave.
    pub(super) fn add(&self, at: usize, outcome: Outcome) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut all.0 {
            Some(tally) => tally.merge(outcome.tally),
            none => *none = Some(outcome.tally),
        }
        all.1[at] = outcome.inputs;
    }

    /// Everything, the inputs in the order given.
    pub(super) fn outcome(self, prefixes: Prefixes) -> Outcome {
        let (tally, summaries) = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Outcome {
            tally: tally.unwrap_or_else(|| Tally::with_prefixes(prefixes)),
            inputs: summaries.into_iter().flatten().collect(),
            skipped_files: Vec::new(),
            second_pass: SecondPass::None,
        }
    }
}
