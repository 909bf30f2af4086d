//! Why a slot is hot.

use super::{KeptName, SlotCount, Tally, sample::Sampled};
use crate::slot::{SLOT_COUNT, Slot};
use std::collections::{BTreeMap, HashMap};

/// From which share of a slot on something is its cause.
pub(super) const CAUSE_SHARE: f64 = 0.5;

/// From which share of a slot on a key is nearly all of it: its cause though other keys share its
/// hash tag.
const NEARLY_ALL: f64 = 0.9;

/// How many keys a hash tag or a prefix must have to be more than the name of one key.
pub(super) const FAMILY_KEYS: u64 = 2;

/// How much larger a prefix's share of a slot must be than its share of all:
/// a prefix that is as frequent everywhere explains nothing.
pub(super) const PREFIX_LIFT: f64 = 2.0;

/// A share of a slot, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share.
    pub value: f64,
    /// By how much it may be off, with 95 % confidence; 0 when it was counted.
    pub error: f64,
}

/// What makes a slot hot.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// One key.
    Key {
        /// The key, where its name was kept: of a key without a size it isn't.
        name: Option<KeptName>,
        /// Its share of the slot.
        share: Share,
    },
    /// The keys of one hash tag: they can't be spread without another tag.
    HashTag {
        /// The tag.
        name: KeptName,
        /// Its share of the slot.
        share: Share,
    },
    /// Keys with one prefix, which is much rarer in other slots.
    Prefix {
        /// The key's part up to the first delimiter.
        name: KeptName,
        /// Its share of the slot.
        share: Share,
    },
    /// Many keys that have nothing in common.
    ManyKeys,
}

/// Which of two is the cause: a key that is nearly all; a hash tag of several keys that is more; else
/// the key.
pub(super) fn key_or_tag(
    key: Option<(Option<KeptName>, Share)>,
    tag: Option<(KeptName, Share)>,
) -> Option<Cause> {
    let share_of_key = key.as_ref().map_or(0.0, |(_, share)| share.value);
    match (key, tag) {
        (_, Some((name, share))) if share_of_key < NEARLY_ALL.min(share.value) => {
            Some(Cause::HashTag { name, share })
        }
        (key, _) => key.map(|(name, share)| Cause::Key { name, share }),
    }
}

/// What is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Every key counts one.
    Keys,
    /// Every key counts its size.
    Bytes,
}

/// Where slots are in the list that was asked for.
struct Wanted(Box<[usize]>);

impl Wanted {
    fn new(slots: &[Slot]) -> Wanted {
        let mut places = vec![usize::MAX; SLOT_COUNT];
        for (at, slot) in slots.iter().enumerate() {
            places[slot.index()] = at;
        }
        Wanted(places.into())
    }

    #[inline]
    fn at(&self, slot: Slot) -> Option<usize> {
        Some(self.0[slot.index()]).filter(|at| *at != usize::MAX)
    }
}

impl Tally {
    /// Why these slots are hot, by keys or by bytes, in the order given.
    ///
    /// By keys, the only one of a slot is the cause; by bytes, a key with nine tenths of the slot.
    /// Else it is a hash tag of several keys with half of the slot, and by bytes with more of it
    /// than any one key; else a key with half of the bytes; else a prefix of several keys with half
    /// of the slot that is at least twice as frequent there as over all; else many keys. What is
    /// estimated must be a cause with 95 % confidence.
    pub fn causes(&self, slots: &[Slot], weight: Weight) -> Vec<Cause> {
        let wanted = Wanted::new(slots);
        let mut evidence: Vec<Evidence> = vec![Evidence::default(); slots.len()];
        let (is_complete, prefixes) = self.sampled(&wanted, weight, &mut evidence);
        let exact_tags = self.exact_tags(&wanted, weight);
        slots
            .iter()
            .zip(&evidence)
            .enumerate()
            .map(|(at, (slot, evidence))| {
                let tag = match &exact_tags {
                    Some(tags) => self.tag_share(*slot, weight, tags.get(&at).copied()),
                    None => evidence.tag_share(is_complete),
                };
                key_or_tag(self.key_share(*slot, weight), tag)
                    .or_else(|| evidence.prefix_cause(is_complete, &prefixes))
                    .unwrap_or(Cause::ManyKeys)
            })
            .collect()
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

/// A counted share, when it is large enough to be a cause.
fn counted(units: u64, of: u64) -> Option<Share> {
    let value = units as f64 / of as f64;
    (value >= CAUSE_SHARE).then_some(Share { value, error: 0.0 })
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

    fn tag_share(&self, is_complete: bool) -> Option<(KeptName, Share)> {
        let (name, units) = heaviest(&self.tags)?;
        let share = self.share(units, is_complete)?;
        Some((KeptName::sampled(name), share))
    }

    fn prefix_cause(&self, is_complete: bool, overall: &Evidence<'_>) -> Option<Cause> {
        let (name, units) = heaviest(&self.prefixes)?;
        let share = self.share(units, is_complete)?;
        let everywhere = overall.prefixes.get(name).copied().unwrap_or_default();
        let overall = everywhere.units as f64 / overall.units.max(1) as f64;
        let is_special = share.value >= PREFIX_LIFT * overall;
        is_special.then(|| Cause::Prefix {
            name: KeptName::sampled(name),
            share,
        })
    }

    /// A share of the sample: a cause only when it would be one at its lower bound too.
    fn share(&self, units: u64, is_complete: bool) -> Option<Share> {
        let share = counted(units, self.units)?;
        let share = estimated(share.value, self.keys, is_complete);
        (share.value - share.error >= CAUSE_SHARE).then_some(share)
    }
}

/// A share of a sample of so many keys, with its error: 1.96 standard errors,
/// and at least three keys' worth (the "rule of three" for what no sampled key
/// showed); none when the sample holds everything.
pub(super) fn estimated(value: f64, keys: u64, is_complete: bool) -> Share {
    if is_complete {
        return Share { value, error: 0.0 };
    }
    let keys = keys as f64;
    let error = 1.96 * (value * (1.0 - value) / keys).sqrt();
    Share {
        value,
        error: error.max(3.0 / keys),
    }
}

/// What is weighed of a count.
pub(super) fn units_of(count: SlotCount, weight: Weight) -> u64 {
    match weight {
        Weight::Keys => count.keys,
        Weight::Bytes => count.bytes,
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
