//! `SETSLOT` with its checks, the epoch bump without consensus, and what a primary does whose last
//! slot leaves.

use super::{At, Cluster, ok, refused};
use slotkit::cluster::NodeId;
use slotkit::cluster::verb::{Reply, SetSlot};
use slotkit::slot::Slot;

impl Cluster {
    fn takes_for_replica(&self, at: At, other: At) -> bool {
        let role = self.nodes[at].roles.get(&other);
        role.copied().flatten().is_some()
    }

    pub(super) fn set_slot(&mut self, at: At, slot: Slot, state: SetSlot) -> Reply {
        if let Some(refusal) = self.refuses_slot(at, slot, state) {
            return refusal;
        }
        let replicas = self.nodes.iter().filter(|node| node.follows == Some(at));
        if self.server.replicates_open_slots && replicas.count() > 0 {
            // Valkey 8: the replicas carry it out first, and the primary only when they have said
            // so.
            if let Some(is_carried_out) = self.lost_acks.take() {
                if is_carried_out {
                    self.set_at_replicas(at, slot, state);
                }
                return refused("NOREPLICAS", "Not enough good replicas to write.");
            }
        }
        if self.server.replicates_open_slots {
            // What they say they have is this command, and so everything before it.
            self.catch_up(at);
            self.set_at_replicas(at, slot, state);
        }
        self.apply_slot(at, slot, state);
        ok()
    }

    fn refuses_slot(&self, at: At, slot: Slot, state: SetSlot) -> Option<Reply> {
        if self.nodes[at].follows.is_some() {
            return Some(refused("ERR", "Please use SETSLOT only with masters."));
        }
        let is_owner = self.nodes[at].owners.get(&slot) == Some(&at);
        match state {
            SetSlot::Migrating { .. } if !is_owner => {
                let what = format!("I'm not the owner of hash slot {slot}");
                Some(refused("ERR", what))
            }
            SetSlot::Migrating { target } => {
                let is_replica = self.takes_for_replica(at, self.known(target));
                is_replica.then(|| refused("ERR", "Target node is not a master"))
            }
            SetSlot::Importing { .. } if is_owner => {
                let what = format!("I'm already the owner of hash slot {slot}");
                Some(refused("ERR", what))
            }
            SetSlot::Importing { .. } | SetSlot::Stable => None,
            SetSlot::Node { owner: new } => {
                let new = self.known(new);
                // Since 7.0 (seen on Redis 7.0.15): nobody takes a replica for an owner.
                let takes_replicas = !self.server.turns_into_replica;
                if !takes_replicas && self.takes_for_replica(at, new) {
                    return Some(refused("ERR", "Target node is not a master"));
                }
                let has_keys = !self.keys_in(at, slot).is_empty();
                let what = "Can't assign hashslot to a different node while I still hold keys for \
                            this hash slot.";
                (is_owner && new != at && has_keys).then(|| refused("ERR", what))
            }
        }
    }

    fn known(&self, id: NodeId) -> At {
        self.at(id).expect("a known node")
    }

    fn apply_slot(&mut self, at: At, slot: Slot, state: SetSlot) {
        match state {
            SetSlot::Migrating { target } => {
                let target = self.known(target);
                self.nodes[at].migrating.insert(slot, target);
                self.windows.close(at, slot);
            }
            SetSlot::Importing { source } => {
                let source = self.known(source);
                self.nodes[at].importing.insert(slot, source);
            }
            SetSlot::Stable => {
                self.nodes[at].migrating.remove(&slot);
                self.nodes[at].importing.remove(&slot);
            }
            SetSlot::Node { owner: new } => self.apply_node(at, slot, self.known(new)),
        }
    }

    fn apply_node(&mut self, at: At, slot: Slot, new: At) {
        let owner = self.nodes[at].owners.get(&slot).copied();
        if self.keys_in(at, slot).is_empty() {
            self.nodes[at].migrating.remove(&slot);
        }
        if new == at && self.nodes[at].importing.remove(&slot).is_some() {
            self.bump_epoch(at);
        }
        self.nodes[at].owners.insert(slot, new);
        if new != at {
            self.windows.close(at, slot);
        }
        if owner == Some(at) && new != at {
            self.maybe_follow(at, new);
        }
        let dying = self.dying.take_if(|(dying, _)| new == at && *dying == at);
        if let Some((_, promoted)) = dying {
            self.die_untold(at, promoted, slot);
        } else if self.server.broadcasts && new == at {
            (0..self.nodes.len()).for_each(|other| self.gossip(at, other));
        }
    }

    /// What Valkey's replicas make of their primary's `SETSLOT`: the same as it does.
    fn set_at_replicas(&mut self, at: At, slot: Slot, state: SetSlot) {
        let node = match state {
            SetSlot::Migrating { target: node }
            | SetSlot::Importing { source: node }
            | SetSlot::Node { owner: node } => self.known(node),
            SetSlot::Stable => at,
        };
        let replicas = self.nodes.iter_mut();
        for replica in replicas.filter(|node| node.follows == Some(at)) {
            match state {
                SetSlot::Migrating { .. } => drop(replica.migrating.insert(slot, node)),
                SetSlot::Importing { .. } => drop(replica.importing.insert(slot, node)),
                SetSlot::Stable => {
                    replica.migrating.remove(&slot);
                    replica.importing.remove(&slot);
                }
                SetSlot::Node { .. } => {
                    replica.owners.insert(slot, node);
                    replica.migrating.remove(&slot);
                    if node == at {
                        replica.importing.remove(&slot);
                    }
                }
            }
        }
    }

    /// `clusterBumpConfigEpochWithoutConsensus`: only a node that isn't the newest it knows of
    /// takes a new epoch.
    fn bump_epoch(&mut self, at: At) {
        let node = &mut self.nodes[at];
        let newest = node.epochs.values().copied().max().unwrap_or_default();
        let newest = newest.max(node.config_epoch).max(node.current_epoch);
        if node.config_epoch == 0 || node.config_epoch != newest {
            node.current_epoch += 1;
            node.config_epoch = node.current_epoch;
        }
        node.epochs.insert(at, node.config_epoch);
    }

    /// From 7.0 on, a primary without slots follows who took the last one.
    fn maybe_follow(&mut self, at: At, new: At) {
        let owns = self.nodes[at].owners.values().any(|owner| *owner == at);
        if !owns && self.server.turns_into_replica && self.nodes[at].follows.is_none() {
            self.follow(at, new);
        }
    }

    /// Takes what the new primary has in place of its own.
    pub(super) fn follow(&mut self, at: At, new: At) {
        let data = self.nodes[new].data.clone();
        if self.deposed.get(&new) == Some(&at) {
            self.note_lost(new, at, self.nodes[at].data.keys().cloned().collect());
        }
        self.windows.replace(at);
        self.deposed.remove(&at);
        let epoch = self.nodes[new].config_epoch;
        let open = if self.server.replicates_open_slots {
            let primary = &self.nodes[new];
            (primary.migrating.clone(), primary.importing.clone())
        } else {
            Default::default()
        };
        let node = &mut self.nodes[at];
        node.follows = Some(new);
        node.roles.insert(at, Some(new));
        // Valkey's replicas get what is open with the data (`cluster-slot-states`).
        (node.migrating, node.importing) = open;
        node.data = data;
        node.config_epoch = epoch;
    }
}
