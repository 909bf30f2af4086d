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
//!   while the `NODE` that gives the slot away is on its way; and what an heir accepted whose
//!   primary only stood still, and wakes with an epoch of its own that wins the slot back, or with
//!   a `MIGRATE` in its buffers that overwrites what is newer.

use super::{At, Cluster, Late, slot_of};
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
    /// Whether it is an old primary that woke beside its heir.
    is_rival: bool,
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
    raced: BTreeMap<Vec<u8>, &'static str>,
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

    /// An old primary wakes and owns a slot that its heir, which doesn't, may have keys of.
    pub(super) fn rival(&mut self, old: At, slot: Slot) {
        let window = self.unaware.entry((old, slot)).or_default();
        window.is_rival = true;
        window.family.insert(old);
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
    pub(super) fn tell(&mut self, at: At, key: &[u8]) {
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
                let why = "written at an heir while NODE was on its way";
                let written = window.written.iter().cloned();
                self.raced.extend(written.map(|key| (key, why)));
            }
        }
    }

    /// A node that was replaced while it stood still sends a key of old, over what is there or not.
    pub(super) fn send_late(&mut self, target: At, key: &[u8], is_over: bool) {
        match is_over {
            true => {
                let why = "overwritten by a MIGRATE that lay in the buffers of its old primary";
                self.raced.insert(key.to_vec(), why);
            }
            false => self.leave(target, key),
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
        let deposed = self.deposed.keys().copied();
        let primaries: BTreeSet<At> = self.alive_primaries().chain(deposed).collect();
        let others = primaries.into_iter().filter(|other| *other != at);
        let others: Vec<At> = others
            .filter(|other| self.nodes[*other].data.contains_key(key))
            .collect();
        let is_unaware = self.windows.is_unaware(at, slot);
        for other in others {
            let is_deposed = self.deposed.contains_key(&other);
            if is_unaware || is_deposed || self.deposed.get(&at) == Some(&other) {
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

    /// A primary that was replaced while it was down has a slot again, by an epoch that it took
    /// without knowing of its heir: what the heir has accepted since is lost.
    pub(super) fn note_won_back(&mut self, old: At, heir: At, slot: Slot) {
        if self.deposed.get(&old) != Some(&heir) {
            return;
        }
        let all = [old, heir].map(|at| self.keys_in(at, slot)).concat();
        self.note_lost(old, heir, all);
    }

    /// An heir's copies of these keys go, and its old primary's stay.
    pub(super) fn note_lost(&mut self, old: At, heir: At, keys: Vec<Vec<u8>>) {
        for key in keys {
            if self.nodes[old].data.get(&key) != self.nodes[heir].data.get(&key) {
                let why = "won back by an old primary that woke with an epoch of its own";
                self.windows.raced.insert(key, why);
            }
        }
    }

    /// The tool heard that the source had a key while its copy was on the target, or on its way.
    pub fn tell_stray(&mut self, target: At, key: &[u8]) {
        self.windows.tell(target, key);
        for late in self.standing.get_mut(&target).into_iter().flatten() {
            if let Late::Restore(restore) = late {
                restore.is_known |= restore.key == key;
            }
        }
    }

    /// A replica takes over that hasn't got its primary's last writes: they are lost, or their key
    /// is somewhere else and the heir has an outdated copy.
    pub(super) fn note_not_replicated(&mut self, old: At, heir: At) {
        let keys: BTreeSet<Vec<u8>> = [old, heir]
            .iter()
            .flat_map(|at| self.nodes[*at].data.keys().cloned())
            .collect();
        for key in keys {
            if self.nodes[old].data.get(&key) == self.nodes[heir].data.get(&key) {
                continue;
            }
            let is_outdated = self.nodes[heir].data.contains_key(&key);
            if is_outdated {
                self.windows.leave(heir, &key);
            }
            let owner = self.nodes[heir].owners.get(&slot_of(&key)).copied();
            let is_elsewhere = owner != Some(old) && owner != Some(heir);
            let has_moved = is_elsewhere && !self.nodes[old].data.contains_key(&key);
            let has = |at: At| at != old && at != heir && self.nodes[at].data.contains_key(&key);
            let is_safe = (is_outdated && has_moved) || self.alive_primaries().any(has);
            if !is_safe {
                let why = "not replicated when its primary failed over";
                self.windows.raced.insert(key, why);
            }
        }
    }

    /// A person looks at a key that they were told of, and knows what it should be.
    pub fn decide(&mut self, key: &[u8], expected: Option<u64>) {
        let primaries: Vec<At> = self.alive_primaries().collect();
        let holds = |at: &At| self.nodes[*at].data.get(key).copied();
        let right = primaries
            .iter()
            .find(|at| expected.is_some() && holds(at) == expected);
        // Where the right one is lost, the source's is kept.
        let source = primaries.iter().find(|at| {
            expected.is_some()
                && holds(at).is_some()
                && self.nodes[**at].owners.get(&slot_of(key)) == Some(at)
        });
        let kept = right.or(source).copied();
        for at in primaries.into_iter().filter(|at| Some(*at) != kept) {
            if self.nodes[at].data.contains_key(key) {
                self.put(at, key, None);
            }
        }
    }

    /// A copy that was outdated is written: from now on it is the others that are.
    pub(super) fn outdate_others(&mut self, at: At, key: &[u8]) {
        if !self.windows.is_stray(at, key) {
            return;
        }
        let primaries: Vec<At> = self.alive_primaries().collect();
        for other in primaries.into_iter().filter(|other| *other != at) {
            if self.nodes[other].data.contains_key(key) {
                self.windows.leave(other, key);
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
        let is_elsewhere = || self.alive_primaries().any(holds);
        let window = self.windows.unaware.get(&(at, slot_of(key)));
        let is_unaware = |window: &Unaware| {
            window.is_rival || (found.is_none() && expected.is_some() && is_elsewhere())
        };
        self.windows.raced.contains_key(key)
            || self.windows.is_stray(at, key)
            || window.is_some_and(is_unaware)
    }

    /// The window of the servers' own that explains what is left of a key at the end.
    pub fn explains_end(
        &self,
        owner: At,
        key: &[u8],
        expected: Option<u64>,
    ) -> Option<&'static str> {
        let stray = self.windows.strays.get(&(owner, key.to_vec()));
        if let Some(why) = self.windows.raced.get(key) {
            return Some(why);
        }
        let is_stray = expected.is_none() && stray == Some(&Stray::Unheard);
        is_stray.then_some("deleted while a copy that nobody knew of was on the target")
    }
}
