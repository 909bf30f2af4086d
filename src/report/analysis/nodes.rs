//! The nodes of an analysis: keys, bytes and operations on each.

use super::{Known, NodeRow, Unassigned};
use crate::cluster::{ClusterView, Node};
use crate::slot::Slot;
use crate::tally::{SlotCount, Tally};

/// The primaries, by id.
pub(super) fn rows(tally: &Tally, view: &ClusterView, known: Known) -> Vec<NodeRow> {
    view.primaries()
        .map(|node| row(tally, node, known))
        .collect()
}

fn row(tally: &Tally, node: &Node, known: Known) -> NodeRow {
    let count = sum(tally, node.slots.iter());
    NodeRow {
        id: node.id.to_string(),
        addr: node.addr.as_ref().map(ToString::to_string),
        slots: node.slots.len(),
        keys: count.keys,
        size: known.of_slots(count),
        expiring: count.expiring,
        operations: operations(tally, node.slots.iter()),
        failed: node.flags.fail,
    }
}

/// What lies in slots that no node owns.
pub(super) fn unassigned(tally: &Tally, view: &ClusterView, known: Known) -> Unassigned {
    let slots = view.map().unassigned();
    let count = sum(tally, slots.iter());
    Unassigned {
        slots: slots.len(),
        keys: count.keys,
        size: known.of_slots(count),
        operations: operations(tally, slots.iter()),
    }
}

fn sum(tally: &Tally, slots: impl Iterator<Item = Slot>) -> SlotCount {
    slots.fold(SlotCount::default(), |sum, slot| sum.plus(tally.slot(slot)))
}

fn operations(tally: &Tally, slots: impl Iterator<Item = Slot>) -> Option<u64> {
    let operations = tally.operations()?;
    Some(slots.fold(0, |sum: u64, slot| {
        sum.saturating_add(operations.slot(slot))
    }))
}
