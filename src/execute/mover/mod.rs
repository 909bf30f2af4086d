//! What moves slots from their source to their target, and the words that it shares with whoever
//! has them moved.
//!
//! A [`Mover`] is a state machine without I/O: it says what it wants next, and takes what came of
//! it. [`core`](super::core) asks it, sends what it wants to send, and knows nothing of how it
//! moves keys:
//!
//! | what | is said by | when |
//! |---|---|---|
//! | what to do next | [`Mover::action`] | it isn't waiting |
//! | what came of that | [`Mover::answer`], [`Mover::lose_answer`] | a node answered, or its link broke |
//! | what a look has shown | [`Mover::claimed`], [`Mover::withdraw`], [`Mover::confirmed`] | it asked for one |
//! | that it ends here | [`Mover::give_up`] | the run goes no further with it |
//! | what the next run must know | [`Mover::doubts`] | it is in the journal before anything is sent |
//!
//! What only a mover has that sends keys itself, in batches that may be late, lost or swallowed, is
//! [`Batches`]: one that has the servers move all keys by themselves has none of it.
//!
//! [`AnyMover`] is whichever of them a run holds, and the one place where they are made.

mod action;
mod any;
mod batches;
#[cfg(test)]
pub(super) mod fake;
mod halt;
mod key_in_doubt;
mod settings;
mod time;
mod unit;

pub use action::Action;
pub use any::AnyMover;
pub use batches::{Batches, Finding, LateBatch};
pub use halt::Halt;
pub use key_in_doubt::{Cause, KeyInDoubt};
pub use settings::{Entry, Opened, Settings};
pub use time::{Span, Wait};
pub use unit::Unit;

use super::failures::Failures;
use crate::cluster::NodeId;
use crate::cluster::verb::Reply;
use crate::error::Error;

/// What moves slots from one node to another.
pub trait Mover {
    /// What to do next.
    fn action(&mut self) -> Action;

    /// Says when what is answered next was asked, and when the answer came. Where nobody says it no
    /// moment is known.
    fn is_answered_at(&mut self, _span: Span) {}

    /// Whether what it asks next is what opens the slots: until then they are as they were.
    fn opens(&self) -> bool;

    /// Takes the replies to the verbs of the last [`Action::Ask`].
    ///
    /// # Errors
    /// At the first surprise; its kind is [`ErrorKind::Stopped`](crate::ErrorKind::Stopped).
    fn answer(&mut self, replies: Vec<Reply>) -> Result<(), Halt>;

    /// Nobody will hear what came of the last [`Action::Ask`]. Says whether it goes on all the
    /// same, since it needs no answer to that.
    fn lose_answer(&mut self) -> bool;

    /// Says that nobody else has the slots open: the answer to [`Action::Claim`].
    fn claimed(&mut self);

    /// The other answer: somebody else has them open, before their source was asked to give them
    /// away. No key has moved, so what was begun is taken back. The error is what the move stops
    /// with.
    fn withdraw(&mut self, why: Error);

    /// Says that the slots are still moved by us alone, which epoch the source has, and who is a
    /// primary beside the two: the answer to [`Action::Confirm`], for whoever asks that.
    fn confirmed(&mut self, _epoch: u64, _others: Vec<NodeId>) {}

    /// Whether it is confirmed, and its target hasn't been told yet, nor is just being told: what
    /// it wanted last may have been asked or not.
    fn is_confirmed(&self, _is_asked: bool) -> bool {
        false
    }

    /// Says that what was confirmed may not be so any more. What it has just asked is answered
    /// first.
    fn outdate(&mut self, _is_asked: bool) {}

    /// Says that it goes no further, for this reason: where no key has moved, the slots are closed
    /// again. Says whether that is tried; else they stay as they are.
    fn give_up(&mut self, why: &Error) -> bool;

    /// Whether the source has just refused to open the slots, where nobody had them open before.
    fn is_unopened(&self) -> bool;

    /// Whether neither source nor target has the slots open any more, as both say: others may not
    /// have heard of their new owner.
    fn is_closed(&self) -> bool;

    /// The keys that have moved so far, and their bytes where these are measured. A key that was
    /// deleted on its way counts too, so this is a figure for progress, not for bookkeeping.
    fn moved(&self) -> (u64, u64);

    /// Has these keys looked at on both sides before anything is sent; what the source said of its
    /// failures before they were. They are in doubt until that is done.
    fn look_at(&mut self, doubtful: Vec<KeyInDoubt>, failures: Option<Failures>);

    /// The keys that have to be looked at on both sides before the slots can go on, in order: those
    /// that the next run has to know of, should this one break off, and no others.
    fn doubts(&self) -> Vec<KeyInDoubt>;

    /// Takes over what was in doubt for an earlier one of the same slots: its keys are looked at on
    /// both sides before anything is sent.
    #[must_use]
    fn in_place_of(self, earlier: &Self) -> Self
    where
        Self: Sized;

    /// What it has beyond that where it sends keys in batches.
    fn batches(&self) -> Option<&dyn Batches> {
        None
    }

    /// The same, to be told something.
    fn batches_mut(&mut self) -> Option<&mut dyn Batches> {
        None
    }
}
