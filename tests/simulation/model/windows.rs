//! The windows that the servers leave open whatever a tool does, key by key.
//!
//! A loss is excused by what stands here, and by nothing else:
//!
//! - **Leftovers**: copies that `MIGRATE` left on a target without the source hearing of it, copies
//!   that a promoted replica's write has outdated, and those that a promoted replica has because it
//!   was behind. Where a client deletes such a key at the source, the copy is what is read from
//!   then on.
//! - **Unaware promoted replicas**: who took over from a primary that gave a slot away, on servers
//!   that don't replicate this, answers for keys that are at the target already until the slot is
//!   opened again.
//! - **Raced writes**: what such a promoted replica accepted after the tool's last word from the
//!   shard, while the `NODE` that gives the slot away is on its way; and what a promoted replica
//!   accepted whose primary only stood still, and wakes with an epoch of its own that wins the slot
//!   back, or with a `MIGRATE` in its buffers that overwrites what is newer.

use super::{At, Excuse};
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What the tool was told of a copy that shouldn't be where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leftover {
    /// Nothing: a deletion of the key looks like its move.
    Unheard,
    /// That the source still had the key, when the copy was there.
    Known,
    /// Nothing: a replica that was behind had it when it took over.
    Behind,
}

/// A promoted replica that doesn't know that a slot is given away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Unaware {
    /// Whether it is an old primary that woke beside its promoted replica.
    pub(super) is_rival: bool,
    shard: BTreeSet<At>,
    /// Whether the tool has heard anything of the shard since.
    is_seen: bool,
    /// What clients wrote or deleted there.
    pub(super) written: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Windows {
    pub(super) leftovers: BTreeMap<(At, Vec<u8>), Leftover>,
    pub(super) unaware: BTreeMap<(At, Slot), Unaware>,
    pub(super) raced: BTreeMap<Vec<u8>, Excuse>,
}

impl Windows {
    /// A target took a key, and the source doesn't know.
    pub(super) fn leave(&mut self, at: At, key: &[u8]) {
        self.leftovers.insert((at, key.to_vec()), Leftover::Unheard);
    }

    /// A replica takes over with a copy that its primary didn't have any more.
    pub(super) fn leave_behind(&mut self, at: At, key: &[u8]) {
        self.leftovers.insert((at, key.to_vec()), Leftover::Behind);
    }

    /// A copy was written or deleted: it is what it should be, or gone.
    pub(super) fn settle(&mut self, at: At, key: &[u8]) {
        self.leftovers.remove(&(at, key.to_vec()));
    }

    /// A slot was opened again, or has gone from a node.
    pub(super) fn close(&mut self, at: At, slot: Slot) {
        self.unaware.remove(&(at, slot));
    }

    /// A replica takes over from a primary; it doesn't know that these slots are given away.
    pub(super) fn inherit(&mut self, old: At, promoted: At, forgotten: &[Slot]) {
        let of_old = |at: &At| *at == old;
        let leftovers: Vec<_> = self
            .leftovers
            .iter()
            .map(|(k, leftover)| (k.clone(), *leftover))
            .collect();
        for ((_, key), leftover) in leftovers.into_iter().filter(|((at, _), _)| of_old(at)) {
            self.leftovers.insert((promoted, key), leftover);
        }
        let unaware = self.unaware.keys().filter(|(at, _)| of_old(at));
        let slots: BTreeSet<Slot> = unaware
            .map(|(_, slot)| *slot)
            .chain(forgotten.iter().copied())
            .collect();
        for slot in slots {
            let mut window = self.unaware.remove(&(old, slot)).unwrap_or_default();
            window.shard.extend([old, promoted]);
            self.unaware.insert((promoted, slot), window);
        }
    }

    /// An old primary wakes and owns a slot that its promoted replica, which doesn't, may have keys
    /// of.
    pub(super) fn rival(&mut self, old: At, slot: Slot) {
        let window = self.unaware.entry((old, slot)).or_default();
        window.is_rival = true;
        window.shard.insert(old);
    }

    /// A node's data is another's from now on.
    pub(super) fn replace(&mut self, at: At) {
        self.leftovers.retain(|(leftover, _), _| *leftover != at);
        self.unaware.retain(|(promoted, _), _| *promoted != at);
    }

    pub fn is_unaware(&self, at: At, slot: Slot) -> bool {
        self.unaware.contains_key(&(at, slot))
    }

    pub fn is_leftover(&self, at: At, key: &[u8]) -> bool {
        self.leftovers.contains_key(&(at, key.to_vec()))
    }

    /// The tool heard that the source had a key while its copy was on the target.
    pub(super) fn tell(&mut self, at: At, key: &[u8]) {
        if let Some(leftover) = self.leftovers.get_mut(&(at, key.to_vec())) {
            *leftover = Leftover::Known;
        }
    }

    /// The tool died: it knows nothing any more.
    pub fn forget(&mut self) {
        self.leftovers
            .values_mut()
            .for_each(|leftover| *leftover = Leftover::Unheard);
    }

    /// The unaware promoted replicas of whom an answer of this node would tell.
    pub fn of_shard(&self, at: At) -> Vec<(At, Slot)> {
        let all = self.unaware.iter();
        let ours = all.filter(|(_, window)| window.shard.contains(&at));
        ours.map(|(place, _)| *place).collect()
    }

    /// The tool has heard of these promoted replicas' shards.
    pub fn see(&mut self, places: &[(At, Slot)]) {
        for place in places {
            if let Some(window) = self.unaware.get_mut(place) {
                window.is_seen = true;
            }
        }
    }

    /// The promoted replicas of whose shards the tool has heard.
    pub fn seen(&self) -> Vec<(At, Slot)> {
        let seen = self.unaware.iter().filter(|(_, window)| window.is_seen);
        seen.map(|(place, _)| *place).collect()
    }

    /// A target is told that it owns a slot, by a `NODE` that was sent when these were seen.
    pub fn race(&mut self, slot: Slot, seen: &[(At, Slot)]) {
        for (place, window) in &self.unaware {
            if place.1 == slot && !seen.contains(place) {
                let why = Excuse::WrittenAtPromoted;
                let written = window.written.iter().cloned();
                self.raced.extend(written.map(|key| (key, why)));
            }
        }
    }

    /// A node that was replaced while it stood still sends a key of old, over what is there or not.
    pub(super) fn send_late(&mut self, target: At, key: &[u8], is_over: bool) {
        if is_over {
            self.raced.insert(key.to_vec(), Excuse::OverwrittenLate);
        } else {
            self.leave(target, key);
        }
    }

    /// A write that came through after all: nothing that was raced before counts any more.
    pub(super) fn overwrite(&mut self, key: &[u8]) {
        self.raced.remove(key);
    }
}
