//! Exact counts of hash tags, while they fit.

use super::GroupCount;
use crate::slot::Slot;
use std::collections::HashMap;

/// How many different tags are counted exactly.
pub(super) const MAX_TAGS: usize = 16_384;

/// How many bytes these tags may take together.
const MAX_TAG_BYTES: usize = 2 << 20;

type Counts = HashMap<Box<[u8]>, (Slot, GroupCount)>;

/// The hash tags of an input with their keys and bytes.
///
/// With more different tags than fit, the table is given up as a whole and
/// the samples take over. Whether that happens depends only on which tags
/// there are, never on their order or on how the input was cut: a part has
/// too many only if the whole has.
#[derive(Clone, Debug)]
pub(super) struct Tags {
    counts: Option<Counts>,
    bytes: usize,
}

impl Default for Tags {
    fn default() -> Tags {
        Tags {
            counts: Some(HashMap::new()),
            bytes: 0,
        }
    }
}

impl Tags {
    /// Counts a key with this tag.
    #[inline]
    pub(super) fn add(&mut self, tag: &[u8], slot: Slot, size_bytes: u64) {
        self.add_many(
            tag,
            slot,
            GroupCount {
                keys: 1,
                bytes: size_bytes,
            },
        );
    }

    /// Whether tags are still counted: there weren't too many.
    #[inline]
    pub(super) fn are_counted(&self) -> bool {
        self.counts.is_some()
    }

    /// Gives the table up, as with too many tags.
    pub(super) fn give_up(&mut self) {
        self.counts = None;
    }

    /// Counts several keys with this tag.
    pub(super) fn add_many(&mut self, tag: &[u8], slot: Slot, count: GroupCount) {
        let Some(counts) = &mut self.counts else {
            return;
        };
        if let Some((_, known)) = counts.get_mut(tag) {
            known.add(count.keys, count.bytes);
            return;
        }
        self.bytes += tag.len();
        if counts.len() == MAX_TAGS || self.bytes > MAX_TAG_BYTES {
            self.counts = None;
            return;
        }
        counts.insert(tag.into(), (slot, count));
    }

    /// Adds the tags of another worker.
    pub(super) fn merge(&mut self, other: Tags) {
        match other.counts {
            None => self.counts = None,
            Some(counts) => {
                for (tag, (slot, count)) in counts {
                    self.add_many(&tag, slot, count);
                }
            }
        }
    }

    /// The tags with their slots and counts, in no order; nothing when there were too many.
    pub(super) fn all(&self) -> Option<impl Iterator<Item = (&[u8], Slot, GroupCount)>> {
        let counts = self.counts.as_ref()?;
        Some(
            counts
                .iter()
                .map(|(tag, (slot, count))| (&**tag, *slot, *count)),
        )
    }
}
