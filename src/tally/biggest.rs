//! The biggest key of each slot.

use crate::slot::{SLOT_COUNT, Slot};
use std::cmp::Reverse;

/// How much is kept of the name of a slot's biggest key: there are many, in each thread.
pub(super) const KEPT_BYTES: usize = 256;

/// A big key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigKey {
    /// How many bytes it takes.
    pub size_bytes: u64,
    /// Its name; of a long one the beginning.
    pub key: Box<[u8]>,
    /// The length of the whole name.
    pub length: u64,
    /// The slot of the key.
    pub slot: Slot,
}

impl BigKey {
    /// A key of which at most so many bytes are kept.
    pub(super) fn new(slot: Slot, key: &[u8], size_bytes: u64, most: usize) -> BigKey {
        BigKey {
            size_bytes,
            key: kept(key, most).into(),
            length: key.len() as u64,
            slot,
        }
    }

    /// The smaller, the bigger: of keys of one size, the one that sorts first counts as the biggest.
    pub(super) fn rank(&self) -> (Reverse<u64>, &[u8], u64, Slot) {
        (Reverse(self.size_bytes), &self.key, self.length, self.slot)
    }

    /// Whether only the beginning of its name is kept.
    pub fn is_cut(&self) -> bool {
        self.length > self.key.len() as u64
    }

    /// Whether another key of the slot is bigger.
    #[inline]
    fn is_beaten_by(&self, size_bytes: u64, key: &[u8]) -> bool {
        let (kept, length) = (kept(key, KEPT_BYTES), key.len() as u64);
        (Reverse(size_bytes), kept, length, self.slot) < self.rank()
    }
}

/// What is kept of a name.
pub(super) fn kept(key: &[u8], most: usize) -> &[u8] {
    &key[..key.len().min(most)]
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
                (known.size_bytes, known.length) = (size_bytes, key.len() as u64);
            }
            place => *place = Some(BigKey::new(slot, key, size_bytes, KEPT_BYTES)),
        }
    }

    /// Every slot's, in the order of slots.
    pub(super) fn all(&self) -> impl Iterator<Item = Option<&BigKey>> {
        self.0.iter().map(Option::as_ref)
    }

    pub(super) fn merge(&mut self, other: BiggestOfSlots) {
        for theirs in other.0.into_iter().flatten() {
            self.keep(theirs);
        }
    }

    /// Keeps one that was kept elsewhere when it is the biggest of its slot so far.
    pub(super) fn keep(&mut self, other: BigKey) {
        let place = &mut self.0[other.slot.index()];
        if place
            .as_ref()
            .is_none_or(|known| other.rank() < known.rank())
        {
            *place = Some(other);
        }
    }
}
