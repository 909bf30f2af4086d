//! Why a slot is hot.

use super::{SlotCount, Tally, sample::Sampled};
use crate::slot::{SLOT_COUNT, Slot};
use std::collections::{BTreeMap, HashMap};

/// From which share of a slot on something is its cause.
pub(super) const CAUSE_SHARE: f64 = 0.5;

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
        /// The key.
        name: Box<[u8]>,
        /// Its share of the slot.
        share: Share,
    },
    /// The keys of one hash tag: they can't be spread without another tag.
    HashTag {
        /// The tag.
        name: Box<[u8]>,
        /// Its share of the slot.
        share: Share,
    },
    /// Keys with one prefix, which is much rarer in other slots.
    Prefix {
        /// The key's part up to the first delimiter.
        name: Box<[u8]>,
        /// Its share of the slot.
        share: Share,
    },
    /// Many keys that have nothing in common.
    ManyKeys,
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
    /// A key is the cause with half of the slot; else a hash tag with
    /// half of the slot; else a prefix with half of the slot that is at least
    /// twice as frequent there as over all; else many keys. What is estimated
    /// must be a cause with 95 % confidence.
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
                self.big_key_cause(*slot, weight)
                    .or_else(|| match &exact_tags {
                        Some(tags) => self.tag_cause(*slot, weight, tags.get(&at).copied()),
                        None => evidence.tag_cause(is_complete),
                    })
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

    /// The heaviest tag of each wanted slot, where tags were counted.
    fn exact_tags(&self, wanted: &Wanted, weight: Weight) -> Option<HashMap<usize, (&[u8], u64)>> {
        let mut heaviest: HashMap<usize, (&[u8], u64)> = HashMap::new();
        for (tag, slot, count) in self.tags.all()? {
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

    fn big_key_cause(&self, slot: Slot, weight: Weight) -> Option<Cause> {
        let biggest = self.biggest_key(slot)?;
        let share = match weight {
            Weight::Keys => counted(1, self.slot(slot).keys)?,
            Weight::Bytes => counted(biggest.size_bytes, self.slot(slot).bytes)?,
        };
        Some(Cause::Key {
            name: biggest.key.clone(),
            share,
        })
    }

    fn tag_cause(&self, slot: Slot, weight: Weight, tag: Option<(&[u8], u64)>) -> Option<Cause> {
        let (name, units) = tag?;
        let share = counted(units, units_of(self.slot(slot), weight))?;
        Some(Cause::HashTag {
            name: name.into(),
            share,
        })
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
    tags: BTreeMap<&'tally [u8], u64>,
    prefixes: BTreeMap<&'tally [u8], u64>,
}

impl<'tally> Evidence<'tally> {
    fn add_prefix(&mut self, prefix: Option<&'tally [u8]>, units: u64) {
        self.keys += 1;
        self.units = self.units.saturating_add(units);
        if let Some(prefix) = prefix {
            let known = self.prefixes.entry(prefix).or_default();
            *known = known.saturating_add(units);
        }
    }

    fn add_tag(&mut self, sampled: &'tally Sampled, units: u64) {
        if let Some(tag) = &sampled.tag {
            let known = self.tags.entry(tag).or_default();
            *known = known.saturating_add(units);
        }
    }

    fn tag_cause(&self, is_complete: bool) -> Option<Cause> {
        let (name, units) = heaviest(&self.tags)?;
        let share = self.share(units, is_complete)?;
        Some(Cause::HashTag {
            name: name.into(),
            share,
        })
    }

    fn prefix_cause(&self, is_complete: bool, overall: &Evidence<'_>) -> Option<Cause> {
        let (name, units) = heaviest(&self.prefixes)?;
        let share = self.share(units, is_complete)?;
        let everywhere = overall.prefixes.get(name).copied().unwrap_or(0);
        let overall = everywhere as f64 / overall.units.max(1) as f64;
        let is_special = share.value >= PREFIX_LIFT * overall;
        is_special.then(|| Cause::Prefix {
            name: name.into(),
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

/// The heaviest of some names; of equals the one that sorts first.
fn heaviest<'tally>(names: &BTreeMap<&'tally [u8], u64>) -> Option<(&'tally [u8], u64)> {
    names
        .iter()
        .map(|(name, units)| (*name, *units))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}
