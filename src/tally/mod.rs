//! Floor 4: what was counted, per slot and over all.
//!
//! A [`Tally`] is what one worker counted. [`Tally::merge`] is associative and
//! commutative, its figures are integers, and what has to be estimated is
//! estimated from samples that don't depend on the order of the keys; so every
//! report is the same for any number of threads.

mod evidence;
mod expiries;
mod histogram;
mod listed;
mod operations;
mod prefixes;
mod run;
mod sample;
mod saved;
mod tags;
mod top;

#[cfg(test)]
mod tests;

pub use evidence::{Cause, Share, Weight};
pub use histogram::Class;
pub use operations::{CommandCount, HotKey, Operations};
pub use prefixes::{MAX_DELIMITER_BYTES, MAX_DEPTH, Prefixes};
pub use run::{InputSummary, MAX_DEFAULT_THREADS, Options, Outcome, Progress, run};
pub use saved::check_place;
pub use top::{BIG_KEYS, Family, Named};

use crate::slot::{SLOT_COUNT, Slot, SlotSet, hash_tag};
use crate::source::{Calls, Command, Encoding, KeyBatch, KeyFacts, KeyKind, KeyRecord, Moment};
use expiries::Expiries;
use histogram::Histogram;
use sample::Samples;
use std::collections::BTreeMap;
use tags::Tags;
use top::Biggest;

/// What was counted in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCount {
    /// How many keys.
    pub keys: u64,
    /// How many bytes the keys with a known size take.
    pub bytes: u64,
    /// How many of the keys expire.
    pub expiring: u64,
}

impl SlotCount {
    fn add(&mut self, other: SlotCount) {
        *self = self.plus(other);
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: SlotCount) -> SlotCount {
        SlotCount {
            keys: self.keys.saturating_add(other.keys),
            bytes: self.bytes.saturating_add(other.bytes),
            expiring: self.expiring.saturating_add(other.expiring),
        }
    }
}

/// What was counted of a type or of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCount {
    /// How many keys.
    pub keys: u64,
    /// How many bytes the keys with a known size take.
    pub bytes: u64,
}

impl GroupCount {
    #[inline]
    fn add(&mut self, keys: u64, bytes: u64) {
        self.keys = self.keys.saturating_add(keys);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

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

/// What was counted in one or more inputs.
#[derive(Clone, Debug)]
pub struct Tally {
    slots: Box<[SlotCount]>,
    kinds: [GroupCount; KeyKind::ALL.len()],
    encodings: [GroupCount; Encoding::ALL.len()],
    key_lengths: Histogram,
    sizes: Histogram,
    expiries: Expiries,
    databases: BTreeMap<u16, GroupCount>,
    unsized_keys: u64,
    biggest: Box<[Option<BigKey>]>,
    big_keys: Biggest,
    tags: Tags,
    samples: Samples,
    /// What logs of MONITOR had, when there were any.
    operations: Option<Box<Operations>>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Tally {
        Tally::with_prefixes(Prefixes::default())
    }

    /// Nothing counted yet; prefixes will be what is said here.
    pub fn with_prefixes(prefixes: Prefixes) -> Tally {
        Tally {
            slots: vec![SlotCount::default(); SLOT_COUNT].into(),
            kinds: Default::default(),
            encodings: Default::default(),
            key_lengths: Histogram::default(),
            sizes: Histogram::default(),
            expiries: Expiries::default(),
            databases: BTreeMap::new(),
            unsized_keys: 0,
            biggest: vec![None; SLOT_COUNT].into(),
            big_keys: Biggest::default(),
            tags: Tags::default(),
            samples: Samples::new(prefixes),
            operations: None,
        }
    }

    /// Counts one key. `place` is any number that no other key of its slot and
    /// input has, such as its row's offset: what is sampled is chosen by slot and
    /// place, so that the same inputs give the same sample however they were read.
    pub fn add(&mut self, record: KeyRecord<'_>, slot: Slot, place: u64) {
        if let Some(command) = record.facts.command {
            let operations = self.operations.get_or_insert_default();
            return operations.add(record.key, slot, command, place);
        }
        self.add_key(record.key, record.facts, slot, place);
        self.group(record.facts.db)
            .add(1, record.facts.size_bytes.unwrap_or(0));
    }

    /// Counts the keys of a batch; `slots` are theirs.
    ///
    /// # Panics
    /// When there are not as many slots as keys.
    pub fn add_batch(&mut self, batch: &KeyBatch, slots: &[Slot]) {
        assert_eq!(batch.len(), slots.len(), "one slot for each key");
        if *batch.calls() != Calls::default() {
            self.add_operations(batch, slots);
            return;
        }
        let mut db = batch.facts().first().map_or(0, |facts| facts.db);
        let mut in_db = GroupCount::default();
        for ((record, slot), place) in batch.records().zip(slots).zip(batch.places()) {
            self.add_key(record.key, record.facts, *slot, place);
            // Databases come in runs: one look-up a run.
            if record.facts.db != db {
                self.group(db).add(in_db.keys, in_db.bytes);
                (db, in_db) = (record.facts.db, GroupCount::default());
            }
            in_db.add(1, record.facts.size_bytes.unwrap_or(0));
        }
        if in_db.keys > 0 {
            self.group(db).add(in_db.keys, in_db.bytes);
        }
    }

    /// Counts a batch of a log of MONITOR; every such batch has a time.
    fn add_operations(&mut self, batch: &KeyBatch, slots: &[Slot]) {
        let operations = self.operations.get_or_insert_default();
        operations.add_calls(batch.calls());
        for ((record, slot), place) in batch.records().zip(slots).zip(batch.places()) {
            let command = record.facts.command.unwrap_or(Command::OTHER);
            operations.add(record.key, *slot, command, place);
        }
    }

    fn group(&mut self, db: u16) -> &mut GroupCount {
        self.databases.entry(db).or_default()
    }

    #[inline]
    fn add_key(&mut self, key: &[u8], facts: KeyFacts, slot: Slot, place: u64) {
        let size = facts.size_bytes.unwrap_or(0);
        let count = &mut self.slots[slot.index()];
        count.keys += 1;
        count.bytes = count.bytes.saturating_add(size);
        count.expiring += u64::from(facts.expires);
        self.kinds[facts.kind as usize].add(1, size);
        self.encodings[facts.encoding as usize].add(1, size);
        self.key_lengths.add(key.len() as u64);
        if let Some(at) = facts.expires_at {
            self.expiries.add(at, size);
        }
        self.unsized_keys += u64::from(facts.size_bytes.is_none());
        if facts.size_bytes.is_some() {
            self.sizes.add(size);
            self.keep_biggest(key, size, slot);
            self.big_keys.add(key, size);
        }
        if self.tags.are_counted()
            && let Some(tag) = hash_tag(key)
        {
            self.tags.add(tag, slot, size);
        }
        self.samples.add(key, slot, size, place);
    }

    #[inline]
    fn keep_biggest(&mut self, key: &[u8], size_bytes: u64, slot: Slot) {
        let biggest = &mut self.biggest[slot.index()];
        match biggest {
            Some(known) if !known.is_beaten_by(size_bytes, key) => {}
            _ => {
                *biggest = Some(BigKey {
                    size_bytes,
                    key: key.into(),
                });
            }
        }
    }

    /// Adds what another worker counted; prefixes must mean the same in both.
    pub fn merge(&mut self, other: Tally) {
        for (mine, theirs) in self.slots.iter_mut().zip(other.slots) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            mine.add(theirs.keys, theirs.bytes);
        }
        for (mine, theirs) in self.encodings.iter_mut().zip(other.encodings) {
            mine.add(theirs.keys, theirs.bytes);
        }
        self.key_lengths.merge(&other.key_lengths);
        self.sizes.merge(&other.sizes);
        self.expiries.merge(other.expiries);
        for (db, theirs) in other.databases {
            self.group(db).add(theirs.keys, theirs.bytes);
        }
        self.unsized_keys = self.unsized_keys.saturating_add(other.unsized_keys);
        for (mine, theirs) in self.biggest.iter_mut().zip(other.biggest) {
            let Some(theirs) = theirs else { continue };
            if mine
                .as_ref()
                .is_none_or(|mine| mine.is_beaten_by(theirs.size_bytes, &theirs.key))
            {
                *mine = Some(theirs);
            }
        }
        self.big_keys.merge(other.big_keys);
        self.tags.merge(other.tags);
        self.samples.merge(other.samples);
        if let Some(theirs) = other.operations {
            self.operations.get_or_insert_default().merge(*theirs);
        }
    }

    /// What was counted in a slot.
    pub fn slot(&self, slot: Slot) -> SlotCount {
        self.slots[slot.index()]
    }

    /// What was counted in all slots.
    pub fn total(&self) -> SlotCount {
        let mut total = SlotCount::default();
        for count in &self.slots {
            total.add(*count);
        }
        total
    }

    /// The slots with keys.
    pub fn used_slots(&self) -> SlotSet {
        Slot::all()
            .filter(|slot| self.slot(*slot).keys > 0)
            .collect()
    }

    /// How many keys have no known size; when these are all keys, nothing is known of bytes.
    pub fn unsized_keys(&self) -> u64 {
        self.unsized_keys
    }

    /// Whether bytes are known at all: some key has a size, or there are no keys.
    pub fn knows_bytes(&self) -> bool {
        self.total().keys == 0 || self.unsized_keys < self.total().keys
    }

    /// The types with keys, in the order of [`KeyKind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = (KeyKind, GroupCount)> + '_ {
        KeyKind::ALL
            .into_iter()
            .map(|kind| (kind, self.kinds[kind as usize]))
            .filter(|(_, count)| count.keys > 0)
    }

    /// The encodings with keys, in the order of [`Encoding::ALL`].
    pub fn encodings(&self) -> impl Iterator<Item = (Encoding, GroupCount)> + '_ {
        Encoding::ALL
            .into_iter()
            .map(|encoding| (encoding, self.encodings[encoding as usize]))
            .filter(|(_, count)| count.keys > 0)
    }

    /// The lengths of keys in bytes, by powers of two.
    pub fn key_lengths(&self) -> impl Iterator<Item = Class> + '_ {
        self.key_lengths.classes()
    }

    /// The sizes of keys in bytes where they are known, by powers of two.
    pub fn sizes(&self) -> impl Iterator<Item = Class> + '_ {
        self.sizes.classes()
    }

    /// When keys expire, where that is known: the beginnings of hours, or of days once there are
    /// too many different hours, ascending; and whether they are hours.
    pub fn expiries(&self) -> (Vec<(Moment, GroupCount)>, bool) {
        (self.expiries.by_time(), self.expiries.are_hours())
    }

    /// What was counted in logs of MONITOR, when there were any.
    pub fn operations(&self) -> Option<&Operations> {
        self.operations.as_deref()
    }

    /// Why these slots are hot by operations, in the order given.
    pub fn operation_causes(&self, slots: &[Slot]) -> Vec<Cause> {
        match &self.operations {
            Some(operations) => operations.causes(slots, self.prefixes()),
            None => vec![Cause::ManyKeys; slots.len()],
        }
    }

    /// What a prefix is in this tally.
    pub fn prefixes(&self) -> Prefixes {
        self.samples.prefixes
    }

    /// The databases with keys, ascending.
    pub fn databases(&self) -> impl Iterator<Item = (u16, GroupCount)> + '_ {
        self.databases.iter().map(|(db, count)| (*db, *count))
    }

    /// The biggest key of a slot, when a size is known.
    pub fn biggest_key(&self, slot: Slot) -> Option<&BigKey> {
        self.biggest[slot.index()].as_ref()
    }
}
