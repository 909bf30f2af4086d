//! Which slots were counted: figures over slots are told over those.

use crate::slot::{SLOT_COUNT, Slot, SlotSet};

/// The slots whose keys were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Coverage {
    /// All slots.
    #[default]
    All,
    /// Those that a filter let pass.
    Chosen(SlotSet),
    /// Those of several tallies that didn't count the same: of some, not all keys were counted.
    Mixed(SlotSet),
}

impl Coverage {
    /// The coverage of both together.
    #[must_use]
    pub(super) fn merged(self, other: Coverage) -> Coverage {
        if self == other {
            return self;
        }
        if self.is_all() && other.is_all() {
            return Coverage::All;
        }
        let mut slots = self.into_slots();
        slots.extend(other.into_slots().iter());
        Coverage::Mixed(slots)
    }

    /// Whether no filter left a slot out.
    fn is_all(&self) -> bool {
        match self {
            Coverage::All => true,
            Coverage::Chosen(slots) => slots.len() == SLOT_COUNT,
            Coverage::Mixed(_) => false,
        }
    }

    fn into_slots(self) -> SlotSet {
        match self {
            Coverage::All => Slot::all().collect(),
            Coverage::Chosen(slots) | Coverage::Mixed(slots) => slots,
        }
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        match self {
            Coverage::All => true,
            Coverage::Chosen(slots) | Coverage::Mixed(slots) => slots.contains(slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_count_the_same_is_mixed() {
        let set = |slots: &[u16]| slots.iter().filter_map(|slot| Slot::new(*slot)).collect();
        let one = Coverage::Chosen(set(&[1, 2]));
        let other = Coverage::Chosen(set(&[2, 3]));
        assert_eq!(one.clone().merged(one.clone()), one);
        let mixed = Coverage::Mixed(set(&[1, 2, 3]));
        assert_eq!(one.clone().merged(other.clone()), mixed);
        assert_eq!(other.merged(one.clone()), mixed);
        assert_eq!(mixed.clone().merged(one.clone()), mixed);
        let all = Coverage::Mixed(Slot::all().collect());
        assert_eq!(Coverage::All.merged(one.clone()), all);
        assert_eq!(one.merged(Coverage::All), all);
        // Who chose all slots left none out.
        let every = Coverage::Chosen(Slot::all().collect());
        assert_eq!(every.clone().merged(Coverage::All), Coverage::All);
        assert_eq!(Coverage::All.merged(every.clone()), Coverage::All);
        assert_eq!(every.clone().merged(every.clone()), every);
        assert_eq!(every.merged(all.clone()), all);
    }
}
