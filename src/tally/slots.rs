//! What was counted in each slot.

use super::SlotCount;
use crate::slot::{SLOT_COUNT, Slot};

/// What was counted lately in a slot, in half the bytes of a [`SlotCount`] and a size: with so few, the
/// table that every key needs a line of stays near the processor beside the rows that are read.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Recent {
    bytes: u64,
    /// A key below this isn't the slot's biggest; at most what fits.
    least_biggest: u32,
    keys: u16,
    expiring: u16,
}

/// What was counted in each slot.
#[derive(Clone, Debug)]
pub(super) struct SlotCounts {
    recent: Box<[Recent]>,
    /// How many keys are in `recent`: never more than fit into the count of one slot.
    recent_keys: usize,
    /// What was counted before.
    settled: Box<[SlotCount]>,
}

impl Default for SlotCounts {
    fn default() -> SlotCounts {
        SlotCounts {
            recent: vec![Recent::default(); SLOT_COUNT].into(),
            recent_keys: 0,
            settled: vec![SlotCount::default(); SLOT_COUNT].into(),
        }
    }
}

impl SlotCounts {
    /// Makes sure that so many keys can be [added](SlotCounts::add), at most 65,535.
    #[inline]
    pub(super) fn make_room(&mut self, keys: usize) {
        debug_assert!(u16::try_from(keys).is_ok());
        if self.recent_keys + keys > usize::from(u16::MAX) {
            self.settle();
        }
        self.recent_keys += keys;
    }

    /// Counts a key that there is room for; whether it may be the slot's biggest.
    #[inline]
    pub(super) fn add(&mut self, slot: Slot, size_bytes: u64, expires: bool) -> bool {
        let recent = &mut self.recent[slot.index()];
        recent.keys += 1;
        recent.bytes = recent.bytes.saturating_add(size_bytes);
        recent.expiring += u16::from(expires);
        size_bytes >= u64::from(recent.least_biggest)
    }

    /// Counts keys of which nothing else is known.
    pub(super) fn add_keys(&mut self, slots: &[Slot]) {
        for slots in slots.chunks(usize::from(u16::MAX)) {
            self.make_room(slots.len());
            for slot in slots {
                self.recent[slot.index()].keys += 1;
            }
        }
    }

    /// Says that a key that was counted has no size.
    pub(super) fn has_unsized(&mut self, slot: Slot) {
        let unsized_keys = &mut self.settled[slot.index()].unsized_keys;
        *unsized_keys = unsized_keys.saturating_add(1);
    }

    /// Says that none of the keys that were counted has a size.
    pub(super) fn all_are_unsized(&mut self) {
        self.settle();
        for settled in &mut self.settled {
            settled.unsized_keys = settled.keys;
        }
    }

    /// Adds what was counted elsewhere.
    pub(super) fn add_count(&mut self, slot: Slot, count: SlotCount) {
        self.settled[slot.index()].add(count);
    }

    /// Says that the slot has a key of this size.
    #[inline]
    pub(super) fn has_key_of(&mut self, slot: Slot, size_bytes: u64) {
        let least = &mut self.recent[slot.index()].least_biggest;
        *least = u32::try_from(size_bytes).unwrap_or(u32::MAX).max(*least);
    }

    #[cold]
    fn settle(&mut self) {
        for (settled, recent) in self.settled.iter_mut().zip(&mut self.recent) {
            settled.add(recent.count());
            (recent.keys, recent.bytes, recent.expiring) = (0, 0, 0);
        }
        self.recent_keys = 0;
    }

    pub(super) fn merge(&mut self, other: SlotCounts) {
        for (mine, theirs) in self.settled.iter_mut().zip(other.all()) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.recent.iter_mut().zip(&other.recent) {
            mine.least_biggest = mine.least_biggest.max(theirs.least_biggest);
        }
    }

    /// What was counted in a slot.
    pub(super) fn get(&self, slot: Slot) -> SlotCount {
        self.settled[slot.index()].plus(self.recent[slot.index()].count())
    }

    /// What was counted in every slot.
    pub(super) fn all(&self) -> impl Iterator<Item = SlotCount> + '_ {
        let recent = self.recent.iter().map(|recent| recent.count());
        let settled = self.settled.iter();
        settled
            .zip(recent)
            .map(|(settled, recent)| settled.plus(recent))
    }
}

impl Recent {
    fn count(&self) -> SlotCount {
        SlotCount {
            keys: u64::from(self.keys),
            bytes: self.bytes,
            expiring: u64::from(self.expiring),
            unsized_keys: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_keys_than_fit_the_near_counts() {
        let (first, last) = (Slot::MIN, Slot::MAX);
        let mut counts = SlotCounts::default();
        let keys = u64::from(u16::MAX);
        for _ in 0..keys {
            counts.make_room(2);
            counts.add(first, 1 << 50, true);
            counts.add(last, 3, false);
        }
        counts.add_keys(&vec![last; keys as usize]);
        (0..keys).for_each(|_| counts.add_keys(&[last]));
        let of_first = SlotCount {
            keys,
            bytes: u64::MAX,
            expiring: keys,
            unsized_keys: 0,
        };
        let of_last = SlotCount {
            keys: 3 * keys,
            bytes: 3 * keys,
            expiring: 0,
            unsized_keys: 0,
        };
        assert_eq!([counts.get(first), counts.get(last)], [of_first, of_last]);
        let mut twice = counts.clone();
        twice.merge(counts);
        assert_eq!(twice.get(last), of_last.plus(of_last));
        assert_eq!(twice.all().nth(SLOT_COUNT - 1), Some(twice.get(last)));
        assert_eq!(twice.get(first).bytes, u64::MAX);
    }

    #[test]
    fn a_key_as_big_as_the_biggest_may_be_it() {
        let mut counts = SlotCounts::default();
        let mut may_be_biggest = |biggest: u64, size: u64| {
            counts.has_key_of(Slot::MIN, biggest);
            counts.make_room(1);
            counts.add(Slot::MIN, size, false)
        };
        assert!(may_be_biggest(0, 0));
        assert!(may_be_biggest(7, 7));
        assert!(!may_be_biggest(7, 6));
        // Beyond what fits whoever keeps the biggest keys has to tell.
        assert!(may_be_biggest(1 << 40, u64::from(u32::MAX)));
        assert!(!may_be_biggest(0, u64::from(u32::MAX) - 1));
    }
}
