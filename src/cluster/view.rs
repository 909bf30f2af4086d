//! The cluster as one node believes it to be.

use super::naming;
use super::{Node, NodeId, OpenSlot, Role, SlotMap};
use crate::slot::{Slot, SlotSet};
use std::fmt;

/// All nodes that one node knows, and the slot map that follows.
///
/// Invariants (the parser refuses anything else): ids are unique, and no slot
/// has two owners.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClusterView {
    nodes: Vec<Node>,
    map: SlotMap,
}

/// The map follows from the nodes, and would be 16,384 entries.
impl fmt::Debug for ClusterView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.nodes).finish()
    }
}

/// A primary with the replicas that follow it.
#[derive(Clone, Debug)]
pub struct Shard<'view> {
    /// Who serves the slots.
    pub primary: &'view Node,
    /// Who follows, by id.
    pub replicas: Vec<&'view Node>,
}

/// What is known of one slot from a single view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotOwnership {
    /// Nobody serves it.
    Unassigned,
    /// One node serves it.
    Owned(NodeId),
    /// The node that answered gives it away: keys may be on either side.
    Migrating {
        /// Who still owns it.
        source: NodeId,
        /// Who receives it.
        target: NodeId,
    },
}

/// Why nodes don't make a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// The same id twice.
    TwiceTheSameId(NodeId),
    /// A slot with two owners.
    TwoOwners {
        /// The slot.
        slot: Slot,
        /// Who has it, in the order of the lines.
        owners: [NodeId; 2],
    },
    /// Two lines say `myself`.
    TwoSelves,
}

impl ClusterView {
    /// A view of these nodes, sorted by id.
    ///
    /// # Errors
    /// When the nodes contradict each other.
    pub fn new(mut nodes: Vec<Node>) -> Result<ClusterView, Contradiction> {
        let (mut map, mut owned) = (SlotMap::new(), SlotSet::new());
        for node in &nodes {
            let twice = node.slots.first_in_common(&owned);
            if let Some((slot, other)) = twice.and_then(|slot| Some((slot, map.owner(slot)?))) {
                let owners = [other, node.id];
                return Err(Contradiction::TwoOwners { slot, owners });
            }
            map.assign_all(&node.slots, node.id);
            owned.join(&node.slots);
        }
        nodes.sort_by_key(|node| node.id);
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Contradiction::TwiceTheSameId(pair[0].id));
        }
        if nodes.iter().filter(|node| node.flags.myself).count() > 1 {
            return Err(Contradiction::TwoSelves);
        }
        Ok(ClusterView { nodes, map })
    }

    /// Every node, by id.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this id.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        let index = self.nodes.binary_search_by_key(&id, |node| node.id).ok()?;
        self.nodes.get(index)
    }

    /// The node that answered; none in a view that was put together by hand.
    pub fn myself(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.flags.myself)
    }

    /// The primaries, by id, those without slots too.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_primary())
    }

    /// The primaries with their replicas, by the primary's id.
    pub fn shards(&self) -> Vec<Shard<'_>> {
        self.primaries()
            .map(|primary| Shard {
                primary,
                replicas: self.replicas_of(primary.id).collect(),
            })
            .collect()
    }

    /// The replicas of a primary, by id.
    pub fn replicas_of(&self, primary: NodeId) -> impl Iterator<Item = &Node> {
        let wanted = Role::Replica {
            primary: Some(primary),
        };
        self.nodes.iter().filter(move |node| node.role == wanted)
    }

    /// Who owns which slot.
    pub fn map(&self) -> &SlotMap {
        &self.map
    }

    /// The open slots that this view shows, each with the node that says so.
    pub fn open_slots(&self) -> impl Iterator<Item = (NodeId, OpenSlot)> {
        self.nodes
            .iter()
            .flat_map(|node| node.open.iter().map(|open| (node.id, *open)))
    }

    /// What this view knows of a slot.
    pub fn ownership(&self, slot: Slot) -> SlotOwnership {
        let migrating = self.open_slots().find_map(|(source, open)| match open {
            OpenSlot::Migrating { slot: at, target } if at == slot => {
                Some(SlotOwnership::Migrating { source, target })
            }
            _ => None,
        });
        migrating.unwrap_or_else(|| match self.map.owner(slot) {
            Some(owner) => SlotOwnership::Owned(owner),
            None => SlotOwnership::Unassigned,
        })
    }

    /// The node that a person means ([`naming`]).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the name fits no node, or more than one.
    pub fn resolve(&self, name: &str) -> crate::error::Result<&Node> {
        let kind = naming::Kind {
            one: "node",
            several: "nodes",
        };
        naming::resolve(&self.nodes, name, kind)
    }
}
