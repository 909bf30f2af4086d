//! Whichever mover a run holds.

use super::super::Move;
use super::super::slot_move::SlotMove;
use super::{Entry, Mover, Settings};
use std::ops::{Deref, DerefMut};

/// A mover of one kind or another. Two that hash alike go on alike.
#[derive(Clone, Debug, Hash)]
pub enum AnyMover {
    /// One slot, by `MIGRATE` after `MIGRATE`.
    Classic(SlotMove),
}

impl AnyMover {
    /// What moves a slot from here on.
    pub fn new(task: Move, settings: Settings, entry: Entry) -> AnyMover {
        AnyMover::Classic(SlotMove::new(task, settings, entry))
    }

    /// See [`Mover::in_place_of`].
    #[must_use]
    pub fn in_place_of(self, earlier: &AnyMover) -> AnyMover {
        match (self, earlier) {
            (AnyMover::Classic(next), AnyMover::Classic(earlier)) => {
                AnyMover::Classic(next.in_place_of(earlier))
            }
        }
    }
}

impl Deref for AnyMover {
    type Target = dyn Mover;

    fn deref(&self) -> &(dyn Mover + 'static) {
        match self {
            AnyMover::Classic(mover) => mover,
        }
    }
}

impl DerefMut for AnyMover {
    fn deref_mut(&mut self) -> &mut (dyn Mover + 'static) {
        match self {
            AnyMover::Classic(mover) => mover,
        }
    }
}
