//! Who was a replica of whom.
//!
//! A primary that died isn't seen to follow its heir before it is back, and an
//! old primary that comes back with slots of its own never does. So the
//! families are remembered from when all of them answered.

use crate::cluster::NodeId;
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// Primaries with their replicas, as they were when they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Families {
    members: BTreeMap<NodeId, BTreeSet<NodeId>>,
    beside: BTreeSet<(Slot, NodeId)>,
}

impl Families {
    /// Remembers that one node is, or was, a replica of another.
    pub fn add(&mut self, primary: NodeId, replica: NodeId) {
        let family = self.members.entry(primary).or_default();
        family.extend([primary, replica]);
    }

    /// Remembers that a node has one slot open beside the slot's target, and is not of its family:
    /// what it has of this slot is left over, as a person has agreed.
    pub fn add_beside(&mut self, slot: Slot, node: NodeId) {
        self.beside.insert((slot, node));
    }

    /// Remembers what another one knows.
    pub fn join(&mut self, other: &Families) {
        for (primary, replica) in other.pairs() {
            self.add(primary, replica);
        }
        self.beside.extend(&other.beside);
    }

    /// Each slot that a node has open beside its target.
    pub fn besides(&self) -> impl Iterator<Item = (Slot, NodeId)> {
        self.beside.iter().copied()
    }

    /// Whether a node has this slot open beside its target.
    pub fn is_beside(&self, slot: Slot, node: NodeId) -> bool {
        self.beside.contains(&(slot, node))
    }

    /// Each primary with each of its replicas.
    pub fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.members.iter().flat_map(|(primary, family)| {
            let replicas = family.iter().filter(move |id| *id != primary);
            replicas.map(move |replica| (*primary, *replica))
        })
    }

    /// Whether two different nodes were of one family.
    pub fn are_kin(&self, one: NodeId, other: NodeId) -> bool {
        let mut families = self.members.values();
        one != other && families.any(|family| family.contains(&one) && family.contains(&other))
    }
}

impl FromIterator<(NodeId, NodeId)> for Families {
    fn from_iter<I: IntoIterator<Item = (NodeId, NodeId)>>(pairs: I) -> Families {
        let mut families = Families::default();
        for (primary, replica) in pairs {
            families.add(primary, replica);
        }
        families
    }
}
