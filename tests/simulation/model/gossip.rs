//! Gossip that carries claims, roles and epochs, and the `UPDATE` that makes a node which loses a
//! slot to a higher epoch delete its keys.

use super::{At, Cluster, slots_of};
use slotkit::cluster::NodeId;
use slotkit::slot::Slot;
use std::collections::BTreeSet;

impl Cluster {
    /// Whether a node would learn anything from another.
    pub fn would_learn(&self, from: At, to: At) -> bool {
        if from == to || !self.hears(from, to) {
            return false;
        }
        let (sender, node) = (&self.nodes[from], &self.nodes[to]);
        let is_primary = sender.follows.is_none();
        let mut claims = sender.owners.iter().filter(|(_, owner)| **owner == from);
        node.current_epoch < sender.current_epoch
            || node.roles.get(&from) != Some(&sender.follows)
            || (is_primary && node.epochs.get(&from) != Some(&sender.config_epoch))
            || (is_primary
                && claims.any(|(slot, _)| {
                    node.owners.get(slot) != Some(&from) && !node.importing.contains_key(slot)
                }))
    }

    /// One node's message reaches another.
    pub fn gossip(&mut self, from: At, to: At) {
        if from == to || !self.hears(from, to) {
            return;
        }
        let sender = self.nodes[from].clone();
        let node = &mut self.nodes[to];
        node.current_epoch = node.current_epoch.max(sender.current_epoch);
        node.roles.insert(from, sender.follows);
        if sender.follows.is_some() {
            return;
        }
        node.epochs.insert(from, sender.config_epoch);
        let claimed: Vec<Slot> = slots_of(&sender.owners, from);
        let (epoch, id) = (sender.config_epoch, sender.id);
        for owner in self.claim(to, from, sender.config_epoch, &claimed) {
            // UPDATE: what the receiver knows of the true owner goes back to the sender.
            let epoch = self.epoch_of(to, owner);
            let slots = slots_of(&self.nodes[to].owners, owner);
            if owner != from {
                self.nodes[from].epochs.insert(owner, epoch);
                self.claim(from, owner, epoch, &slots);
            }
        }
        self.resolve_collision(to, epoch, id);
    }

    /// `clusterHandleConfigEpochCollision`: of two primaries with one epoch, that with the lower id
    /// takes a new one.
    fn resolve_collision(&mut self, at: At, epoch: u64, other: NodeId) {
        let node = &mut self.nodes[at];
        if node.follows.is_none() && node.config_epoch == epoch && node.id < other {
            node.current_epoch += 1;
            node.config_epoch = node.current_epoch;
            node.epochs.insert(at, node.config_epoch);
        }
    }

    /// `clusterUpdateSlotsConfigWith`: a node hears that an owner claims slots with an epoch.
    /// Returns the owners with a higher epoch that the claimant doesn't know of.
    pub(super) fn claim(&mut self, to: At, from: At, epoch: u64, slots: &[Slot]) -> BTreeSet<At> {
        let mut stale = BTreeSet::new();
        let mut is_lost = false;
        let mine = self.nodes[to].follows.unwrap_or(to);
        for slot in slots {
            let known = self.nodes[to].owners.get(slot).copied();
            // "It should never be modified except for via the redis-cli."
            if known == Some(from) || self.nodes[to].importing.contains_key(slot) {
                continue;
            }
            let known_epoch = known.map(|owner| self.epoch_of(to, owner));
            if known_epoch.is_none_or(|known| known < epoch) {
                is_lost |= known == Some(mine);
                if known == Some(to) && self.nodes[to].follows.is_none() {
                    self.note_won_back(from, to, *slot);
                    self.note_hearsay(from, to, *slot);
                    // It had the slot, and somebody with a higher epoch has it: its keys go.
                    for key in self.keys_in(to, *slot) {
                        self.put(to, &key, None);
                    }
                    self.nodes[to].migrating.remove(slot);
                    self.windows.close(to, *slot);
                }
                self.nodes[to].owners.insert(*slot, from);
            } else if known_epoch > Some(epoch) {
                stale.extend(known);
            }
        }
        let is_left = self.nodes[to].owners.values().any(|owner| *owner == mine);
        if is_lost && !is_left && (self.server.turns_into_replica || mine != to) {
            self.follow(to, from);
        }
        stale
    }

    pub(super) fn epoch_of(&self, at: At, owner: At) -> u64 {
        if owner == at {
            self.nodes[at].config_epoch
        } else {
            self.nodes[at]
                .epochs
                .get(&owner)
                .copied()
                .unwrap_or_default()
        }
    }
}
