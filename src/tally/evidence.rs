//! Finds the cause of hot slots: what counts and samples say of their keys.

use super::cause::{Cause, Judged, doubtful, judge_lift};
use super::hot_slot_names::{DominantName, HotSlotNames, NamesOf};
use super::sample::Sampled;
use super::share::{CAUSE_SHARE, FAMILY_KEYS, Share, Weight, counted, estimated, units_of};
use super::{KeptName, Tally};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::{BTreeMap, HashMap};

/// Where slots are in the list that was asked for.
struct Wanted {
    places: Box<[usize]>,
    count: usize,
}

impl Wanted {
    fn new(slots: &[Slot]) -> Wanted {
        let mut places = vec![usize::MAX; SLOT_COUNT];
        for (at, slot) in slots.iter().enumerate() {
            places[slot.index()] = at;
        }
        Wanted {
            places: places.into(),
            count: slots.len(),
        }
    }

    #[inline]
    fn at(&self, slot: Slot) -> Option<usize> {
        Some(self.places[slot.index()]).filter(|at| *at != usize::MAX)
    }
}

impl Tally {
    /// Why these slots are hot, by keys or by bytes, in the order given.
    ///
    /// By keys, the only one of a slot is the cause; by bytes, a key with nine tenths of the slot.
    /// Else it is a hash tag of several keys with half of the slot, and by bytes with more of it
    /// than any one key; else a key with half of the bytes; else a prefix of several keys with half
    /// of the slot that is at least twice as frequent there as over all; else many keys. What is
    /// estimated must be a cause with 95 % confidence. Slots that were
    /// [read twice](super::count_inputs_twice) are told by what was counted then.
    pub fn causes(&self, slots: &[Slot], weight: Weight) -> Vec<Cause> {
        let judged = self.judged(slots, weight).into_iter();
        judged.map(|judged| judged.cause).collect()
    }

    /// Those of some slots whose causes aren't certain, by keys or by bytes: a sample doesn't show whether
    /// there is another one.
    pub fn doubtful(&self, slots: &[Slot], weight: Weight) -> Vec<Slot> {
        doubtful(slots, &self.judged(slots, weight))
    }

    fn judged(&self, slots: &[Slot], weight: Weight) -> Vec<Judged> {
        if slots.is_empty() {
            return Vec::new();
        }
        let wanted = Wanted::new(slots);
        let (once, everywhere) = Known::of(self, &wanted, weight);
        let again = self.second_pass.as_deref();
        let again = again.map(|tally| (tally, Known::of(tally, &wanted, weight).0));
        let each = slots.iter().enumerate();
        each.map(|(at, slot)| {
            let again = again
                .as_ref()
                .filter(|(tally, _)| tally.counts_names_in(*slot));
            let hot_slot_names = again.and_then(|(tally, _)| tally.hot_slot_names.as_deref());
            let known = again.map_or(&once, |(_, known)| known);
            let counted_tag = once.counted_tag(self, *slot, at, weight);
            let counted_tag = counted_tag.or_else(|| known.counted_tag(self, *slot, at, weight));
            let count = self.slot(*slot);
            let named = |of| {
                hot_slot_names.map(|hot_slot_names| hot_slot_names.family(*slot, of, weight, count))
            };
            let tag =
                counted_tag.unwrap_or_else(|| known.tag(at).unless_sure(named(NamesOf::Tags)));
            let prefix = known.prefix(at).unless_sure(named(NamesOf::Prefixes));
            let prefix = everywhere.judge_prefix(prefix, once.is_complete);
            Judged::new(
                self.key_share(*slot, weight),
                tag,
                prefix,
                known.evidence[at].keys,
            )
        })
        .collect()
    }

    /// Whether this is a second look, and at this slot.
    fn counts_names_in(&self, slot: Slot) -> bool {
        let hot_slot_names = self.hot_slot_names.as_deref();
        hot_slot_names.is_some_and(|hot_slot_names| hot_slot_names.has(slot))
    }

    /// What to count in a second look at some slots: the names that the samples show there.
    pub(super) fn names_to_count(&self, slots: &SlotSet) -> HotSlotNames {
        let mut hot_slot_names = HotSlotNames::new(slots, self.prefixes());
        let listed: Vec<Slot> = slots.iter().collect();
        let wanted = Wanted::new(&listed);
        for weight in [Weight::Keys, Weight::Bytes] {
            let (known, _) = Known::of(self, &wanted, weight);
            for (slot, evidence) in listed.iter().zip(&known.evidence) {
                hot_slot_names.await_names(*slot, NamesOf::Tags, by_units(&evidence.tags));
                hot_slot_names.await_names(*slot, NamesOf::Prefixes, by_units(&evidence.prefixes));
            }
        }
        if let Some(operations) = &self.operations {
            operations.await_names(&mut hot_slot_names);
        }
        hot_slot_names
    }

    /// How many pairs of keys are in one slot because they have one hash tag, each pair both ways
    /// round: counted, or estimated from the sample by keys.
    pub fn pairs_of_tags(&self) -> f64 {
        let pairs = |keys: u64| u128::from(keys) * u128::from(keys.saturating_sub(1));
        if let Some(tags) = self.tags.all() {
            let of_tags = tags.map(|(_, _, count)| pairs(count.keys));
            return of_tags.fold(0, u128::saturating_add) as f64;
        }
        let mut tags: HashMap<(Slot, &[u8]), u64> = HashMap::new();
        let mut keys = 0;
        for (sampled, _) in self.samples.weighed(Weight::Keys).1 {
            keys += 1;
            if let Some(tag) = &sampled.tag {
                *tags.entry((sampled.slot, tag)).or_default() += 1;
            }
        }
        let of_tags: u128 = tags.into_values().map(pairs).sum();
        let every = pairs(self.total().keys) as f64 / pairs(keys).max(1) as f64;
        of_tags as f64 * every
    }

    /// Gathers the sampled keys of the wanted slots, and the prefixes of all.
    fn sampled<'tally>(
        &'tally self,
        wanted: &Wanted,
        weight: Weight,
        evidence: &mut [Evidence<'tally>],
    ) -> (bool, Evidence<'tally>) {
        let (is_complete, sampled) = self.samples.weighed(weight);
        let mut overall = Evidence::default();
        for (sampled, units) in sampled {
            let prefix = sampled.prefix.as_deref();
            let prefix = prefix.and_then(|longest| self.samples.prefixes.levels(longest).next());
            overall.add_prefix(prefix, units);
            if let Some(at) = wanted.at(sampled.slot) {
                evidence[at].add_prefix(prefix, units);
                evidence[at].add_tag(sampled, units);
            }
        }
        (is_complete, overall)
    }

    /// The heaviest tag of several keys in each wanted slot, where tags were counted.
    fn exact_tags(&self, wanted: &Wanted, weight: Weight) -> Option<HashMap<usize, (&[u8], u64)>> {
        let mut heaviest: HashMap<usize, (&[u8], u64)> = HashMap::new();
        let of_several = self
            .tags
            .all()?
            .filter(|(.., count)| count.keys >= FAMILY_KEYS);
        for (tag, slot, count) in of_several {
            let Some(at) = wanted.at(slot) else {
                continue;
            };
            let units = match weight {
                Weight::Keys => count.keys,
                Weight::Bytes => count.bytes,
            };
            let best = heaviest.entry(at).or_insert((tag, units));
            if units > best.1 || (units == best.1 && tag < best.0) {
                *best = (tag, units);
            }
        }
        Some(heaviest)
    }

    /// The key that may be the cause, with its share.
    fn key_share(&self, slot: Slot, weight: Weight) -> Option<(Option<KeptName>, Share)> {
        let biggest = self.biggest_key(slot);
        let share = match (weight, self.slot(slot).keys) {
            (Weight::Keys, 1) => counted(1, 1)?,
            (Weight::Keys, _) => return None,
            (Weight::Bytes, _) => counted(biggest?.size_bytes, self.slot(slot).bytes)?,
        };
        Some((biggest.map(KeptName::from), share))
    }

    fn tag_share(
        &self,
        slot: Slot,
        weight: Weight,
        tag: Option<(&[u8], u64)>,
    ) -> Option<(KeptName, Share)> {
        let (name, units) = tag?;
        let share = counted(units, units_of(self.slot(slot), weight))?;
        Some((KeptName::whole(name), share))
    }
}

/// What one pass over the keys shows of some slots.
struct Known<'tally> {
    /// Whether the sample holds every key.
    is_complete: bool,
    /// The sampled keys of each slot.
    evidence: Vec<Evidence<'tally>>,
    /// The heaviest tag of each slot, where tags were counted.
    counted_tags: Option<HashMap<usize, (&'tally [u8], u64)>>,
}

impl<'tally> Known<'tally> {
    /// What a tally shows of the wanted slots, and its sampled prefixes everywhere.
    fn of(
        tally: &'tally Tally,
        wanted: &Wanted,
        weight: Weight,
    ) -> (Known<'tally>, Evidence<'tally>) {
        let mut evidence = vec![Evidence::default(); wanted.count];
        let (is_complete, everywhere) = tally.sampled(wanted, weight, &mut evidence);
        let known = Known {
            is_complete,
            evidence,
            counted_tags: tally.exact_tags(wanted, weight),
        };
        (known, everywhere)
    }

    /// The tag that may be the cause, where tags were counted; `tally` has all keys of the slot.
    fn counted_tag(
        &self,
        tally: &Tally,
        slot: Slot,
        at: usize,
        weight: Weight,
    ) -> Option<DominantName> {
        let tags = self.counted_tags.as_ref()?;
        Some(DominantName {
            found: tally.tag_share(slot, weight, tags.get(&at).copied()),
            is_sure: true,
        })
    }

    fn tag(&self, at: usize) -> DominantName {
        self.sampled(at, &self.evidence[at].tags)
    }

    fn prefix(&self, at: usize) -> DominantName {
        self.sampled(at, &self.evidence[at].prefixes)
    }

    fn sampled(&self, at: usize, names: &BTreeMap<&[u8], Members>) -> DominantName {
        let heaviest = heaviest(names);
        let found = heaviest.and_then(|(name, units)| {
            let share = self.evidence[at].share(units, self.is_complete)?;
            Some((KeptName::sampled(name), share))
        });
        DominantName {
            found,
            is_sure: self.is_complete,
        }
    }
}

/// How much names have.
fn by_units<'names>(
    names: &'names BTreeMap<&'names [u8], Members>,
) -> impl Iterator<Item = (&'names [u8], u64)> {
    names.iter().map(|(name, members)| (*name, members.units))
}

/// Sampled keys, of one slot or of all.
#[derive(Clone, Debug, Default)]
struct Evidence<'tally> {
    keys: u64,
    units: u64,
    tags: BTreeMap<&'tally [u8], Members>,
    prefixes: BTreeMap<&'tally [u8], Members>,
}

/// Sampled keys with one name.
#[derive(Clone, Copy, Debug, Default)]
struct Members {
    keys: u64,
    units: u64,
}

impl Members {
    fn add(&mut self, units: u64) {
        self.keys += 1;
        self.units = self.units.saturating_add(units);
    }
}

impl<'tally> Evidence<'tally> {
    fn add_prefix(&mut self, prefix: Option<&'tally [u8]>, units: u64) {
        self.keys += 1;
        self.units = self.units.saturating_add(units);
        if let Some(prefix) = prefix {
            self.prefixes.entry(prefix).or_default().add(units);
        }
    }

    fn add_tag(&mut self, sampled: &'tally Sampled, units: u64) {
        if let Some(tag) = &sampled.tag {
            self.tags.entry(tag).or_default().add(units);
        }
    }

    /// Whether a prefix that is heavy in a slot explains it: one that is as frequent everywhere doesn't.
    /// `self` are the sampled keys of all slots.
    fn judge_prefix(&self, prefix: DominantName, is_complete: bool) -> DominantName {
        let Some((name, share)) = &prefix.found else {
            return prefix;
        };
        // A cut name is looked up as it was cut.
        let members = self.prefixes.get(&*name.bytes).copied().unwrap_or_default();
        let value = members.units as f64 / self.units.max(1) as f64;
        let overall = estimated(value, self.keys.max(1), is_complete);
        judge_lift(*share, overall, prefix)
    }

    /// A share of the sample: a cause only when it would be one at its lower bound too.
    fn share(&self, units: u64, is_complete: bool) -> Option<Share> {
        let share = counted(units, self.units)?;
        let share = estimated(share.value, self.keys, is_complete);
        (share.value - share.error >= CAUSE_SHARE).then_some(share)
    }
}

/// The heaviest of the names of several keys; of equals the one that sorts first.
fn heaviest<'tally>(names: &BTreeMap<&'tally [u8], Members>) -> Option<(&'tally [u8], u64)> {
    names
        .iter()
        .filter(|(_, members)| members.keys >= FAMILY_KEYS)
        .map(|(name, members)| (*name, members.units))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}
