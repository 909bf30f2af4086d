//! The scope of figures: the slots that they are about.
//!
//! A dump of one node has keys in a part of the slots only: means over all of
//! them would make every slot of the node look hot.

use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use crate::tally::Coverage;
use serde::Serialize;

/// The used slots with what lies between them may be a node's, or a few nodes', up to this part of
/// all.
const LARGEST_PART: f64 = 0.7;

/// How many gaps between used slots may be longer than the longest that counts as chance.
const CHANCE: f64 = 1e-6;

/// The slots over which means and percentiles are.
#[derive(Debug, Serialize)]
pub struct Scope {
    /// `all` slots, those `chosen` by a filter, or a `part`: the slots with keys, where all others are
    /// empty as in a dump of one node or a few, or those of merged tallies of different slots.
    pub kind: &'static str,
    /// How many slots the figures are about.
    pub slots: usize,
    #[serde(skip)]
    set: SlotSet,
    #[serde(skip)]
    is_mixed: bool,
}

impl Scope {
    /// The scope of what was counted in these slots, of those that were looked at.
    pub(super) fn new(coverage: &Coverage, used: &SlotSet) -> Scope {
        let (kind, set) = match coverage {
            Coverage::Chosen(chosen) if !chosen.is_empty() => ("chosen", chosen.clone()),
            Coverage::Mixed(slots) if !slots.is_empty() => ("part", slots.clone()),
            _ => match part(used) {
                Some(part) => ("part", part),
                None => ("all", Slot::all().collect()),
            },
        };
        Scope {
            kind,
            slots: set.len(),
            set,
            is_mixed: matches!(coverage, Coverage::Mixed(_)),
        }
    }

    /// Whether these are all slots, with all their keys.
    pub(super) fn is_whole(&self) -> bool {
        self.slots == SLOT_COUNT && !self.is_mixed
    }

    /// Whether tallies of different slots were merged.
    #[cfg(feature = "cli")]
    pub(super) fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// Whether nobody can tell how the keys should lie over these slots.
    pub(super) fn is_vague(&self) -> bool {
        self.kind == "part"
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.set.iter()
    }

    /// How many times a mean slot something with this share of everything is.
    pub(super) fn times_mean(&self, share: f64) -> f64 {
        share * self.slots as f64
    }
}

/// The used slots and the short gaps between them, where the other gaps are so long and so much
/// that they must be slots of other nodes.
///
/// A hash scatters slots: of `u` used ones a gap is longer than `g` with a chance of about
/// `exp(-g u / 16384)`, whether keys or hash tags made them so few.
fn part(used: &SlotSet) -> Option<SlotSet> {
    let count = used.len() as f64;
    let longest = SLOT_COUNT as f64 / count * (count / CHANCE).ln();
    let mut part = SlotSet::new();
    let mut gap = Vec::new();
    for slot in Slot::all() {
        if !used.contains(slot) {
            gap.push(slot);
            continue;
        }
        if gap.len() as f64 <= longest {
            part.extend(gap.iter().copied());
        }
        gap.clear();
        part.insert(slot);
    }
    if gap.len() as f64 <= longest {
        part.extend(gap);
    }
    (!used.is_empty() && part.len() as f64 <= LARGEST_PART * SLOT_COUNT as f64).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(names: impl Iterator<Item = String>) -> SlotSet {
        names.map(|name| Slot::for_key(name.as_bytes())).collect()
    }

    fn of_node(most: u16, names: impl Iterator<Item = String>) -> SlotSet {
        let used = used(names);
        used.iter().filter(|slot| slot.number() <= most).collect()
    }

    #[test]
    fn the_slots_of_one_node_are_told_from_their_gaps() {
        for keys in [300, 3000, 300_000] {
            let used = of_node(5460, (0..keys).map(|id| format!("user:{id}:profile")));
            let scope = Scope::new(&Coverage::All, &used);
            assert_eq!(scope.kind, "part", "{keys}");
            assert!((5300..=5461).contains(&scope.slots), "{}", scope.slots);
        }
        // Two nodes' runs, and a key that was left behind.
        let keys = (0..500_000).map(|id| format!("k{id}"));
        let two = used(keys)
            .iter()
            .filter(|slot| matches!(slot.number(), 1000..3000 | 9000..12_000 | 16_000))
            .collect();
        assert_eq!(Scope::new(&Coverage::All, &two).slots, 5001);
        let chosen = of_node(9999, (0..500_000).map(|id| id.to_string()));
        let scope = Scope::new(&Coverage::Chosen(chosen.clone()), &two);
        assert_eq!((scope.kind, scope.slots), ("chosen", chosen.len()));
        let mixed = Scope::new(&Coverage::Mixed(Slot::all().collect()), &two);
        assert_eq!((mixed.kind, mixed.slots), ("part", SLOT_COUNT));
        assert!(!mixed.is_whole());
    }

    #[test]
    fn few_keys_and_few_tags_are_no_node() {
        type Name = fn(u32) -> String;
        let names: [Name; 5] = [
            |id| format!("session:{id}:data"),
            |id| format!("user:{id}"),
            |id| format!("{id}"),
            |id| format!("order:{id:08}"),
            |id| format!("{}", id.wrapping_mul(2_654_435_761)),
        ];
        for name in names {
            for keys in [0, 1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000] {
                let scope = Scope::new(&Coverage::All, &used((0..keys).map(name)));
                assert_eq!((scope.kind, scope.slots), ("all", SLOT_COUNT), "{keys}");
            }
        }
        // Nobody could tell a third of the slots by so few.
        let few = of_node(5460, (0..40).map(|id| id.to_string()));
        assert!(Scope::new(&Coverage::All, &few).is_whole());
    }
}
