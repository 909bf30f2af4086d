//! What a mover has that sends keys in batches, by one `MIGRATE` after the other.

use super::key_in_doubt::KeyInDoubt;
use super::time::Wait;
use crate::cluster::verb::Reply;
use crate::error::Error;
use crate::execute::failures::Failures;

/// A mover that sends keys in batches, as its caller allows it, and has each shown to have arrived.
pub trait Batches {
    /// From now on, how many keys go into one `MIGRATE`.
    fn set_keys_per_migrate(&mut self, keys: u32);

    /// From now on, how long a `MIGRATE` waits for a silent target: not less than its settings
    /// have.
    fn set_timeout_ms(&mut self, timeout_ms: u64);

    /// Keys and bytes of the batch that is to be sent next.
    fn batch(&self) -> (u64, u64);

    /// How many keys it wants to send that the target can't have yet.
    fn sends(&self) -> usize;

    /// Sends so many keys alone, where it wants to send more: the others are listed again behind
    /// them.
    fn send_at_most(&mut self, most: usize);

    /// The batch goes out now, after the source said this of its failures.
    fn sends_after(&mut self, failures: Option<Failures>);

    /// As [`Mover::doubts`](super::Mover::doubts), once the next batch is on its way: the one that
    /// it wants to send, or will when its target has shown that it keeps the last.
    fn doubts_of_batch(&self) -> Vec<KeyInDoubt>;

    /// The keys that were sent, if these are the replies to a `MIGRATE` that the source broke off,
    /// since the target was silent or the link of the two servers broke.
    fn broken_off(&self, replies: &[Reply]) -> Option<Vec<Vec<u8>>>;

    /// The batch that it wants to send, should its answer have taken so long.
    fn batch_if_late(&self, took_ms: u64) -> LateBatch;

    /// Says that these keys were answered so late that the source may have been replaced by then.
    fn answered_late(&mut self, batch: LateBatch);

    /// How many keys were sent whose target hasn't been found to keep them yet.
    fn proves(&self) -> usize;

    /// What the last batch has shown of the target, once.
    fn take_finding(&mut self) -> Option<Finding>;

    /// Says that keys of other slots have shown that the target keeps what it takes: the answer to
    /// [`Action::Vouch`](super::Action::Vouch).
    fn vouched(&mut self);

    /// Why it goes no further where nobody vouches for the target.
    fn swallowed(&self) -> Error;

    /// The wait for keys to end that has just begun, if one has.
    fn take_wait(&mut self) -> Option<Wait>;

    /// The keys for which a person's wish chose between two values.
    fn conflicts(&self) -> u64;
}

/// A batch that was answered late.
#[derive(Clone, Debug)]
pub struct LateBatch {
    pub(in super::super) keys: Vec<KeyInDoubt>,
    /// How long it took.
    pub(in super::super) took_ms: u64,
    /// Whether the ends of its keys were noted exactly.
    pub(in super::super) is_exact: bool,
}

impl LateBatch {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// What keys that were sent have shown of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// Of a batch of so many keys the target has what it took, but for those that are gone.
    Kept {
        /// How many were sent.
        sent: u64,
        /// How many of them weren't there a moment later.
        gone: u64,
    },
    /// Most of a batch was gone when it was asked for: clients have deleted it, it expired, or
    /// something has swallowed it.
    Missed,
    /// When the slot was to be handed over, the target had the keys that it had before.
    Held,
    /// It had less than half of them.
    Fell,
}
