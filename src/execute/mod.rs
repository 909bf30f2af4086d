//! Floor 6: moving slots without losing a key.
//!
//! - [`survey`] asks every node what it is and believes; [`preflight`] reads
//!   the answers and names everything that makes a move unsafe.
//! - [`big_keys`] measures the keys that would block the servers.
//! - [`open_moves`] reads the moves behind open slots from the cluster alone.
//! - [`slot_move`] is one slot's way from source to target: a state machine
//!   that takes replies and gives verbs, without any I/O.
//! - [`journal`] remembers which slots are under way, so that an interrupted
//!   run is gone on with and somebody else's open slot isn't touched.
//! - [`core`] is a whole run of many slots, without any I/O either: what to
//!   send next, to whom, and what to write down before.
//! - [`executor`] drives it over links, a thread a node.
//! - [`families`] remembers who was a replica of whom, and [`strays`] clears up
//!   what a failover left of a slot on a node that doesn't own it; [`heirs`]
//!   are given the slots that a node took with it when it died.

pub mod big_keys;
mod copies;
pub mod core;
pub mod executor;
pub mod families;
pub mod finding;
mod guard;
pub mod heirs;
pub mod journal;
pub mod open_moves;
pub mod preflight;
pub mod resume;
#[cfg(feature = "live")]
pub mod route;
pub mod slot_move;
pub mod strays;
pub mod survey;
#[cfg(test)]
pub(crate) mod testing;
mod version;
pub mod views;

pub use version::Version;

use crate::cluster::NodeId;
use crate::slot::Slot;
use serde::{Deserialize, Serialize};

/// One slot that goes from one primary to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move {
    /// The slot.
    pub slot: Slot,
    /// Who owns it.
    pub source: NodeId,
    /// Who receives it.
    pub target: NodeId,
}
