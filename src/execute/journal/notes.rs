//! Writes down what a run has to have on record before it goes on.

use super::super::core::Note;
use super::{Journal, Storage};
use crate::error::Result;

impl<S: Storage> Journal<S> {
    /// Writes down what the core wants to be on record.
    ///
    /// # Errors
    /// When it can't be written: then nothing of it must be taken for noted.
    pub fn note(&mut self, notes: &[Note]) -> Result<()> {
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        for note in notes {
            match note {
                Note::Begins(unit) => begins.extend(unit.moves()),
                Note::Ends(unit) => ends.extend(unit.moves()),
                Note::Doubts(unit, doubts) => self.doubt_unit(unit, doubts)?,
                Note::Failures(node, failures) => self.note_failures(*node, failures)?,
            }
        }
        // Ends first: a slot may end on one pair and begin on another in the same breath.
        if !ends.is_empty() {
            self.end(&ends)?;
        }
        if begins.is_empty() {
            Ok(())
        } else {
            self.begin(&begins)
        }
    }
}
