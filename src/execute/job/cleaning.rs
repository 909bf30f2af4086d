//! What was over already when a run began.

use super::clearing::Clearing;
use super::machine::{Answer, Chore, Known, Step, noted};
use super::noting::JobNote;
use super::reminding::Reminding;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;

/// Clears up what a failover left of moves that are over, tells replicas that still have a slot open,
/// and writes down that they have ended: those of which that can be known.
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

    /// Why slots stay begun in the journal's eyes: keys may be left of them where they don't belong.
    pub fn left(&self) -> Vec<Error> {
        let disputed = self.clearing.disputed().iter();
        let error = |(task, why): &(Move, String)| {
            let message = format!("slot {}: {why}", task.slot);
            Error::new(ErrorKind::Unsafe, message).mend(
                "the nodes settle that among themselves in some seconds; where they don't, slotkit \
                 check says what helps",
            )
        };
        disputed.map(error).collect()
    }

    fn note(&self) -> Option<Step> {
        let disputed = self.clearing.disputed();
        let is_known = |task: &&Move| disputed.iter().all(|(other, _)| other != *task);
        let ended: Vec<Move> = self.settled.iter().filter(is_known).copied().collect();
        (!self.is_noted && !ended.is_empty()).then_some(Step::Note(JobNote::End(ended)))
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
