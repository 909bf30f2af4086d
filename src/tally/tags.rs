//! Exact counts of hash tags, while they fit.

use super::GroupCount;
use crate::slot::{SLOT_COUNT, Slot};
use std::collections::HashMap;

/// How many different tags are counted exactly.
pub(super) const MAX_TAGS: usize = 16_384;

/// How many bytes these tags may take together.
const MAX_TAG_BYTES: usize = 2 << 20;

/// The hash tags of an input with their keys and bytes.
///
/// With more different tags than fit, the table is given up as a whole and
/// the samples take over. Whether that happens depends only on which tags
/// there are, never on their order or on how the input was cut: a part has
/// too many only if the whole has.
#[derive(Clone, Debug)]
pub(super) struct Tags(Option<Counted>);

impl Default for Tags {
    fn default() -> Tags {
        Tags(Some(Counted::default()))
    }
}

/// Tags that still fit.
#[derive(Clone, Debug)]
struct Counted {
    /// The tags themselves, one behind the other.
    names: Vec<u8>,
    tags: Vec<Tag>,
    by_name: HashMap<Box<[u8]>, u32>,
    /// The newest tag of each slot. Most slots have few, so that nearly every key is counted without
    /// looking its tag up by name.
    newest: Box<[u32]>,
    /// By number: how many keys have no known size, of tags with such keys. Few have, so that the others
    /// needn't carry it.
    unsized_keys: HashMap<u32, u64>,
}

/// A tag and what was counted of it.
#[derive(Clone, Debug)]
struct Tag {
    /// Where its name begins, and how long it is.
    start: u32,
    length: u32,
    slot: Slot,
    /// The tag of its slot that came before it.
    older: u32,
    keys: u64,
    bytes: u64,
}

/// No tag.
const NONE: u32 = u32::MAX;

/// How many tags of a slot are compared before one is looked up by name.
const COMPARED: usize = 4;

impl Default for Counted {
    fn default() -> Counted {
        Counted {
            names: Vec::new(),
            tags: Vec::new(),
            by_name: HashMap::new(),
            newest: vec![NONE; SLOT_COUNT].into(),
            unsized_keys: HashMap::new(),
        }
    }
}

impl Counted {
    #[inline]
    fn name(&self, tag: &Tag) -> &[u8] {
        &self.names[tag.start as usize..(tag.start + tag.length) as usize]
    }

    /// Counts keys with a tag; false when it is one too many.
    #[inline]
    fn add(&mut self, name: &[u8], slot: Slot, count: GroupCount) -> bool {
        let mut index = self.newest[slot.index()];
        for _ in 0..COMPARED {
            let Some(tag) = self.tags.get(index as usize) else {
                break;
            };
            if self.name(tag) == name {
                self.count(index, count);
                return true;
            }
            index = tag.older;
        }
        self.add_other(name, slot, count)
    }

    fn count(&mut self, index: u32, count: GroupCount) {
        let tag = &mut self.tags[index as usize];
        tag.keys = tag.keys.saturating_add(count.keys);
        tag.bytes = tag.bytes.saturating_add(count.bytes);
        if count.unsized_keys > 0 {
            *self.unsized_keys.entry(index).or_default() += count.unsized_keys;
        }
    }

    #[inline(never)]
    fn add_other(&mut self, name: &[u8], slot: Slot, count: GroupCount) -> bool {
        if let Some(index) = self.by_name.get(name).copied() {
            self.count(index, count);
            return true;
        }
        if self.tags.len() == MAX_TAGS || self.names.len() + name.len() > MAX_TAG_BYTES {
            return false;
        }
        let index = self.tags.len() as u32;
        self.tags.push(Tag {
            start: self.names.len() as u32,
            length: name.len() as u32,
            slot,
            older: self.newest[slot.index()],
            keys: 0,
            bytes: 0,
        });
        self.count(index, count);
        self.names.extend_from_slice(name);
        self.by_name.insert(name.into(), index);
        self.newest[slot.index()] = index;
        true
    }
}

impl Tags {
    /// Counts a key with this tag.
    #[inline]
    pub(super) fn add(&mut self, tag: &[u8], slot: Slot, size_bytes: u64) {
        self.add_many(tag, slot, GroupCount::of_key(size_bytes));
    }

    /// Says that a key that was counted has no size.
    pub(super) fn has_unsized(&mut self, tag: &[u8]) {
        if let Some(counted) = &mut self.0
            && let Some(index) = counted.by_name.get(tag)
        {
            *counted.unsized_keys.entry(*index).or_default() += 1;
        }
    }

    /// Says that none of the keys that were counted has a size.
    pub(super) fn all_are_unsized(&mut self) {
        if let Some(counted) = &mut self.0 {
            let keys = counted.tags.iter().map(|tag| tag.keys);
            counted.unsized_keys = (0..).zip(keys).collect();
        }
    }

    /// Whether tags are still counted: there weren't too many.
    #[inline]
    pub(super) fn are_counted(&self) -> bool {
        self.0.is_some()
    }

    /// Gives the table up, as with too many tags.
    pub(super) fn give_up(&mut self) {
        self.0 = None;
    }

    /// Counts several keys with this tag; the slot must be the tag's.
    #[inline]
    pub(super) fn add_many(&mut self, tag: &[u8], slot: Slot, count: GroupCount) {
        if let Some(counted) = &mut self.0
            && !counted.add(tag, slot, count)
        {
            self.give_up();
        }
    }

    /// Adds the tags of another worker.
    pub(super) fn merge(&mut self, other: Tags) {
        match other.all() {
            None => self.give_up(),
            Some(all) => all.for_each(|(tag, slot, count)| self.add_many(tag, slot, count)),
        }
    }

    /// The tags with their slots and counts, in no order; nothing when there were too many.
    pub(super) fn all(&self) -> Option<impl Iterator<Item = (&[u8], Slot, GroupCount)>> {
        let counted = self.0.as_ref()?;
        let tags = counted.tags.iter();
        Some((0..).zip(tags).map(|(index, tag)| {
            let count = GroupCount {
                keys: tag.keys,
                bytes: tag.bytes,
                unsized_keys: counted.unsized_keys.get(&index).copied().unwrap_or(0),
            };
            (counted.name(tag), tag.slot, count)
        }))
    }
}
