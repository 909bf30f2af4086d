//! Batches of keys, counted in passes.
//!
//! A slot's counts, its biggest key and its tag lie somewhere in tables of some hundred KB. One
//! short pass for each of them lets the processor fetch for many keys at once what isn't in its
//! nearest cache; all at once for one key after another it would wait at each of them.

use super::listed::with_braces;
use super::{GroupCount, Tally};
use crate::slot::{KeySpan, Slot, hash_tag};
use crate::source::{Calls, KeyBatch, KeyFacts};

/// How many keys are counted together: what is known of them stays in the nearest cache.
const TOGETHER: usize = 256;

/// Some keys of a batch.
pub(super) struct Run<'batch> {
    pub(super) bytes: &'batch [u8],
    pub(super) spans: &'batch [KeySpan],
    pub(super) facts: &'batch [KeyFacts],
    pub(super) slots: &'batch [Slot],
}

impl Run<'_> {
    /// Each key with what is known of it and its slot.
    #[inline]
    fn keys(&self) -> impl Iterator<Item = (&[u8], &KeyFacts, Slot)> {
        let keys = self.spans.iter().map(|span| span.of(self.bytes));
        keys.zip(self.facts)
            .zip(self.slots)
            .map(|((key, facts), slot)| (key, facts, *slot))
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
        let spans = batch.spans().chunks(TOGETHER);
        let facts = batch.facts().chunks(TOGETHER);
        for ((spans, facts), slots) in spans.zip(facts).zip(slots.chunks(TOGETHER)) {
            let run = Run {
                bytes: batch.bytes(),
                spans,
                facts,
                slots,
            };
            self.add_run(&run, places.by_ref().take(TOGETHER));
        }
    }

    /// Counts keys; `places` are theirs.
    pub(super) fn add_run(&mut self, run: &Run<'_>, places: impl Iterator<Item = u64>) {
        self.count_slots(run);
        self.count_groups(run);
        self.count_databases(run.facts);
        if self.tags.are_counted() {
            self.count_tags(run);
        }
        for ((key, facts, slot), place) in run.keys().zip(places) {
            let size = facts.size_bytes.unwrap_or(0);
            self.samples.add(key, slot, size, place);
        }
    }

    fn count_slots(&mut self, run: &Run<'_>) {
        let mut candidates = [0_u16; TOGETHER];
        let mut count = 0;
        for (at, (facts, slot)) in run.facts.iter().zip(run.slots).enumerate() {
            let size = facts.size_bytes.unwrap_or(0);
            let counted = &mut self.slots[slot.index()];
            counted.keys += 1;
            counted.bytes = counted.bytes.saturating_add(size);
            counted.expiring += u64::from(facts.expires);
            // Written always and kept seldom: no branch has to be guessed.
            candidates[count] = at as u16;
            let is_candidate = facts.size_bytes.is_some() & self.biggest.may_take(*slot, size);
            count += usize::from(is_candidate);
        }
        for at in &candidates[..count] {
            let at = usize::from(*at);
            let key = run.spans[at].of(run.bytes);
            let size = run.facts[at].size_bytes.unwrap_or(0);
            self.biggest.offer(run.slots[at], key, size);
        }
    }

    fn count_groups(&mut self, run: &Run<'_>) {
        for (key, facts, _) in run.keys() {
            let size = facts.size_bytes.unwrap_or(0);
            self.kinds[facts.kind as usize].add(1, size);
            self.encodings[facts.encoding as usize].add(1, size);
            self.key_lengths.add(key.len() as u64);
            match facts.size_bytes {
                Some(size) => {
                    self.sizes.add(size);
                    self.big_keys.add(key, size);
                }
                None => self.unsized_keys += 1,
            }
            if let Some(at) = facts.expires_at {
                self.expiries.add(at, size);
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
            let size = run.facts[*at].size_bytes.unwrap_or(0);
            self.tags.add(tag, run.slots[*at], size);
        }
    }

    /// Databases come in runs: one look-up a run.
    fn count_databases(&mut self, facts: &[KeyFacts]) {
        for run in facts.chunk_by(|one, next| one.db == next.db) {
            let mut count = GroupCount::default();
            for facts in run {
                count.add(1, facts.size_bytes.unwrap_or(0));
            }
            self.group(run[0].db).add(count.keys, count.bytes);
        }
    }
}
