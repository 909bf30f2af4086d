//! Tells a person what to do about a finding: a function of all that was surveyed.
//!
//! A fix is followed to the letter, by somebody tired, in whatever state the cluster is. So none
//! depends on its own finding alone: "assign the slots with CLUSTER ADDSLOTS" is right where
//! nobody has their keys, and loses them where another node does, or one that can't be reached.
//! Rules that hold for every one of them:
//!
//! - what waits for gossip waits; nothing is given away that a node says is its own;
//! - a node is taken out of the cluster only where a majority takes it for dead, and nothing may
//!   be on it that is nowhere else;
//! - what a node would throw away when a fix is followed is saved first.
//!
//! [`table`] has the words, each with the states in which they are said; `docs/errors.md` is
//! written from it.

mod nodes;
mod replicas;
mod slots;
pub mod table;
mod words;

pub(super) use nodes::{absent, down, failed, unacquainted};
pub(super) use replicas::{
    Lack, Trouble, Wanted, has_follower, not_following, of as replicas_of, trouble,
};
pub(super) use slots::{
    Claim, by_state, claims, denied, disagreement, open_slot, orphaned, uncovered_slots,
};
pub(super) use words::listed;

#[cfg(test)]
mod tests;
