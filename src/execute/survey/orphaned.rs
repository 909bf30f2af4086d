//! Counts orphaned keys: those in slots that their node doesn't own.
//!
//! No client is sent to them, but they come back to life when the node is
//! given the slot: an old value, or one that was deleted long ago. They are
//! what interrupted moves and forced repairs leave behind (redis#7153, #11589).

use crate::cluster::verb::NodeLink;
use crate::cluster::{ClusterView, LiveCluster, NodeId, keyspace};
use crate::error::Result;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::BTreeMap;

/// The keys of a primary in slots that it doesn't own, in all databases: those in slots that it
/// doesn't have open, and those in slots that it has.
///
/// A replica has none of its own: what it holds follows its primary.
///
/// # Errors
/// When the node can't be asked.
pub(super) fn count<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    view: &ClusterView,
) -> Result<(Held, Held)> {
    let myself = view.node(id).filter(|node| node.is_primary());
    let Some(myself) = myself else {
        return Ok((Held::new(), Held::new()));
    };
    let is_open = |slot: &Slot| myself.open_slot(*slot).is_some();
    let foreign = Slot::all().filter(|slot| !myself.slots.contains(*slot));
    let foreign: SlotSet = foreign.collect();
    let mut counts = [0; SLOT_COUNT];
    keyspace::add_keys_per_slot(cluster, id, &foreign, &mut counts)?;
    let found = foreign.iter().map(|slot| (slot, counts[slot.index()]));
    let (open, closed) = found
        .filter(|(_, keys)| *keys > 0)
        .partition(|(slot, _)| is_open(slot));
    Ok((closed, open))
}

/// Keys by slot.
type Held = BTreeMap<Slot, u64>;
