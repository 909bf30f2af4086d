//! Counts what the keys of hot slots have in common, in a second pass, where a sample can't tell.

mod name_counts;

pub(super) use name_counts::DominantName;

use super::share::{Weight, units_of};
use super::{Prefixes, SlotCount};
use crate::slot::{Slot, SlotSet, hash_tag};
use crate::source::KeyRecord;
use name_counts::{Least, MAX_AWAITED, NameCounts};
use std::collections::BTreeMap;

/// The names in some slots: those that a first pass has seen are awaited.
#[derive(Clone, Debug)]
pub(super) struct HotSlotNames {
    prefixes: Prefixes,
    slots: BTreeMap<Slot, SlotNames>,
}

/// What is counted in a slot.
#[derive(Clone, Debug, Default)]
struct SlotNames {
    tags: NameCounts,
    prefixes: NameCounts,
    /// By operations.
    called: OperationNames,
}

/// What operations in a slot are on.
#[derive(Clone, Debug, Default)]
struct OperationNames {
    keys: NameCounts,
    tags: NameCounts,
    prefixes: NameCounts,
}

/// What names are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamesOf {
    Tags,
    Prefixes,
    CalledKeys,
    CalledTags,
    CalledPrefixes,
}

impl SlotNames {
    fn names(&self, of: NamesOf) -> &NameCounts {
        match of {
            NamesOf::Tags => &self.tags,
            NamesOf::Prefixes => &self.prefixes,
            NamesOf::CalledKeys => &self.called.keys,
            NamesOf::CalledTags => &self.called.tags,
            NamesOf::CalledPrefixes => &self.called.prefixes,
        }
    }

    fn names_mut(&mut self, of: NamesOf) -> &mut NameCounts {
        match of {
            NamesOf::Tags => &mut self.tags,
            NamesOf::Prefixes => &mut self.prefixes,
            NamesOf::CalledKeys => &mut self.called.keys,
            NamesOf::CalledTags => &mut self.called.tags,
            NamesOf::CalledPrefixes => &mut self.called.prefixes,
        }
    }

    fn map(&self, change: impl Fn(&NameCounts) -> NameCounts) -> SlotNames {
        SlotNames {
            tags: change(&self.tags),
            prefixes: change(&self.prefixes),
            called: OperationNames {
                keys: change(&self.called.keys),
                tags: change(&self.called.tags),
                prefixes: change(&self.called.prefixes),
            },
        }
    }

    fn merge(&mut self, other: SlotNames) {
        self.tags.merge(other.tags);
        self.prefixes.merge(other.prefixes);
        self.called.keys.merge(other.called.keys);
        self.called.tags.merge(other.called.tags);
        self.called.prefixes.merge(other.called.prefixes);
    }
}

impl HotSlotNames {
    pub(super) fn new(slots: &SlotSet, prefixes: Prefixes) -> HotSlotNames {
        let slots = slots.iter().map(|slot| (slot, SlotNames::default()));
        HotSlotNames {
            prefixes,
            slots: slots.collect(),
        }
    }

    /// Counts the heaviest of these names of a slot by themselves.
    pub(super) fn await_names<'name>(
        &mut self,
        slot: Slot,
        of: NamesOf,
        names: impl Iterator<Item = (&'name [u8], u64)>,
    ) {
        let Some(slot_names) = self.slots.get_mut(&slot) else {
            return;
        };
        let mut names: Vec<_> = names.collect();
        names.sort_unstable_by_key(|(name, units)| (std::cmp::Reverse(*units), *name));
        // Half of the room is left for those of another sample.
        for (name, _) in names.into_iter().take(MAX_AWAITED / 2) {
            slot_names.names_mut(of).await_name(name);
        }
    }

    /// The same slots and names, of which nothing was counted yet.
    pub(super) fn emptied(&self) -> HotSlotNames {
        let slots = self.slots.iter();
        let emptied = slots.map(|(slot, slot_names)| (*slot, slot_names.map(NameCounts::emptied)));
        HotSlotNames {
            prefixes: self.prefixes,
            slots: emptied.collect(),
        }
    }

    /// What a prefix is.
    pub(super) fn prefixes(&self) -> Prefixes {
        self.prefixes
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.slots.contains_key(&slot)
    }

    /// Counts a key, or an operation on it.
    pub(super) fn add(&mut self, record: KeyRecord<'_>, slot: Slot) {
        let Some(slot_names) = self.slots.get_mut(&slot) else {
            return;
        };
        let key = record.key;
        let (tag, prefix) = (hash_tag(key), self.prefixes.first(key));
        let bytes = record.facts.size_bytes.unwrap_or(0);
        let (tags, prefixes) = match record.facts.command {
            None => (&mut slot_names.tags, &mut slot_names.prefixes),
            Some(_) => {
                let called = &mut slot_names.called;
                called.keys.add(key, key, 0);
                (&mut called.tags, &mut called.prefixes)
            }
        };
        if let Some(tag) = tag {
            tags.add(tag, key, bytes);
        }
        if let Some(prefix) = prefix {
            prefixes.add(prefix, key, bytes);
        }
    }

    pub(super) fn merge(&mut self, other: HotSlotNames) {
        for (slot, theirs) in other.slots {
            self.slots.entry(slot).or_default().merge(theirs);
        }
    }

    /// What has half of the keys or bytes of a slot, of several keys.
    pub(super) fn family(
        &self,
        slot: Slot,
        of: NamesOf,
        weight: Weight,
        count: SlotCount,
    ) -> DominantName {
        self.dominant(slot, of, |names| {
            names.heaviest(weight, units_of(count, weight), Least::SeveralRows)
        })
    }

    /// What has half of a slot's operations: a key, or what several keys have in common.
    pub(super) fn called(&self, slot: Slot, of: NamesOf, operations: u64) -> DominantName {
        let least = match of {
            NamesOf::CalledKeys => Least::OneKey,
            _ => Least::SeveralKeys,
        };
        self.dominant(slot, of, |names| {
            names.heaviest(Weight::Keys, operations, least)
        })
    }

    fn dominant(
        &self,
        slot: Slot,
        of: NamesOf,
        tell: impl Fn(&NameCounts) -> DominantName,
    ) -> DominantName {
        match self.slots.get(&slot) {
            Some(slot_names) => tell(slot_names.names(of)),
            None => DominantName {
                found: None,
                is_sure: false,
            },
        }
    }
}
