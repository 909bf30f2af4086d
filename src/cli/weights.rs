//! What each slot weighs, from wherever that is known.

use crate::cluster::link::RedisLink;
use crate::cluster::{ClusterView, LiveCluster, keyspace};
use crate::error::Result;
use crate::plan::{Metric, SlotWeights};
use crate::slot::SLOT_COUNT;

/// The keys of each slot, counted by the nodes that own them.
///
/// # Errors
/// When a node can't be asked.
pub(super) fn from_live(
    cluster: &mut LiveCluster<RedisLink>,
    view: &ClusterView,
) -> Result<SlotWeights> {
    let mut keys = Box::new([0; SLOT_COUNT]);
    for node in view.primaries().filter(|node| !node.slots.is_empty()) {
        keyspace::add_keys_per_slot(cluster, node.id, &node.slots, &mut keys)?;
    }
    Ok(SlotWeights::new().with(Metric::Keys, keys))
}
