//! Who was a replica of whom.
//!
//! A primary that died isn't seen to follow its heir before it is back, and an
//! old primary that comes back with slots of its own never does. So the
//! families are remembered from when all of them answered.

use crate::cluster::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// Primaries with their replicas, as they were when they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Families {
    members: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

impl Families {
    /// Remembers that one node is, or was, a replica of another.
    pub fn add(&mut self, primary: NodeId, replica: NodeId) {
        let family = self.members.entry(primary).or_default();
        family.extend([primary, replica]);
    }

    /// Remembers what another one knows.
    pub fn join(&mut self, other: &Families) {
        for (primary, replica) in other.pairs() {
            self.add(primary, replica);
        }
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
