//! Keys in slots that a node doesn't own.
//!
//! No client is sent to them, but they come back to life when the node is
//! given the slot: an old value, or one that was deleted long ago. They are
//! what interrupted moves and forced repairs leave behind (redis#7153, #11589).

use crate::cluster::verb::NodeLink;
use crate::cluster::{ClusterView, LiveCluster, NodeId, keyspace};
use crate::error::Result;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::BTreeMap;

/// The keys of a primary in slots that it neither owns nor has open, in all databases.
///
/// A replica has none of its own: what it holds follows its primary.
///
/// # Errors
/// When the node can't be asked.
pub(super) fn count<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    view: &ClusterView,
    databases: &[u32],
) -> Result<BTreeMap<Slot, u64>> {
    let myself = view.node(id).filter(|node| node.is_primary());
    let Some(myself) = myself.filter(|_| !databases.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    let is_open = |slot: &Slot| myself.open.iter().any(|open| open.slot() == *slot);
    let foreign: SlotSet = Slot::all()
        .filter(|slot| !myself.slots.contains(*slot) && !is_open(slot))
        .collect();
    let mut counts = [0; SLOT_COUNT];
    keyspace::add_keys_per_slot(cluster, id, &foreign, &mut counts)?;
    let found = foreign.iter().map(|slot| (slot, counts[slot.index()]));
    Ok(found.filter(|(_, keys)| *keys > 0).collect())
}
