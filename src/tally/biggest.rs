//! The biggest key of each slot.

use crate::slot::{SLOT_COUNT, Slot};

/// The biggest key of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigKey {
    /// How many bytes it takes.
    pub size_bytes: u64,
    /// The key.
    pub key: Box<[u8]>,
}

impl BigKey {
    /// Whether another key is bigger; of keys of one size, the one that sorts first counts as the biggest.
    #[inline]
    fn is_beaten_by(&self, size_bytes: u64, key: &[u8]) -> bool {
        size_bytes > self.size_bytes || (size_bytes == self.size_bytes && *key < *self.key)
    }
}

/// The biggest key of each slot, where a size is known.
#[derive(Clone, Debug)]
pub(super) struct BiggestOfSlots(Box<[Option<BigKey>]>);

impl Default for BiggestOfSlots {
    fn default() -> BiggestOfSlots {
        BiggestOfSlots(vec![None; SLOT_COUNT].into())
    }
}

impl BiggestOfSlots {
    pub(super) fn get(&self, slot: Slot) -> Option<&BigKey> {
        self.0[slot.index()].as_ref()
    }

    /// Keeps a key when it is the biggest of its slot so far.
    pub(super) fn offer(&mut self, slot: Slot, key: &[u8], size_bytes: u64) {
        match &mut self.0[slot.index()] {
            Some(known) if !known.is_beaten_by(size_bytes, key) => {}
            // Keys of one kind often have one length: no need to allocate anew.
            Some(known) if known.key.len() == key.len() => {
                known.key.copy_from_slice(key);
                known.size_bytes = size_bytes;
            }
            place => {
                *place = Some(BigKey {
                    size_bytes,
                    key: key.into(),
                });
            }
        }
    }

    /// Every slot's, in the order of slots.
    pub(super) fn all(&self) -> impl Iterator<Item = Option<&BigKey>> {
        self.0.iter().map(Option::as_ref)
    }

    pub(super) fn merge(&mut self, other: BiggestOfSlots) {
        for (slot, theirs) in Slot::all().zip(other.0) {
            if let Some(theirs) = theirs {
                self.offer(slot, &theirs.key, theirs.size_bytes);
            }
        }
    }
}
