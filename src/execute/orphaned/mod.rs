//! Finds and clears up orphaned keys: what a failover leaves of a slot on a node that doesn't own
//! it.
//!
//! Valkey 8 and later replicate `SETSLOT`, so a replica that takes over from a
//! target has the slots open that its primary had, with the keys that came so
//! far. The old target may come back as a primary beside it: a `NODE` that lay
//! in its buffers while it stood still is carried out when it wakes, before it
//! hears of its promoted replica, and with a slot of its own it doesn't turn into a replica
//! (seen on Valkey 9.1). Then one of the two owns the slot, and the other has
//! it open, or has copies of its keys that no client is sent to. And a replica
//! that was behind when it took over from a source has keys that had moved.
//!
//! The owner's copies count. An orphaned copy is deleted when the owner has the
//! same; where they differ, or the owner has none, a client may have written
//! either side or deleted one, and only a person can know.
//!
//! ```text
//!  IMPORTING from the owner (holder) ──> List ──> Compare ──> Delete the equal ones ──┐
//!   (so that ASKING reaches the copies)   ▲          │ another: stop, or as told      │
//!                                         └──────────┼────────────────────────────────┘
//!                                     no key left ──> STABLE (holder)
//! ```

mod clear;
mod find;

pub use clear::{Cleared, ClearingOptions, NotCleared, clear};
pub use find::{OrphanedKeys, dispute, find};
