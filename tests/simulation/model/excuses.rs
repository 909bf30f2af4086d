//! What opens the windows, and what they excuse.

use super::windows::{Leftover, Unaware};
use super::{At, Cluster, Excuse, Late, end_of, slot_of};
use slotkit::slot::Slot;
use std::collections::BTreeSet;

/// How old the source's word may be when the target is told that it owns a slot.
const YOUNG_MS: u64 = 1_000;

impl Cluster {
    /// A client's write or deletion of a key was carried out at a node. The words say what is
    /// wrong where another primary has a copy that no window explains.
    pub fn acknowledged(&mut self, at: At, key: &[u8]) -> Result<(), String> {
        let slot = slot_of(key);
        self.windows.overwrite(key);
        let is_swallowed = |keys: &BTreeSet<Vec<u8>>| keys.contains(key);
        if self.swallowed.as_ref().is_some_and(is_swallowed) {
            self.swallowed = None;
        }
        let deposed = self.deposed.keys().copied();
        let primaries: BTreeSet<At> = self.alive_primaries().chain(deposed).collect();
        let others = primaries.into_iter().filter(|other| *other != at);
        let others: Vec<At> = others
            .filter(|other| self.held(*other, key).is_some())
            .collect();
        let is_unaware = self.windows.is_unaware(at, slot);
        for other in others {
            let is_deposed = self.deposed.contains_key(&other);
            if is_unaware || is_deposed || self.deposed.get(&at) == Some(&other) {
                self.windows.leave(other, key);
            } else if !self.windows.is_leftover(other, key) {
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

    /// A target said that it had taken a key, and kept nothing. That one which was about to end
    /// isn't there proves nothing against it.
    pub(super) fn swallow(&mut self, key: &[u8], value: u64) {
        self.windows.raced.insert(key.to_vec(), Excuse::Swallowed);
        if let Some(keys) = &mut self.swallowed
            && end_of(value).is_none()
        {
            keys.insert(key.to_vec());
        }
    }

    /// A primary that was replaced while it was down has a slot again, by an epoch that it took
    /// without knowing of its promoted replica: what the promoted replica has accepted since is
    /// lost.
    pub(super) fn note_won_back(&mut self, old: At, promoted: At, slot: Slot) {
        if self.deposed.get(&old) != Some(&promoted) {
            return;
        }
        let all = [old, promoted].map(|at| self.keys_in(at, slot)).concat();
        self.note_lost(old, promoted, all);
    }

    /// A node drops its keys of a slot for one that doesn't have it.
    pub(super) fn note_hearsay(&mut self, named: At, at: At, slot: Slot) {
        if self.nodes[named].owners.get(&slot) == Some(&named) {
            return;
        }
        for key in self.keys_in(at, slot) {
            self.windows.raced.insert(key, Excuse::GivenByHearsay);
        }
    }

    /// A promoted replica's copies of these keys go, and its old primary's stay.
    pub(super) fn note_lost(&mut self, old: At, promoted: At, keys: Vec<Vec<u8>>) {
        for key in keys {
            if self.held(old, &key) != self.held(promoted, &key) {
                self.windows.raced.insert(key, Excuse::WonBack);
            }
        }
    }

    /// A target is told that it owns a slot, by a `NODE` that was sent at this moment, when these
    /// promoted replicas had been heard of. What the others have accepted is excused only where the
    /// tool's word from the source was young enough when it sent this.
    pub fn race(&mut self, slot: Slot, seen: &[(At, Slot)], sent_ms: u64) {
        let late_promotions: Vec<At> = self.late_promotions(sent_ms).collect();
        let late = self.windows.unaware.keys().copied();
        let late = late.filter(|(promoted, _)| late_promotions.contains(promoted));
        let known: Vec<(At, Slot)> = late.chain(seen.iter().copied()).collect();
        self.windows.race(slot, &known);
    }

    /// Who had taken over long enough before this moment.
    pub fn late_promotions(&self, sent_ms: u64) -> impl Iterator<Item = At> {
        let all = self.took_over_ms.iter();
        let late = all.filter(move |(_, since_ms)| sent_ms > since_ms.saturating_add(YOUNG_MS));
        late.map(|(promoted, _)| *promoted)
    }

    /// How long ago somebody took over, as far as that matters.
    pub(super) fn since_took_over(&self) -> Vec<(At, u64)> {
        let since = |ms: u64| self.now_ms.saturating_sub(ms).min(YOUNG_MS + 1);
        let all = self.took_over_ms.iter();
        all.map(|(at, ms)| (*at, since(*ms))).collect()
    }

    /// The tool heard that the source had a key while its copy was on the target, or on its way.
    pub fn tell_leftover(&mut self, target: At, key: &[u8]) {
        self.windows.tell(target, key);
        for late in self.standing.get_mut(&target).into_iter().flatten() {
            if let Late::Restore(restore) = late {
                restore.is_known |= restore.key == key;
            }
        }
    }

    /// A replica takes over that hasn't got its primary's last writes: they are lost, or their key
    /// is somewhere else and the promoted replica has an outdated copy.
    pub(super) fn note_not_replicated(&mut self, old: At, promoted: At) {
        let keys: BTreeSet<Vec<u8>> = [old, promoted]
            .iter()
            .flat_map(|at| self.nodes[*at].data.keys().cloned())
            .collect();
        for key in keys {
            if self.held(old, &key) == self.held(promoted, &key) {
                continue;
            }
            let is_outdated = self.held(promoted, &key).is_some();
            if is_outdated {
                self.windows.leave_behind(promoted, &key);
            }
            let owner = self.nodes[promoted].owners.get(&slot_of(&key)).copied();
            let is_elsewhere = owner != Some(old) && owner != Some(promoted);
            let has_moved = is_elsewhere && self.held(old, &key).is_none();
            let has = |at: At| at != old && at != promoted && self.held(at, &key).is_some();
            let is_safe = (is_outdated && has_moved) || self.alive_primaries().any(has);
            if !is_safe {
                self.windows.raced.insert(key, Excuse::NotReplicated);
            }
        }
    }

    /// A copy that is outdated, and that nobody can know to be, is moved.
    pub(super) fn note_outdated(&mut self, at: At, key: &[u8]) {
        let leftover = self.windows.leftovers.get(&(at, key.to_vec()));
        let why = match leftover {
            Some(Leftover::Behind) => Excuse::NotReplicated,
            // Before 7.0 a client that asks for several keys is sent on with one that hasn't moved,
            // and may change a copy of it that a lost answer has left there.
            Some(_) if !self.server.turns_into_replica => Excuse::AskedWithMoved,
            _ => return,
        };
        self.windows.raced.insert(key.to_vec(), why);
    }

    /// A person looks at a key that they were told of, and knows what it should be.
    pub fn decide(&mut self, key: &[u8], expected: Option<u64>) {
        let primaries: Vec<At> = self.alive_primaries().collect();
        let holds = |at: &At| self.held(*at, key);
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
        if !self.windows.is_leftover(at, key) {
            return;
        }
        let primaries: Vec<At> = self.alive_primaries().collect();
        for other in primaries.into_iter().filter(|other| *other != at) {
            if self.held(other, key).is_some() {
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
        let holds = |other: At| other != at && self.held(other, key) == expected;
        let is_elsewhere = || self.alive_primaries().any(holds);
        let window = self.windows.unaware.get(&(at, slot_of(key)));
        let is_unaware = |window: &Unaware| {
            window.is_rival || (found.is_none() && expected.is_some() && is_elsewhere())
        };
        self.windows.raced.contains_key(key)
            || self.windows.is_leftover(at, key)
            || window.is_some_and(is_unaware)
    }

    /// The window of the servers' own that explains what is left of a key at the end.
    pub fn explains_end(&self, owner: At, key: &[u8], expected: Option<u64>) -> Option<Excuse> {
        let leftover = self.windows.leftovers.get(&(owner, key.to_vec()));
        if let Some(why) = self.windows.raced.get(key) {
            return Some(*why);
        }
        match leftover.filter(|_| expected.is_none()) {
            Some(Leftover::Unheard) => Some(Excuse::DeletedUnheard),
            Some(Leftover::Behind) => Some(Excuse::NotReplicated),
            Some(Leftover::Known) | None => None,
        }
    }
}
