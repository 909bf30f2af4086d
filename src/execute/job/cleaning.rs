//! What was over already when a run began.

use super::clearing::Clearing;
use super::machine::{Answer, Chore, Known, Step, noted};
use super::noting::JobNote;
use super::reminding::Reminding;
use crate::error::Result;
use crate::execute::Move;

/// Clears up what a failover left of moves that are over, tells replicas that still have a slot open,
/// and writes down that they have ended.
#[derive(Clone, Debug, Hash)]
pub(super) struct Cleaning {
    settled: Vec<Move>,
    clearing: Clearing,
    reminding: Reminding,
    is_noted: bool,
}

impl Cleaning {
    pub fn of(settled: Vec<Move>) -> Cleaning {
        Cleaning {
            clearing: Clearing::of(settled.clone()),
            reminding: Reminding::of(settled.clone()),
            is_noted: settled.is_empty(),
            settled,
        }
    }

    fn note(&self) -> Option<Step> {
        let note = || Step::Note(JobNote::End(self.settled.clone()));
        (!self.is_noted).then(note)
    }
}

impl Chore for Cleaning {
    fn next(&self) -> Option<Step> {
        let chores = self.clearing.next().or_else(|| self.reminding.next());
        chores.or_else(|| self.note())
    }

    fn hear(&mut self, known: &mut Known, answer: Answer) -> Result<()> {
        if self.clearing.next().is_some() {
            return self.clearing.hear(known, answer);
        }
        if self.reminding.next().is_some() {
            return self.reminding.hear(known, answer);
        }
        self.is_noted = true;
        noted(answer)
    }
}
