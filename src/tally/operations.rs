//! Operations on keys, from logs of MONITOR: per slot, per command, and the hottest keys.
//!
//! Slots and commands are counted. Keys are too many for that: a sample of a bounded number of
//! operations is kept, each with the same chance, chosen by slot and place only (bottom-k, as in
//! [`super::sample`]), so that it is the same for any order and any division of the input. While
//! it holds every operation its figures are exact.

use super::bounds::{ListSample, SampledUnits, Strictness, error_units};
use super::cause::{Judged, judge_lift};
use super::hot_slot_names::{DominantName, HotSlotNames, NamesOf};
use super::sample::{NAME_BYTES, mixed};
use super::share::{CAUSE_SHARE, FAMILY_KEYS, estimated};
use super::{KeptName, Prefixes, Share, Tally};
use crate::slot::{SLOT_COUNT, Slot, hash_tag};
use crate::source::{Calls, Command, joined_spans};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How many operations are sampled.
pub(super) const SAMPLED: usize = 16_384;

/// An operation of the sample: its order (the smaller, the sooner it is kept), slot and key,
/// which is cut to 256 bytes.
pub(super) type Sampled = (u64, Slot, Box<[u8]>);

/// What was counted of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCount {
    /// Its operations on keys.
    pub operations: u64,
    /// Its calls without a key.
    pub keyless: u64,
}

/// A key with many operations.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// The key; a longer one than 256 bytes is cut.
    pub key: KeptName,
    /// The slot of the key.
    pub slot: Slot,
    /// How many operations: counted, or estimated from the sample.
    pub operations: u64,
    /// By how many these may be off, with 95 % confidence for all that are listed together; 0 when
    /// they were counted.
    pub error_operations: u64,
    /// Their share of all operations, with its error for all that are listed together.
    pub share: Share,
}

/// What was counted in logs of MONITOR.
#[derive(Clone, Debug)]
pub struct Operations {
    pub(super) slots: Box<[u64]>,
    pub(super) commands: Box<[CommandCount]>,
    pub(super) scripted: u64,
    pub(super) span_us: Option<(u64, u64)>,
    total: u64,
    /// At most twice as many as are kept; cut down when it is full.
    sample: Vec<Sampled>,
    /// Operations of a greater order aren't among those that are kept.
    limit: u64,
}

impl Default for Operations {
    fn default() -> Operations {
        Operations {
            slots: vec![0; SLOT_COUNT].into(),
            commands: vec![CommandCount::default(); Command::COUNT].into(),
            scripted: 0,
            span_us: None,
            total: 0,
            sample: Vec::new(),
            limit: u64::MAX,
        }
    }
}

impl Operations {
    /// Counts an operation; `place` is its own in its slot and input.
    pub(super) fn add(&mut self, key: &[u8], slot: Slot, command: Command, place: u64) {
        let count = &mut self.commands[command.index()].operations;
        *count = count.saturating_add(1);
        self.count(slot, 1);
        let order = mixed(place.wrapping_add(u64::from(slot.number()) << 50));
        if order <= self.limit {
            let key = &key[..key.len().min(NAME_BYTES)];
            self.keep((order, slot, key.into()));
        }
    }

    /// Counts operations in a slot.
    pub(super) fn count(&mut self, slot: Slot, operations: u64) {
        let count = &mut self.slots[slot.index()];
        *count = count.saturating_add(operations);
        self.total = self.total.saturating_add(operations);
    }

    /// Counts what a log has besides keys.
    pub(super) fn add_calls(&mut self, calls: &Calls) {
        for command in &calls.keyless {
            let count = &mut self.commands[command.index()].keyless;
            *count = count.saturating_add(1);
        }
        self.scripted = self.scripted.saturating_add(calls.scripted);
        self.span_us = joined_spans(self.span_us, calls.span_us);
    }

    pub(super) fn keep(&mut self, sampled: Sampled) {
        self.sample.push(sampled);
        if self.sample.len() == 2 * SAMPLED {
            self.cut();
        }
    }

    /// Keeps the operations with the smallest orders.
    fn cut(&mut self) {
        if self.sample.len() > SAMPLED {
            let (_, last, _) = self.sample.select_nth_unstable(SAMPLED - 1);
            self.limit = last.0;
            self.sample.truncate(SAMPLED);
        }
    }

    pub(super) fn merge(&mut self, other: Operations) {
        for (mine, theirs) in self.slots.iter_mut().zip(other.slots) {
            *mine = mine.saturating_add(theirs);
        }
        self.total = self.total.saturating_add(other.total);
        for (mine, theirs) in self.commands.iter_mut().zip(other.commands) {
            mine.operations = mine.operations.saturating_add(theirs.operations);
            mine.keyless = mine.keyless.saturating_add(theirs.keyless);
        }
        self.scripted = self.scripted.saturating_add(other.scripted);
        self.span_us = joined_spans(self.span_us, other.span_us);
        for sampled in other.sample {
            self.keep(sampled);
        }
    }

    /// The sampled operations, first kept first: the same for the same operations in any order.
    pub(super) fn sorted(&self) -> Vec<&Sampled> {
        let mut sampled: Vec<&Sampled> = self.sample.iter().collect();
        sampled.sort_unstable();
        sampled.truncate(SAMPLED);
        sampled
    }

    /// How many operations on keys were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The operations in a slot.
    pub fn slot(&self, slot: Slot) -> u64 {
        self.slots[slot.index()]
    }

    /// How many commands scripts ran; they aren't among the operations.
    pub fn scripted(&self) -> u64 {
        self.scripted
    }

    /// The times of the first and the last command, in microseconds since 1970.
    pub fn span_us(&self) -> Option<(u64, u64)> {
        self.span_us
    }

    /// The commands that were called, by operations and calls without a key together, most first, of
    /// equals by name.
    pub fn commands(&self) -> Vec<(Command, CommandCount)> {
        let mut called: Vec<_> = Command::all()
            .map(|command| (command, self.commands[command.index()]))
            .filter(|(_, count)| count.operations > 0 || count.keyless > 0)
            .collect();
        called.sort_by_key(|(command, count)| {
            let both = count.operations.saturating_add(count.keyless);
            (Reverse(both), command.name())
        });
        called
    }

    /// Whether the sample holds every operation.
    fn is_complete(&self) -> bool {
        self.total <= SAMPLED as u64
    }

    /// The keys with the most operations, of equals the one that sorts first. Estimates are left
    /// out where they may be off by as much as they are.
    pub fn hot_keys(&self, top: usize) -> Vec<HotKey> {
        let sampled = self.sorted();
        let mut keys: BTreeMap<&[u8], (Slot, SampledUnits)> = BTreeMap::new();
        let mut all = SampledUnits::default();
        for (_, slot, key) in &sampled {
            let of_key = keys.entry(key).or_insert((*slot, SampledUnits::default()));
            of_key.1.add_one();
            all.add_one();
        }
        let listed = ListSample {
            is_complete: self.is_complete(),
            all,
            total: self.total,
            threshold: None,
            strictness: Strictness::together(keys.len()),
        };
        let hot = keys.into_iter().filter_map(|(key, (slot, seen))| {
            let share = listed.share(seen)?;
            Some(HotKey {
                key: KeptName::sampled(key),
                slot,
                operations: listed.units(seen, share),
                error_operations: error_units(share, self.total),
                share,
            })
        });
        let mut hot: Vec<HotKey> = hot.collect();
        // The sort is stable and the keys are sorted.
        hot.sort_by_key(|hot| Reverse(hot.operations));
        hot.truncate(top);
        hot
    }

    /// Why these slots are hot, in the order given: as [`super::Tally::causes`] does for keys.
    /// `second_pass` is a second look at some of them.
    pub(super) fn judged(
        &self,
        slots: &[Slot],
        prefixes: Prefixes,
        second_pass: Option<&Tally>,
    ) -> Vec<Judged> {
        let once = self.sorted();
        let again = second_pass.and_then(|second_pass| {
            Some((
                second_pass.hot_slot_names.as_deref()?,
                second_pass.operations()?,
            ))
        });
        let again = again
            .map(|(hot_slot_names, operations)| (hot_slot_names, operations, operations.sorted()));
        let mut everywhere: BTreeMap<&[u8], u64> = BTreeMap::new();
        for prefix in once.iter().filter_map(|(_, _, key)| prefixes.first(key)) {
            *everywhere.entry(prefix).or_default() += 1;
        }
        let judge = |slot: &Slot| {
            let again = again
                .as_ref()
                .filter(|(hot_slot_names, ..)| hot_slot_names.has(*slot));
            let (sampled, is_complete) = match again {
                Some((_, operations, sampled)) => (sampled, operations.is_complete()),
                None => (&once, self.is_complete()),
            };
            let slot_names = sampled.iter().filter(|(_, of, _)| of == slot);
            let slot_names = SlotNames {
                keys: slot_names.map(|(_, _, key)| &**key).collect(),
                is_complete,
            };
            let counted = |of| {
                again.map(|(hot_slot_names, ..)| hot_slot_names.called(*slot, of, self.slot(*slot)))
            };
            let key = slot_names.heaviest(1, Some);
            let key = key.unless_sure(counted(NamesOf::CalledKeys));
            let tag = slot_names.heaviest(FAMILY_KEYS, hash_tag);
            let tag = tag.unless_sure(counted(NamesOf::CalledTags));
            let prefix = slot_names.heaviest(FAMILY_KEYS, |key| prefixes.first(key));
            let prefix = prefix.unless_sure(counted(NamesOf::CalledPrefixes));
            let prefix = match &prefix.found {
                Some((name, share)) => {
                    let operations = everywhere.get(&*name.bytes).copied().unwrap_or(0);
                    let value = operations as f64 / once.len() as f64;
                    let overall = estimated(value, once.len() as u64, self.is_complete());
                    judge_lift(*share, overall, prefix)
                }
                None => prefix,
            };
            let is_key_sure = key.is_sure;
            let key = key.found.map(|(name, share)| (Some(name), share));
            let tag = DominantName {
                is_sure: tag.is_sure && is_key_sure,
                ..tag
            };
            Judged::new(key, tag, prefix, slot_names.keys.len() as u64)
        };
        slots.iter().map(judge).collect()
    }

    /// Tells what to count in a second look: the keys that the sample shows, and what they have in common.
    pub(super) fn await_names(&self, hot_slot_names: &mut HotSlotNames) {
        let mut slots: BTreeMap<Slot, Vec<&[u8]>> = BTreeMap::new();
        for (_, slot, key) in self.sorted() {
            slots.entry(*slot).or_default().push(key);
        }
        let prefixes = hot_slot_names.prefixes();
        for (slot, keys) in slots {
            let mut await_names = |of, name_of: &dyn Fn(&'_ [u8]) -> Option<&'_ [u8]>| {
                let mut names: BTreeMap<&[u8], u64> = BTreeMap::new();
                for name in keys.iter().filter_map(|key| name_of(key)) {
                    *names.entry(name).or_default() += 1;
                }
                hot_slot_names.await_names(slot, of, names.into_iter());
            };
            await_names(NamesOf::CalledKeys, &|key| Some(key));
            await_names(NamesOf::CalledTags, &|key| hash_tag(key));
            await_names(NamesOf::CalledPrefixes, &|key| prefixes.first(key));
        }
    }
}

/// The sampled operations of a slot: the keys that they were on.
struct SlotNames<'run> {
    keys: Vec<&'run [u8]>,
    is_complete: bool,
}

impl<'run> SlotNames<'run> {
    /// The name that most operations have, of equals the one that sorts first: when it is that of so
    /// many keys, and so much of the slot that it may be the cause.
    fn heaviest(
        &self,
        least_keys: u64,
        name_of: impl Fn(&'run [u8]) -> Option<&'run [u8]>,
    ) -> DominantName {
        let found = self.heavy(least_keys, name_of);
        DominantName {
            found,
            is_sure: self.is_complete,
        }
    }

    fn heavy(
        &self,
        least_keys: u64,
        name_of: impl Fn(&'run [u8]) -> Option<&'run [u8]>,
    ) -> Option<(KeptName, Share)> {
        let mut names: BTreeMap<&[u8], (BTreeSet<&[u8]>, u64)> = BTreeMap::new();
        for key in &self.keys {
            if let Some(name) = name_of(key) {
                let (keys, operations) = names.entry(name).or_default();
                keys.insert(key);
                *operations += 1;
            }
        }
        let (name, operations) = names
            .into_iter()
            .filter(|(_, (keys, _))| keys.len() as u64 >= least_keys)
            .map(|(name, (_, operations))| (name, operations))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let value = operations as f64 / self.keys.len() as f64;
        let share = estimated(value, self.keys.len() as u64, self.is_complete);
        (share.value - share.error >= CAUSE_SHARE).then(|| (KeptName::sampled(name), share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Cause;

    fn causes(operations: &Operations, slots: &[Slot]) -> Vec<Cause> {
        let judged = operations.judged(slots, Prefixes::default(), None);
        judged.into_iter().map(|judged| judged.cause).collect()
    }

    /// Operations of which a quarter are on one key, more than a sample holds.
    fn count(part: impl Fn(u64) -> bool) -> Operations {
        let mut operations = Operations::default();
        for place in (0..60_000u64).filter(|place| part(*place)) {
            let key = match place % 4 {
                0 => "hot".to_owned(),
                _ => format!("k:{place}"),
            };
            let command = Command::from_name(if place % 3 == 0 { b"get" } else { b"set" });
            operations.add(
                key.as_bytes(),
                Slot::for_key(key.as_bytes()),
                command,
                place,
            );
        }
        operations
    }

    #[test]
    fn any_division_gives_the_same() {
        let shown = |operations: &Operations| {
            let hot = [Slot::for_key(b"hot"), Slot::for_key(b"k:1")];
            format!(
                "{:?} {:?} {:?} {:?} {:?}",
                operations.slots,
                operations.commands(),
                operations.sorted(),
                operations.hot_keys(20),
                causes(operations, &hot)
            )
        };
        let whole = count(|_| true);
        let mut merged = count(|place| place % 7 == 3);
        merged.merge(count(|place| place % 7 > 3));
        merged.merge(count(|place| place % 7 < 3));
        assert_eq!(shown(&merged), shown(&whole));
        let [hot] = &whole.hot_keys(1)[..] else {
            panic!("one")
        };
        assert_eq!(&*hot.key, b"hot");
        assert!((hot.share.value - 0.25).abs() <= hot.share.error, "{hot:?}");
        let causes = causes(&whole, &[hot.slot]);
        assert!(matches!(&causes[0], Cause::Key { name: Some(name), .. } if &**name == b"hot"));
    }

    #[test]
    fn a_tag_of_several_keys_is_a_cause_before_a_part_of_them() {
        let cause = |keys: &[(&str, u64)]| {
            let mut operations = Operations::default();
            let each = keys
                .iter()
                .flat_map(|(key, count)| (0..*count).map(move |_| key));
            for (place, key) in (0..).zip(each) {
                let slot = Slot::for_key(key.as_bytes());
                operations.add(key.as_bytes(), slot, Command::from_name(b"get"), place);
            }
            let slot = Slot::for_key(keys[0].0.as_bytes());
            causes(&operations, &[slot]).remove(0)
        };
        let is_tag = |cause| matches!(cause, Cause::HashTag { name, .. } if &*name == b"tag");
        let is_key =
            |cause| matches!(cause, Cause::Key { name: Some(name), .. } if &*name == b"{tag}1");
        assert!(is_tag(cause(&[("{tag}1", 5), ("{tag}2", 5)])));
        assert!(is_tag(cause(&[("{tag}1", 80), ("{tag}2", 20)])));
        assert!(is_key(cause(&[("{tag}1", 95), ("{tag}2", 5)])));
        assert!(is_key(cause(&[("{tag}1", 80), ("tag", 20)])));
    }
}
