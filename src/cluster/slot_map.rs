//! Who owns each of the 16,384 slots.

use super::NodeId;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};

/// An index into `SlotMap::nodes` that no node has.
const NOBODY: u16 = u16::MAX;

/// The owner of each slot: at most one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotMap {
    nodes: Vec<NodeId>,
    owner: Box<[u16; SLOT_COUNT]>,
}

impl SlotMap {
    /// Nobody owns anything.
    pub fn new() -> SlotMap {
        SlotMap {
            nodes: Vec::new(),
            owner: Box::new([NOBODY; SLOT_COUNT]),
        }
    }

    /// Who owns a slot.
    pub fn owner(&self, slot: Slot) -> Option<NodeId> {
        let index = self.owner[slot.index()];
        self.nodes.get(usize::from(index)).copied()
    }

    /// Gives a slot to a node; returns who had it before.
    pub fn assign(&mut self, slot: Slot, node: NodeId) -> Option<NodeId> {
        let before = self.owner(slot);
        // From the back: views are read a node at a time.
        let index = match self.nodes.iter().rposition(|known| *known == node) {
            Some(index) => index,
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        // Every node in the list owned a slot when it was added, so the index fits.
        self.owner[slot.index()] = index as u16;
        before
    }

    /// Gives slots to a node that has none so far, whoever had them before.
    pub fn assign_all(&mut self, slots: &SlotSet, node: NodeId) {
        if slots.is_empty() {
            return;
        }
        let index = self.nodes.len() as u16;
        self.nodes.push(node);
        for range in slots.ranges() {
            self.owner[range.first().index()..=range.last().index()].fill(index);
        }
    }

    /// The slots that a node owns.
    pub fn slots_of(&self, node: NodeId) -> SlotSet {
        Slot::all()
            .filter(|slot| self.owner(*slot) == Some(node))
            .collect()
    }

    /// The slots that nobody owns.
    pub fn unassigned(&self) -> SlotSet {
        Slot::all()
            .filter(|slot| self.owner(*slot).is_none())
            .collect()
    }
}

impl Default for SlotMap {
    fn default() -> SlotMap {
        SlotMap::new()
    }
}
