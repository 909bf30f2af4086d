//! What a mover has that sends keys in batches.

use super::Doubtful;

/// A batch that was answered late.
#[derive(Clone, Debug)]
pub struct LateBatch {
    pub(in super::super) keys: Vec<Doubtful>,
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
