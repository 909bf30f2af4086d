//! The windows that the servers leave open whatever a tool does, key by key.
//!
//! A loss is excused by what stands here, and by nothing else:
//!
//! - **Strays**: copies that `MIGRATE` left on a target without the source hearing of it, and
//!   copies that an heir's write has outdated. Where a client deletes such a key at the source,
//!   the copy is what is read from then on.
//! - **Unaware heirs**: who took over from a primary that gave a slot away, on servers that don't
//!   replicate this, answers for keys that are at the target already until the slot is opened
//!   again.
//! - **Raced writes**: what such an heir accepted after the tool's last word from the family,
//!   while the `NODE` that gives the slot away is on its way.

use super::{At, Cluster, slot_of};
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What the tool was told of a copy that shouldn't be where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stray {
    /// Nothing: a deletion of the key looks like its move.
    Unheard,
    /// That the source still had the key, when the copy was there.
    Known,
}

/// An heir that doesn't know that a slot is given away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Unaware {
    family: BTreeSet<At>,
    /// Whether the tool has heard anything of the family since.
    is_seen: bool,
    /// What clients wrote or deleted there.
    written: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Windows {
    strays: BTreeMap<(At, Vec<u8>), Stray>,
    unaware: BTreeMap<(At, Slot), Unaware>,
    raced: BTreeSet<Vec<u8>>,
}

impl Windows {
    /// A target took a key, and the source doesn't know.
    pub(super) fn leave(&mut self, at: At, key: &[u8]) {
        self.strays.insert((at, key.to_vec()), Stray::Unheard);
    }

    /// A copy was written or deleted: it is what it should be, or gone.
    pub(super) fn settle(&mut self, at: At, key: &[u8]) {
        self.strays.remove(&(at, key.to_vec()));
    }

    /// A slot was opened again, or has gone from a node.
    pub(super) fn close(&mut self, at: At, slot: Slot) {
        self.unaware.remove(&(at, slot));
    }

    /// A replica takes over from a primary; it doesn't know that these slots are given away.
    pub(super) fn inherit(&mut self, old: At, heir: At, forgotten: &[Slot]) {
        let of_old = |at: &At| *at == old;
        let strays: Vec<_> = self
            .strays
            .iter()
            .map(|(k, stray)| (k.clone(), *stray))
            .collect();
        for ((_, key), stray) in strays.into_iter().filter(|((at, _), _)| of_old(at)) {
            self.strays.insert((heir, key), stray);
        }
        let unaware = self.unaware.keys().filter(|(at, _)| of_old(at));
        let slots: BTreeSet<Slot> = unaware
            .map(|(_, slot)| *slot)
            .chain(forgotten.iter().copied())
            .collect();
        for slot in slots {
            let mut window = self.unaware.remove(&(old, slot)).unwrap_or_default();
            window.family.extend([old, heir]);
            self.unaware.insert((heir, slot), window);
        }
    }

    /// A node's data is another's from now on.
    pub(super) fn replace(&mut self, at: At) {
        self.strays.retain(|(stray, _), _| *stray != at);
        self.unaware.retain(|(heir, _), _| *heir != at);
    }

    pub fn is_unaware(&self, at: At, slot: Slot) -> bool {
        self.unaware.contains_key(&(at, slot))
    }

    pub fn is_stray(&self, at: At, key: &[u8]) -> bool {
        self.strays.contains_key(&(at, key.to_vec()))
    }

    /// The tool heard that the source had a key while its copy was on the target.
    pub fn tell(&mut self, at: At, key: &[u8]) {
        if let Some(stray) = self.strays.get_mut(&(at, key.to_vec())) {
            *stray = Stray::Known;
        }
    }

    /// The tool died: it knows nothing any more.
    pub fn forget(&mut self) {
        self.strays
            .values_mut()
            .for_each(|stray| *stray = Stray::Unheard);
    }

    /// The unaware heirs of whom an answer of this node would tell.
    pub fn of_family(&self, at: At) -> Vec<(At, Slot)> {
        let all = self.unaware.iter();
        let ours = all.filter(|(_, window)| window.family.contains(&at));
        ours.map(|(place, _)| *place).collect()
    }

    /// The tool has heard of these heirs' families.
    pub fn see(&mut self, places: &[(At, Slot)]) {
        for place in places {
            if let Some(window) = self.unaware.get_mut(place) {
                window.is_seen = true;
            }
        }
    }

    /// The heirs of whose families the tool has heard.
    pub fn seen(&self) -> Vec<(At, Slot)> {
        let seen = self.unaware.iter().filter(|(_, window)| window.is_seen);
        seen.map(|(place, _)| *place).collect()
    }

    /// A target is told that it owns a slot, by a `NODE` that was sent when these were seen.
    pub fn race(&mut self, slot: Slot, seen: &[(At, Slot)]) {
        for (place, window) in &self.unaware {
            if place.1 == slot && !seen.contains(place) {
                self.raced.extend(window.written.iter().cloned());
            }
        }
    }

    /// A write that came through after all: nothing that was raced before counts any more.
    fn overwrite(&mut self, key: &[u8]) {
        self.raced.remove(key);
    }
}

impl Cluster {
    /// A client's write or deletion of a key was carried out at a node. The words say what is
    /// wrong where another primary has a copy that no window explains.
    pub fn acknowledged(&mut self, at: At, key: &[u8]) -> Result<(), String> {
        let slot = slot_of(key);
        self.windows.overwrite(key);
        let primaries: Vec<At> = self.alive_primaries().collect();
        let others = primaries.into_iter().filter(|other| *other != at);
        let others: Vec<At> = others
            .filter(|other| self.nodes[*other].data.contains_key(key))
            .collect();
        let is_unaware = self.windows.is_unaware(at, slot);
        for other in others {
            if is_unaware {
                self.windows.leave(other, key);
            } else if !self.windows.is_stray(other, key) {
                return Err(format!(
                    "{} was written at {at} and is at {other}",
                    key.escape_ascii()
                ));
            }
        }
        if let Some(window) = self.windows.unaware.get_mut(&(at, slot)) {
            window.written.insert(key.to_vec());
        }
        Ok(())
    }

    /// Deletes the strays of the keys that a person was told of.
    pub fn delete_outdated(&mut self, is_named: impl Fn(&[u8]) -> bool) {
        let strays: Vec<_> = self.windows.strays.keys().cloned().collect();
        for (at, key) in strays {
            if self.alive_primaries().any(|primary| primary == at) && is_named(&key) {
                self.put(at, &key, None);
            }
        }
    }

    /// Whether a window of the servers' own explains that a client reads this at a node, in place
    /// of what was acknowledged.
    pub fn explains_read(
        &self,
        at: At,
        key: &[u8],
        found: Option<u64>,
        expected: Option<u64>,
    ) -> bool {
        let holds = |other: At| other != at && self.nodes[other].data.get(key).copied() == expected;
        let is_elsewhere = || expected.is_some() && self.alive_primaries().any(holds);
        self.windows.raced.contains(key)
            || self.windows.is_stray(at, key)
            || (found.is_none() && self.windows.is_unaware(at, slot_of(key)) && is_elsewhere())
    }

    /// The window of the servers' own that explains what is left of a key at the end.
    pub fn explains_end(
        &self,
        owner: At,
        key: &[u8],
        expected: Option<u64>,
    ) -> Option<&'static str> {
        let stray = self.windows.strays.get(&(owner, key.to_vec()));
        if self.windows.raced.contains(key) {
            return Some("written at an heir while NODE was on its way");
        }
        let is_stray = expected.is_none() && stray == Some(&Stray::Unheard);
        is_stray.then_some("deleted while a copy that nobody knew of was on the target")
    }
}
