//! Keeps the view of the cluster that each node has which can be asked.

use crate::cluster::{ClusterView, Node, NodeId};
use std::collections::BTreeMap;

/// The view of all nodes and slots that each node has which can be asked, by its id.
pub type Views = BTreeMap<NodeId, ClusterView>;

/// What the nodes that take themselves for primaries say of themselves.
pub fn primaries(views: &Views) -> impl Iterator<Item = &Node> {
    views.keys().filter_map(|id| primary(views, *id))
}

/// What a node says of itself that takes itself for a primary; none when it doesn't, or can't be
/// asked.
pub fn primary(views: &Views, id: NodeId) -> Option<&Node> {
    let myself = views.get(&id)?.node(id)?;
    Some(myself).filter(|node| node.is_primary())
}
