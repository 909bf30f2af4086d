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
        if self.nodes[at].follows.is_some() {
            return refused("ERR", "Please use SETSLOT only with masters.");
        }
        let owner = self.nodes[at].owners.get(&slot).copied();
        let known = |id: NodeId| self.at(id);
        match state {
            SetSlot::Migrating { target } => {
                if owner != Some(at) {
                    return refused("ERR", format!("I'm not the owner of hash slot {slot}"));
                }
                let target = known(target).expect("a known node");
                if self.takes_for_replica(at, target) {
                    return refused("ERR", "Target node is not a master");
                }
                self.nodes[at].migrating.insert(slot, target);
                self.windows.close(at, slot);
            }
            SetSlot::Importing { source } => {
                if owner == Some(at) {
                    return refused("ERR", format!("I'm already the owner of hash slot {slot}"));
                }
                let source = known(source).expect("a known node");
                self.nodes[at].importing.insert(slot, source);
            }
            SetSlot::Stable => {
                self.nodes[at].migrating.remove(&slot);
                self.nodes[at].importing.remove(&slot);
            }
            SetSlot::Node { owner: new } => {
                let new = known(new).expect("a known node");
                // Since 7.0 (seen on Redis 7.0.15): nobody takes a replica for an owner.
                let takes_replicas = !self.server.turns_into_replica;
                if !takes_replicas && self.takes_for_replica(at, new) {
                    return refused("ERR", "Target node is not a master");
                }
                let keys = self.keys_in(at, slot).len();
                if owner == Some(at) && new != at && keys > 0 {
                    let what = "Can't assign hashslot to a different node while I still hold keys \
                                for this hash slot.";
                    return refused("ERR", what);
                }
                if keys == 0 {
                    self.nodes[at].migrating.remove(&slot);
                }
                if new == at && self.nodes[at].importing.remove(&slot).is_some() {
                    self.bump_epoch(at);
                }
                self.nodes[at].owners.insert(slot, new);
                if new != at {
                    self.windows.close(at, slot);
                }
                if self.server.replicates_open_slots {
                    let replicas = self.nodes.iter_mut();
                    for replica in replicas.filter(|node| node.follows == Some(at)) {
                        replica.owners.insert(slot, new);
                    }
                }
                if owner == Some(at) && new != at {
                    self.maybe_follow(at, new);
                }
                if self.server.broadcasts && new == at {
                    (0..self.nodes.len()).for_each(|other| self.gossip(at, other));
                }
            }
        }
        self.replicate_open(at);
        ok()
    }

    /// Valkey's replicas know what their primary has open.
    fn replicate_open(&mut self, at: At) {
        if !self.server.replicates_open_slots {
            return;
        }
        let (migrating, importing) = {
            let node = &self.nodes[at];
            (node.migrating.clone(), node.importing.clone())
        };
        for node in self
            .nodes
            .iter_mut()
            .filter(|node| node.follows == Some(at))
        {
            node.migrating = migrating.clone();
            node.importing = importing.clone();
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

    /// Closes everything that is open, and takes the new primary's data in place of its own.
    pub(super) fn follow(&mut self, at: At, new: At) {
        let data = self.nodes[new].data.clone();
        self.windows.replace(at);
        let epoch = self.nodes[new].config_epoch;
        let node = &mut self.nodes[at];
        node.follows = Some(new);
        node.roles.insert(at, Some(new));
        node.migrating.clear();
        node.importing.clear();
        node.data = data;
        node.config_epoch = epoch;
    }
}
