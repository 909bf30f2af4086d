//! What a job has in the journal before it goes on.

use crate::error::Result;
use crate::execute::Move;
use crate::execute::journal::{Journal, Storage};
use crate::execute::mover::Doubtful;
use crate::execute::shards::Shards;
use crate::slot::Slot;

/// What has to be in the journal before anything else is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobNote {
    /// Who is a replica of whom.
    Shards(Shards),
    /// So many slots are about to move.
    Aim(u64),
    /// These moves begin, or are begun still.
    Begin(Vec<Move>),
    /// These have ended.
    End(Vec<Move>),
    /// This key of a slot is in doubt, beside those that are.
    Doubt(Slot, Doubtful),
}

impl JobNote {
    /// Writes it down.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write<S: Storage>(&self, journal: &mut Journal<S>) -> Result<()> {
        match self {
            JobNote::Shards(shards) => journal.know(shards),
            JobNote::Aim(slots) => journal.aim_at(*slots),
            JobNote::Begin(moves) => journal.begin(moves),
            JobNote::End(moves) => journal.end(moves),
            JobNote::Doubt(slot, key) => journal.doubt_also(*slot, key),
        }
    }
}
