//! Batches of keys, counted in passes.
//!
//! A slot's counts, its biggest key and its tag lie somewhere in tables of some hundred KB. One
//! short pass for each of them lets the processor fetch for many keys at once what isn't in its
//! nearest cache; all at once for one key after another it would wait at each of them.

use super::chosen::{Chosen, TOGETHER};
use super::listed::with_braces;
use super::{GroupCount, Tally};
use crate::slot::{KeySpan, Slot, hash_tag};
use crate::source::{Calls, Encoding, Expiry, Group, KeyBatch, KeyKind, Number};

/// Some keys of a batch.
pub(super) struct Run<'batch> {
    pub(super) bytes: &'batch [u8],
    pub(super) spans: &'batch [KeySpan],
    pub(super) sizes: &'batch [Number],
    pub(super) expiries: &'batch [Expiry],
    pub(super) groups: &'batch [Group],
    pub(super) slots: &'batch [Slot],
}

impl Run<'_> {
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
            let run = Run {
                bytes: batch.bytes(),
                spans: &batch.spans()[these.clone()],
                sizes: &batch.sizes()[these.clone()],
                expiries: &batch.expiries()[these.clone()],
                groups: &batch.groups()[these.clone()],
                slots: &slots[these],
            };
            self.add_run(&run, places.by_ref().take(TOGETHER));
        }
    }

    /// Counts keys; `places` are theirs.
    pub(super) fn add_run(&mut self, run: &Run<'_>, places: impl Iterator<Item = u64>) {
        if self.is_all_unsized && run.sizes.iter().any(|size| size.is_known()) {
            self.tell_unsized_apart();
        }
        let unsized_keys = self.unsized_keys;
        self.count_slots(run);
        self.count_facts(run);
        self.count_big_keys(run);
        self.key_lengths.add(run.spans);
        self.count_expiries(run);
        if self.tags.are_counted() {
            self.count_tags(run);
        }
        if self.unsized_keys > unsized_keys && !self.is_all_unsized {
            self.count_unsized(run);
        }
        self.samples.add_run(run, places);
    }

    /// Counts the keys without a size once more, by everything that keys are counted by.
    #[cold]
    fn count_unsized(&mut self, run: &Run<'_>) {
        let sizes = run.sizes.iter().enumerate();
        for (at, _) in sizes.filter(|(_, size)| !size.is_known()) {
            let group = run.groups[at];
            self.slots.has_unsized(run.slots[at]);
            self.kinds[group.kind as usize].unsized_keys += 1;
            self.encodings[group.encoding as usize].unsized_keys += 1;
            self.group(group.db).unsized_keys += 1;
            if let Some(moment) = run.expiries[at].timestamp() {
                self.expiries.has_unsized(moment);
            }
            if let Some(tag) = hash_tag(run.key(at)).filter(|_| self.tags.are_counted()) {
                self.tags.has_unsized(tag);
            }
        }
    }

    fn count_slots(&mut self, run: &Run<'_>) {
        let mut candidates = Chosen::default();
        self.slots.make_room(run.slots.len());
        let facts = run.sizes.iter().zip(run.expiries);
        for ((size, expiry), slot) in facts.zip(run.slots) {
            let may_be_biggest = self.slots.add(*slot, size.or_zero(), expiry.expires());
            candidates.next_is(size.is_known() & may_be_biggest);
        }
        for at in candidates.all() {
            let size = run.sizes[at].or_zero();
            self.offer_biggest(run.slots[at], run.key(at), size);
        }
    }

    /// Sizes, types, encodings and databases. These counts lie near, and most keys wait
    /// for the one before them, which changes the same: so all are changed in one pass, side by side.
    fn count_facts(&mut self, run: &Run<'_>) {
        let mut pairs = [[GroupCount::default(); Encoding::ALL.len()]; KeyKind::ALL.len()];
        for (size, group) in run.sizes.iter().zip(run.groups) {
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
        let Some(first) = run.groups.first() else {
            return;
        };
        match run.groups.iter().all(|group| group.db == first.db) {
            true => self.group(first.db).add(all.keys, all.bytes),
            false => self.count_databases(run),
        }
    }

    fn count_big_keys(&mut self, run: &Run<'_>) {
        for (at, size) in run.sizes.iter().enumerate() {
            if let Some(size) = size.get().filter(|size| self.big_keys.may_take(*size)) {
                self.big_keys.add(run.slots[at], run.key(at), size);
            }
        }
    }

    fn count_expiries(&mut self, run: &Run<'_>) {
        let mut timed = Chosen::default();
        for expiry in run.expiries {
            timed.next_is(expiry.timestamp().is_some());
        }
        for at in timed.all() {
            if let Some(moment) = run.expiries[at].timestamp() {
                self.expiries.add(moment, run.sizes[at].or_zero());
            }
        }
    }

    fn count_tags(&mut self, run: &Run<'_>) {
        let mut tagged = [(&[][..], 0); TOGETHER];
        let mut count = 0;
        for at in with_braces(run.bytes, run.spans) {
            if let Some(tag) = hash_tag(run.spans[at].of(run.bytes)) {
                tagged[count] = (tag, at);
                count += 1;
            }
        }
        for (tag, at) in &tagged[..count] {
            let size = run.sizes[*at].or_zero();
            self.tags.add(tag, run.slots[*at], size);
        }
    }

    /// Databases come one after another: one look-up for each.
    fn count_databases(&mut self, run: &Run<'_>) {
        let mut sizes = run.bytes_of_each();
        for same in run.groups.chunk_by(|one, next| one.db == next.db) {
            let mut count = GroupCount::default();
            for size in sizes.by_ref().take(same.len()) {
                count.add(1, size);
            }
            self.group(same[0].db).add(count.keys, count.bytes);
        }
    }
}
