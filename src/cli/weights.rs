//! What each slot weighs, from wherever that is known.

use super::terminal;
use crate::cluster::link::RedisLink;
use crate::cluster::{ClusterView, LiveCluster, keyspace};
use crate::error::Result;
use crate::plan::{Metric, SlotWeights};
use crate::report::count_text;
use crate::slot::{SLOT_COUNT, Slot};
use crate::tally::Tally;

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

/// The keys of each slot, and their bytes where every key has a size, as a dump has them.
pub(super) fn from_tally(tally: &Tally) -> SlotWeights {
    let mut keys = Box::new([0; SLOT_COUNT]);
    let mut bytes = Box::new([0; SLOT_COUNT]);
    for slot in Slot::all() {
        let count = tally.slot(slot);
        keys[slot.index()] = count.keys;
        bytes[slot.index()] = count.bytes;
    }
    let weights = SlotWeights::new().with(Metric::Keys, keys);
    match tally.knows_bytes() {
        true => weights.with(Metric::Bytes, bytes),
        false => weights,
    }
}

/// Says so when a dump has so many keys more or less than the cluster that it may be another's, or old.
pub(super) fn warn_if_foreign(weights: &SlotWeights, live_keys: u64) {
    let dumped: u64 = Slot::all()
        .filter_map(|slot| weights.get(Metric::Keys, slot))
        .sum();
    let difference = dumped.abs_diff(live_keys);
    // A tenth: what a busy keyspace may change between a dump and a plan.
    if difference > dumped.max(live_keys) / 10 {
        terminal::say(format!(
            "warning: the dump has {} keys, the cluster {}: is it of this cluster, and new?",
            count_text(dumped),
            count_text(live_keys)
        ));
    }
}
