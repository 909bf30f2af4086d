//! Floor 6: moving slots without losing a key.
//!
//! - [`survey`] asks every node what it is and believes; [`preflight`] reads
//!   the answers and names everything that makes a move unsafe.
//! - [`fix`] says what to do about a finding, from all that was surveyed.
//! - [`functions`] are compared, and copied where a target lacks them.
//! - [`big_keys`] measures the keys that would block the servers.
//! - [`options`] are how slots are moved, as far as a person chooses.
//! - [`open_moves`] reads the moves behind open slots from the cluster alone.
//! - [`mover`] is what moves slots, as whoever has them moved knows it: a state machine that takes
//!   replies and gives verbs, without any I/O.
//! - [`slot_move`] is the first of them, the classic way: one slot, by `MIGRATE`. Only [`mover`]
//!   knows it.
//! - [`journal`] remembers which slots are under way, so that an interrupted
//!   run is gone on with and somebody else's open slot isn't touched.
//! - [`resolve`] shows the keys that a stop has named, and takes a person's choice.
//! - [`core`] is a whole run of many slots, without any I/O either: what to
//!   send next, to whom, and what to write down before.
//! - [`failures`] are what a server counts of its `MIGRATE`s, by which a batch
//!   that nobody heard of is known to have moved.
//! - [`timeouts`] are how long a source waits for a silent target.
//! - [`executor`] drives it over links, and `desk` hears whoever answers first.
//! - [`job`] is all of that as one: a plan carried out, with what comes before and after.
//! - [`shards`] remembers who was a replica of whom, and [`orphaned`] clears up
//!   what a failover left of a slot on a node that doesn't own it; [`promoted`]
//!   are given the slots that a node took with it when it died. [`bystanders`] are dead and have no
//!   part in what is in hand.
//! - [`vanished`] tells keys that are gone after a run from those that clients deleted.

pub mod big_keys;
pub mod bystanders;
pub mod clock;
mod copies;
pub mod core;
#[cfg(feature = "live")]
mod desk;
#[cfg(feature = "live")]
pub mod executor;
pub mod failures;
mod figure;
pub mod finding;
pub mod fix;
pub mod functions;
mod guard;
pub mod job;
pub mod journal;
pub mod movement;
pub mod mover;
pub mod open_moves;
pub mod options;
pub mod orphaned;
pub mod preflight;
pub mod promoted;
pub mod resolve;
pub mod resume;
#[cfg(feature = "live")]
pub mod route;
pub mod shards;
pub mod slot_move;
pub mod survey;
#[cfg(test)]
pub(crate) mod testing;
pub mod timeouts;
pub mod vanished;
mod version;
pub mod views;

pub use version::Version;

use crate::cluster::NodeId;
use crate::slot::Slot;
use serde::{Deserialize, Serialize};

/// One slot that goes from one primary to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Hash)]
pub struct Move {
    /// The slot.
    pub slot: Slot,
    /// Who owns it.
    pub source: NodeId,
    /// Who receives it.
    pub target: NodeId,
}
