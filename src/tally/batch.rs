//! Batches of keys, counted in passes.
//!
//! A slot's counts, its biggest key and its tag lie somewhere in tables of some hundred KB. One
//! short pass for each of them lets the processor fetch for many keys at once what isn't in its
//! nearest cache; all at once for one key after another it would wait at each of them.

use super::key_lists::with_braces;
use super::selection::{Selection, TOGETHER};
use super::{GroupCount, Tally};
use crate::slot::{KeySpan, Slot, hash_tag};
use crate::source::{Calls, Encoding, Expiry, Group, KeyBatch, KeyKind, Number};

/// Some keys of a batch.
pub(super) struct BatchSlice<'batch> {
    pub(super) bytes: &'batch [u8],
    pub(super) spans: &'batch [KeySpan],
    pub(super) sizes: &'batch [Number],
    pub(super) expiries: &'batch [Expiry],
    pub(super) groups: &'batch [Group],
    pub(super) slots: &'batch [Slot],
}

impl BatchSlice<'_> {
    fn key(&self, at: usize) -> &[u8] {
        self.spans[at].of(self.bytes)
    }

    /// How many bytes each key takes, 0 where it isn't known.
    #[inline]
    fn bytes_of_each(&self) -> impl Iterator<Item = u64> {
        self.sizes.iter().map(|size| size.or_zero())
    }
}

impl Tally {
    /// Counts the keys of a batch; `slots` are theirs. The same as [`Tally::add`] with each of them.
    ///
    /// # Panics
    /// When there are not as many slots as keys.
    pub fn add_batch(&mut self, batch: &KeyBatch, slots: &[Slot]) {
        assert_eq!(batch.len(), slots.len(), "one slot for each key");
        if *batch.calls() != Calls::default() {
            self.add_operations(batch, slots);
            return;
        }
        let mut places = batch.places();
        for begin in (0..batch.len()).step_by(TOGETHER) {
            let these = begin..batch.len().min(begin + TOGETHER);
            let slice = BatchSlice {
                bytes: batch.bytes(),
                spans: &batch.spans()[these.clone()],
                sizes: &batch.sizes()[these.clone()],
                expiries: &batch.expiries()[these.clone()],
                groups: &batch.groups()[these.clone()],
                slots: &slots[these],
            };
            self.add_slice(&slice, places.by_ref().take(TOGETHER));
        }
    }

    /// Counts keys; `places` are theirs.
    pub(super) fn add_slice(&mut self, slice: &BatchSlice<'_>, places: impl Iterator<Item = u64>) {
        if self.is_all_unsized && slice.sizes.iter().any(|size| size.is_known()) {
            self.tell_unsized_apart();
        }
        let unsized_keys = self.unsized_keys;
        self.count_slots(slice);
        self.count_facts(slice);
        self.count_big_keys(slice);
        self.key_lengths.add(slice.spans);
        self.count_expiries(slice);
        if self.tags.are_counted() {
            self.count_tags(slice);
        }
        if self.unsized_keys > unsized_keys && !self.is_all_unsized {
            self.count_unsized(slice);
        }
        self.samples.add_slice(slice, places);
    }

    /// Counts the keys without a size once more, by everything that keys are counted by.
    #[cold]
    fn count_unsized(&mut self, slice: &BatchSlice<'_>) {
        let sizes = slice.sizes.iter().enumerate();
        for (at, _) in sizes.filter(|(_, size)| !size.is_known()) {
            let group = slice.groups[at];
            self.slots.has_unsized(slice.slots[at]);
            self.kinds[group.kind as usize].unsized_keys += 1;
            self.encodings[group.encoding as usize].unsized_keys += 1;
            self.group(group.db).unsized_keys += 1;
            if let Some(moment) = slice.expiries[at].timestamp() {
                self.expiries.has_unsized(moment);
            }
            if let Some(tag) = hash_tag(slice.key(at)).filter(|_| self.tags.are_counted()) {
                self.tags.has_unsized(tag);
            }
        }
    }

    fn count_slots(&mut self, slice: &BatchSlice<'_>) {
        let mut candidates = Selection::default();
        self.slots.make_room(slice.slots.len());
        let facts = slice.sizes.iter().zip(slice.expiries);
        for ((size, expiry), slot) in facts.zip(slice.slots) {
            let may_be_biggest = self.slots.add(*slot, size.or_zero(), expiry.expires());
            candidates.next_is(size.is_known() & may_be_biggest);
        }
        for at in candidates.all() {
            let size = slice.sizes[at].or_zero();
            self.offer_biggest(slice.slots[at], slice.key(at), size);
        }
    }

    /// Sizes, types, encodings and databases. These counts lie near, and most keys wait
    /// for the one before them, which changes the same: so all are changed in one pass, side by side.
    fn count_facts(&mut self, slice: &BatchSlice<'_>) {
        let mut pairs = [[GroupCount::default(); Encoding::ALL.len()]; KeyKind::ALL.len()];
        for (size, group) in slice.sizes.iter().zip(slice.groups) {
            match size.get() {
                Some(size) => self.sizes.add(size),
                None => self.unsized_keys += 1,
            }
            pairs[group.kind as usize][group.encoding as usize].add(1, size.or_zero());
        }
        let mut all = GroupCount::default();
        for (kind, encodings) in self.kinds.iter_mut().zip(&pairs) {
            for (encoding, count) in self.encodings.iter_mut().zip(encodings) {
                if count.keys > 0 {
                    kind.add(count.keys, count.bytes);
                    encoding.add(count.keys, count.bytes);
                    all.add(count.keys, count.bytes);
                }
            }
        }
        let Some(first) = slice.groups.first() else {
            return;
        };
        if slice.groups.iter().all(|group| group.db == first.db) {
            self.group(first.db).add(all.keys, all.bytes);
        } else {
            self.count_databases(slice);
        }
    }

    fn count_big_keys(&mut self, slice: &BatchSlice<'_>) {
        for (at, size) in slice.sizes.iter().enumerate() {
            if let Some(size) = size.get().filter(|size| self.big_keys.may_take(*size)) {
                self.big_keys.add(slice.slots[at], slice.key(at), size);
            }
        }
    }

    fn count_expiries(&mut self, slice: &BatchSlice<'_>) {
        let mut timed = Selection::default();
        for expiry in slice.expiries {
            timed.next_is(expiry.timestamp().is_some());
        }
        for at in timed.all() {
            if let Some(moment) = slice.expiries[at].timestamp() {
                self.expiries.add(moment, slice.sizes[at].or_zero());
            }
        }
    }

    fn count_tags(&mut self, slice: &BatchSlice<'_>) {
        let mut tagged = [(&[][..], 0); TOGETHER];
        let mut count = 0;
        for at in with_braces(slice.bytes, slice.spans) {
            if let Some(tag) = hash_tag(slice.spans[at].of(slice.bytes)) {
                tagged[count] = (tag, at);
                count += 1;
            }
        }
        for (tag, at) in &tagged[..count] {
            let size = slice.sizes[*at].or_zero();
            self.tags.add(tag, slice.slots[*at], size);
        }
    }

    /// Databases come one after another: one look-up for each.
    fn count_databases(&mut self, slice: &BatchSlice<'_>) {
        let mut sizes = slice.bytes_of_each();
        for same in slice.groups.chunk_by(|one, next| one.db == next.db) {
            let mut count = GroupCount::default();
            for size in sizes.by_ref().take(same.len()) {
                count.add(1, size);
            }
            self.group(same[0].db).add(count.keys, count.bytes);
        }
    }
}
