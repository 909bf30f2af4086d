//! Floor 4: what was counted, per slot and over all.
//!
//! A [`Tally`] is what one worker counted. [`Tally::merge`] is associative and
//! commutative, its figures are integers, and what has to be estimated is
//! estimated from samples that don't depend on the order of the keys; so every
//! report is the same for any number of threads.

mod batch;
mod biggest;
mod bounds;
mod cause;
mod coverage;
mod evidence;
mod expiries;
mod histogram;
mod hot_slot_names;
mod hours;
mod inputs;
mod kept_name;
mod key_lists;
mod lengths;
mod name;
mod operations;
mod prefixes;
mod sample;
mod saved;
mod selection;
mod share;
mod slots;
mod tags;
mod top;

#[cfg(test)]
mod tests;

pub use biggest::BigKey;
pub use cause::Cause;
pub use coverage::Coverage;
pub use histogram::Class;
pub use inputs::{
    InputSummary, MAX_DEFAULT_THREADS, Options, Outcome, Pass, Progress, SecondPass, count_inputs,
    count_inputs_twice,
};
pub use kept_name::KeptName;
pub use operations::{CommandCount, HotKey, Operations};
pub use prefixes::{MAX_DELIMITER_BYTES, MAX_DEPTH, Prefixes};
pub use saved::check_place;
pub use share::{Share, Weight};
pub use top::{BIG_KEYS, Family, Named};

use crate::slot::{KeySpan, Slot, SlotSet};
use crate::source::{Command, Encoding, Expiry, Group, KeyBatch, KeyKind, KeyRecord, Timestamp};
use biggest::BiggestOfSlots;
use cause::doubtful;
use expiries::Expiries;
use histogram::Histogram;
use hot_slot_names::HotSlotNames;
use lengths::Lengths;
use sample::Samples;
use slots::SlotCounts;
use std::collections::BTreeMap;
use tags::Tags;
use top::Biggest;

/// What was counted in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCount {
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes the keys with a known size take.
    pub bytes: u64,
    /// How many of the keys expire.
    pub expiring: u64,
    /// How many of the keys have no known size: `bytes` is without them.
    pub unsized_keys: u64,
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
            unsized_keys: self.unsized_keys.saturating_add(other.unsized_keys),
        }
    }
}

/// What was counted of a type, of a database, of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCount {
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes the keys with a known size take.
    pub bytes: u64,
    /// How many of the keys have no known size: `bytes` is without them.
    pub unsized_keys: u64,
}

impl GroupCount {
    /// One key.
    #[inline]
    fn of_key(size_bytes: u64) -> GroupCount {
        GroupCount {
            keys: 1,
            bytes: size_bytes,
            unsized_keys: 0,
        }
    }

    /// Adds all of another count.
    #[inline]
    fn join(&mut self, other: GroupCount) {
        *self = self.plus(other);
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: GroupCount) -> GroupCount {
        GroupCount {
            keys: self.keys.saturating_add(other.keys),
            bytes: self.bytes.saturating_add(other.bytes),
            unsized_keys: self.unsized_keys.saturating_add(other.unsized_keys),
        }
    }

    /// Adds keys with a known size.
    #[inline]
    fn add(&mut self, keys: u64, bytes: u64) {
        self.keys = self.keys.saturating_add(keys);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What was counted in one or more inputs.
#[derive(Clone, Debug)]
pub struct Tally {
    slots: SlotCounts,
    kinds: [GroupCount; KeyKind::ALL.len()],
    encodings: [GroupCount; Encoding::ALL.len()],
    key_lengths: Lengths,
    sizes: Histogram,
    expiries: Expiries,
    databases: BTreeMap<u16, GroupCount>,
    unsized_keys: u64,
    /// Whether no key had a size so far. Then the counts have no keys without a size of their own: they
    /// are all keys, and a list of keys isn't counted twice.
    is_all_unsized: bool,
    biggest: BiggestOfSlots,
    big_keys: Biggest,
    tags: Tags,
    samples: Samples,
    coverage: Coverage,
    /// What logs of MONITOR had, when there were any.
    operations: Option<Box<Operations>>,
    /// What is counted of names, in a second look at some slots.
    hot_slot_names: Option<Box<HotSlotNames>>,
    /// A second look at some slots of the same inputs.
    second_pass: Option<Box<Tally>>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

impl Tally {
    /// A tally of nothing, with the default prefixes.
    pub fn new() -> Tally {
        Tally::with_prefixes(Prefixes::default())
    }

    /// Nothing counted yet; prefixes will be what is said here.
    pub fn with_prefixes(prefixes: Prefixes) -> Tally {
        Tally {
            slots: SlotCounts::default(),
            kinds: Default::default(),
            encodings: Default::default(),
            key_lengths: Lengths::default(),
            sizes: Histogram::default(),
            expiries: Expiries::default(),
            databases: BTreeMap::new(),
            unsized_keys: 0,
            is_all_unsized: true,
            biggest: BiggestOfSlots::default(),
            big_keys: Biggest::default(),
            tags: Tags::default(),
            samples: Samples::new(prefixes),
            coverage: Coverage::All,
            operations: None,
            hot_slot_names: None,
            second_pass: None,
        }
    }

    /// An empty tally of another thread, which is to be merged with this one before either is asked:
    /// what one of them has too many of, the other leaves out.
    fn beside(&self) -> Tally {
        Tally {
            samples: self.samples.beside(),
            hot_slot_names: self
                .hot_slot_names
                .as_deref()
                .map(|hot_slot_names| Box::new(hot_slot_names.emptied())),
            ..Tally::with_prefixes(self.prefixes())
        }
    }

    /// The same, for a second look at some slots.
    fn counting_names(self, hot_slot_names: &HotSlotNames) -> Tally {
        Tally {
            hot_slot_names: Some(Box::new(hot_slot_names.emptied())),
            ..self
        }
    }

    /// Counts one key. `place` is any number that no other key of its slot and
    /// input has, such as its row's offset: what is sampled is chosen by slot and
    /// place, so that the same inputs give the same sample however they were read.
    pub fn add(&mut self, record: KeyRecord<'_>, slot: Slot, place: u64) {
        if let Some(hot_slot_names) = &mut self.hot_slot_names {
            hot_slot_names.add(record, slot);
        }
        if let Some(command) = record.facts.command {
            let operations = self.operations.get_or_insert_default();
            return operations.add(record.key, slot, command, place);
        }
        let span = KeySpan {
            start: 0,
            end: record.key.len() as u32,
        };
        let slice = batch::BatchSlice {
            bytes: record.key,
            spans: &[span],
            sizes: &[record.facts.size_bytes.into()],
            expiries: &[Expiry::of(&record.facts)],
            groups: &[Group::of(&record.facts)],
            slots: &[slot],
        };
        self.add_slice(&slice, std::iter::once(place));
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

    /// Keeps one that was kept elsewhere when it is the biggest of its slot so far.
    fn keep_biggest(&mut self, big: BigKey) {
        self.slots.has_key_of(big.slot, big.size_bytes);
        self.biggest.keep(big);
    }

    /// Keeps a key when it is the biggest of its slot so far.
    fn offer_biggest(&mut self, slot: Slot, key: &[u8], size_bytes: u64) {
        self.biggest.offer(slot, key, size_bytes);
        self.slots.has_key_of(slot, size_bytes);
    }

    fn group(&mut self, db: u16) -> &mut GroupCount {
        self.databases.entry(db).or_default()
    }

    /// From now on counts the keys without a size beside the others.
    #[cold]
    fn tell_unsized_apart(&mut self) {
        if !std::mem::replace(&mut self.is_all_unsized, false) {
            return;
        }
        self.slots.all_are_unsized();
        self.expiries.all_are_unsized();
        self.tags.all_are_unsized();
        let groups = self.kinds.iter_mut().chain(&mut self.encodings);
        for count in groups.chain(self.databases.values_mut()) {
            count.unsized_keys = count.keys;
        }
    }

    /// A count with its keys without a size.
    fn with_unsized(&self, count: GroupCount) -> GroupCount {
        if self.is_all_unsized {
            GroupCount {
                unsized_keys: count.keys,
                ..count
            }
        } else {
            count
        }
    }

    /// Adds what another worker counted; prefixes must mean the same in both.
    pub fn merge(&mut self, mut other: Tally) {
        // What was looked at is no longer all that there is.
        self.second_pass = None;
        match (&mut self.hot_slot_names, other.hot_slot_names.take()) {
            (Some(mine), Some(theirs)) => mine.merge(*theirs),
            (mine, theirs) => *mine = mine.take().or(theirs),
        }
        if !(self.is_all_unsized && other.is_all_unsized) {
            self.tell_unsized_apart();
            other.tell_unsized_apart();
        }
        self.slots.merge(other.slots);
        for (mine, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            mine.join(theirs);
        }
        for (mine, theirs) in self.encodings.iter_mut().zip(other.encodings) {
            mine.join(theirs);
        }
        self.key_lengths.merge(&other.key_lengths);
        self.sizes.merge(&other.sizes);
        self.expiries.merge(other.expiries);
        for (db, theirs) in other.databases {
            self.group(db).join(theirs);
        }
        self.unsized_keys = self.unsized_keys.saturating_add(other.unsized_keys);
        self.biggest.merge(other.biggest);
        self.big_keys.merge(other.big_keys);
        self.tags.merge(other.tags);
        self.samples.merge(other.samples);
        self.coverage = std::mem::take(&mut self.coverage).merged(other.coverage);
        if let Some(theirs) = other.operations {
            self.operations.get_or_insert_default().merge(*theirs);
        }
    }

    /// What was counted in a slot.
    pub fn slot(&self, slot: Slot) -> SlotCount {
        let count = self.slots.get(slot);
        if self.is_all_unsized {
            SlotCount {
                unsized_keys: count.keys,
                ..count
            }
        } else {
            count
        }
    }

    /// What was counted in all slots.
    pub fn total(&self) -> SlotCount {
        let mut total = SlotCount::default();
        for count in self.slots.all() {
            total.add(count);
        }
        total.unsized_keys = self.unsized_keys;
        total
    }

    /// Says that only keys of these slots were offered: whoever left the others out knows it.
    pub fn covers_only(&mut self, slots: SlotSet) {
        self.coverage = Coverage::Chosen(slots);
    }

    /// The slots whose keys were counted.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
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
            .map(|kind| (kind, self.with_unsized(self.kinds[kind as usize])))
            .filter(|(_, count)| count.keys > 0)
    }

    /// The encodings with keys, in the order of [`Encoding::ALL`].
    pub fn encodings(&self) -> impl Iterator<Item = (Encoding, GroupCount)> + '_ {
        Encoding::ALL
            .into_iter()
            .map(|encoding| {
                (
                    encoding,
                    self.with_unsized(self.encodings[encoding as usize]),
                )
            })
            .filter(|(_, count)| count.keys > 0)
    }

    /// The lengths of keys in bytes, by powers of two.
    pub fn key_lengths(&self) -> impl Iterator<Item = Class> + '_ {
        self.key_lengths.classes().into_iter()
    }

    /// The sizes of keys in bytes where they are known, by powers of two.
    pub fn sizes(&self) -> impl Iterator<Item = Class> + '_ {
        self.sizes.classes()
    }

    /// When keys expire, where that is known: the beginnings of hours, or of days once there are
    /// too many different hours, ascending; and whether they are hours.
    pub fn expiries(&self) -> (Vec<(Timestamp, GroupCount)>, bool) {
        let times = self.expiries.by_time().into_iter();
        let with_unsized = times.map(|(at, count)| (at, self.with_unsized(count)));
        (with_unsized.collect(), self.expiries.are_hours())
    }

    /// What was counted in logs of MONITOR, when there were any.
    pub fn operations(&self) -> Option<&Operations> {
        self.operations.as_deref()
    }

    /// Why these slots are hot by operations, in the order given.
    pub fn operation_causes(&self, slots: &[Slot]) -> Vec<Cause> {
        match &self.operations {
            Some(operations) => {
                let judged = operations.judged(slots, self.prefixes(), self.second_pass.as_deref());
                judged.into_iter().map(|judged| judged.cause).collect()
            }
            None => vec![Cause::ManyKeys { sampled: None }; slots.len()],
        }
    }

    /// Those of some slots whose causes by operations aren't certain, as [`Tally::doubtful`] tells.
    pub fn doubtful_operations(&self, slots: &[Slot]) -> Vec<Slot> {
        let judged = self.operations.as_deref().map(|operations| {
            operations.judged(slots, self.prefixes(), self.second_pass.as_deref())
        });
        judged.map_or_else(Vec::new, |judged| doubtful(slots, &judged))
    }

    /// What a prefix is in this tally.
    pub fn prefixes(&self) -> Prefixes {
        self.samples.prefixes
    }

    /// The databases with keys, ascending.
    pub fn databases(&self) -> impl Iterator<Item = (u16, GroupCount)> + '_ {
        let databases = self.databases.iter();
        databases.map(|(db, count)| (*db, self.with_unsized(*count)))
    }

    /// The biggest key of a slot, when a size is known.
    pub fn biggest_key(&self, slot: Slot) -> Option<&BigKey> {
        self.biggest.get(slot)
    }
}
