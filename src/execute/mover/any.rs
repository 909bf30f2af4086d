//! Holds whichever mover a run has.

use super::super::slot_move::SlotMove;
use super::{Entry, Mover, Settings, Unit};
use crate::error::Result;
#[cfg(not(test))]
use crate::error::{Error, ErrorKind};
use std::ops::{Deref, DerefMut};

/// A mover of one kind or another. Two that hash alike go on alike.
#[derive(Clone, Debug, Hash)]
pub enum AnyMover {
    /// One slot, by `MIGRATE` after `MIGRATE`. Apart, since whoever has slots moved goes through
    /// all that are in hand time and again.
    Classic(Box<SlotMove>),
    /// Several slots, where that is tried.
    #[cfg(test)]
    Fake(super::fake::Fake),
}

impl AnyMover {
    /// What moves a unit from here on.
    ///
    /// # Errors
    /// Where nothing can move that many slots in one go.
    pub fn new(unit: &Unit, settings: Settings, entry: Entry) -> Result<AnyMover> {
        match unit.one() {
            Some(task) => {
                let mover = SlotMove::new(task, settings, entry);
                Ok(AnyMover::Classic(Box::new(mover)))
            }
            #[cfg(test)]
            None => Ok(AnyMover::Fake(super::fake::Fake::new(unit.clone()))),
            #[cfg(not(test))]
            None => {
                let message = format!("{unit}: MIGRATE moves one slot at a time");
                Err(Error::new(ErrorKind::Unsafe, message))
            }
        }
    }

    /// See [`Mover::in_place_of`].
    #[must_use]
    pub fn in_place_of(self, earlier: &AnyMover) -> AnyMover {
        match (self, earlier) {
            (AnyMover::Classic(next), AnyMover::Classic(earlier)) => {
                AnyMover::Classic(Box::new(next.in_place_of(earlier)))
            }
            #[cfg(test)]
            (AnyMover::Fake(next), AnyMover::Fake(earlier)) => {
                AnyMover::Fake(next.in_place_of(earlier))
            }
            #[cfg(test)]
            (mut next, earlier) => {
                next.look_at(earlier.doubts(), None);
                next
            }
        }
    }
}

impl Deref for AnyMover {
    type Target = dyn Mover;

    fn deref(&self) -> &(dyn Mover + 'static) {
        match self {
            AnyMover::Classic(mover) => &**mover,
            #[cfg(test)]
            AnyMover::Fake(mover) => mover,
        }
    }
}

impl DerefMut for AnyMover {
    fn deref_mut(&mut self) -> &mut (dyn Mover + 'static) {
        match self {
            AnyMover::Classic(mover) => &mut **mover,
            #[cfg(test)]
            AnyMover::Fake(mover) => mover,
        }
    }
}
