//! Remembers the shards of a cluster: which primary had which replicas.
//!
//! A primary that died isn't seen to follow the replica that took over before it is back, and an old
//! primary that comes back with slots of its own never does. So the shards are remembered from when
//! all of them answered.

use crate::cluster::NodeId;
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// The shards: each primary with its replicas, as they were when they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shards {
    members: BTreeMap<NodeId, BTreeSet<NodeId>>,
    left_over: BTreeSet<(Slot, NodeId)>,
}

impl Shards {
    /// Remembers that one node is, or was, a replica of another.
    pub fn add(&mut self, primary: NodeId, replica: NodeId) {
        let shard = self.members.entry(primary).or_default();
        shard.extend([primary, replica]);
    }

    /// Remembers that a node has one slot open beside the slot's target, and is not of its shard:
    /// what it has of this slot is left over, as a person has agreed.
    pub fn add_left_over(&mut self, slot: Slot, node: NodeId) {
        self.left_over.insert((slot, node));
    }

    /// Remembers what another one knows.
    pub fn join(&mut self, other: &Shards) {
        for (primary, replica) in other.pairs() {
            self.add(primary, replica);
        }
        self.left_over.extend(&other.left_over);
    }

    /// Each slot that a node has open beside its target, with that node.
    pub fn left_over(&self) -> impl Iterator<Item = (Slot, NodeId)> {
        self.left_over.iter().copied()
    }

    /// Whether a node has this slot open beside its target.
    pub fn is_left_over(&self, slot: Slot, node: NodeId) -> bool {
        self.left_over.contains(&(slot, node))
    }

    /// Each primary with each of its replicas.
    pub fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.members.iter().flat_map(|(primary, shard)| {
            let replicas = shard.iter().filter(move |id| *id != primary);
            replicas.map(move |replica| (*primary, *replica))
        })
    }

    /// Whether two different nodes were of one shard.
    pub fn are_in_one(&self, one: NodeId, other: NodeId) -> bool {
        let mut shards = self.members.values();
        one != other && shards.any(|shard| shard.contains(&one) && shard.contains(&other))
    }
}

impl FromIterator<(NodeId, NodeId)> for Shards {
    fn from_iter<I: IntoIterator<Item = (NodeId, NodeId)>>(pairs: I) -> Shards {
        let mut shards = Shards::default();
        for (primary, replica) in pairs {
            shards.add(primary, replica);
        }
        shards
    }
}
