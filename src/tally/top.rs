//! The largest keys, hash tags and prefixes over all slots.

use super::bounds::{ListSample, SampledUnits, Strictness, error_units};
use super::share::{Share, Weight, units_of};
use super::{BigKey, KeptName, Tally, biggest};
use crate::slot::Slot;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// How many of the biggest keys are kept; reports can't show more.
pub const BIG_KEYS: usize = 100;

/// What keys have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Their hash tag: they are in one slot.
    HashTag,
    /// What they begin with, up to a delimiter and with it: [`super::Prefixes`].
    Prefix,
}

/// A tag with its slot, or a prefix.
type NameOfSlot<'tally> = (&'tally [u8], Option<Slot>);

/// Keys that have something in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The tag or prefix; longer ones than 256 bytes are cut where they are estimated.
    pub name: KeptName,
    /// The slot of a hash tag.
    pub slot: Option<Slot>,
    /// How many keys, or bytes: counted, or estimated from a sample.
    pub units: u64,
    /// By how many these may be off, with 95 % confidence for all that are listed together; 0 when
    /// they were counted.
    pub error_units: u64,
    /// Their share of all keys, or of all bytes that are known, with its error for all that are listed
    /// together.
    pub share: Share,
    /// How many of the keys have no known size; none where a sample doesn't tell. Bytes are without them.
    pub unsized_keys: Option<u64>,
}

/// How much is kept of the name of one of the biggest keys.
pub(super) const KEPT_BYTES: usize = 4_096;

/// A key by its size; of one size, the key that sorts first is the larger: by what is kept of its name,
/// then by its length.
type SizedKey = (u64, Reverse<(Box<[u8]>, u64)>, Slot);

/// The biggest keys, bounded; which are kept doesn't depend on the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Biggest {
    kept: BinaryHeap<Reverse<SizedKey>>,
    /// Smaller keys aren't kept.
    least: u64,
}

impl Biggest {
    /// Whether a key of this size may be among them.
    #[inline]
    pub(super) fn may_take(&self, size_bytes: u64) -> bool {
        size_bytes >= self.least
    }

    /// Offers a key.
    pub(super) fn add(&mut self, slot: Slot, key: &[u8], size_bytes: u64) {
        if !self.may_take(size_bytes) || (size_bytes == self.least && self.is_full_before(key)) {
            return;
        }
        self.keep(BigKey::new(slot, key, size_bytes, KEPT_BYTES));
    }

    /// Whether all places are taken, the last one by a key that sorts before this one: in a dump
    /// whose keys have one size, nearly every key ends here.
    fn is_full_before(&self, key: &[u8]) -> bool {
        let Some(Reverse((_, Reverse((last, length)), _))) = self.kept.peek() else {
            return false;
        };
        let kept = biggest::kept(key, KEPT_BYTES);
        self.kept.len() == BIG_KEYS && (&**last, *length) <= (kept, key.len() as u64)
    }

    pub(super) fn keep(&mut self, big: BigKey) {
        let name = Reverse((big.key, big.length));
        self.kept.push(Reverse((big.size_bytes, name, big.slot)));
        if self.kept.len() > BIG_KEYS {
            self.kept.pop();
        }
        if self.kept.len() == BIG_KEYS {
            self.least = self.kept.peek().map_or(0, |Reverse((size, ..))| *size);
        }
    }

    pub(super) fn merge(&mut self, other: Biggest) {
        for big in other.sorted() {
            self.keep(big);
        }
    }

    /// Biggest first; of keys of one size the one that sorts first.
    fn sorted(&self) -> Vec<BigKey> {
        let mut keys: Vec<BigKey> = self
            .kept
            .iter()
            .map(
                |Reverse((size_bytes, Reverse((key, length)), slot))| BigKey {
                    size_bytes: *size_bytes,
                    key: key.clone(),
                    length: *length,
                    slot: *slot,
                },
            )
            .collect();
        keys.sort_by(|one, other| one.rank().cmp(&other.rank()));
        keys
    }
}

impl Tally {
    /// The biggest keys, at most [`BIG_KEYS`]: biggest first, of equals the one that sorts first.
    pub fn big_keys(&self) -> Vec<BigKey> {
        self.big_keys.sorted()
    }

    /// The tags or prefixes with the most keys or bytes, heaviest first, of equals the one that sorts first.
    ///
    /// Tags are counted while there are few enough of them; everything else
    /// comes from the samples, and is left out where it may be off by as much
    /// as it is.
    pub fn heaviest(&self, family: Family, weight: Weight, top: usize) -> Vec<Named> {
        let total = units_of(self.total(), weight);
        let mut named = match self.counted_tags(family, weight, total) {
            Some(named) => named,
            None => self.estimated_names(family, weight, total),
        };
        named.retain(|named| named.units > 0);
        // Names that were cut may be the same in two slots.
        named.sort_by(|one, other| {
            let units = other.units.cmp(&one.units);
            units.then_with(|| (&one.name, one.slot).cmp(&(&other.name, other.slot)))
        });
        named.truncate(top);
        named
    }

    fn counted_tags(&self, family: Family, weight: Weight, total: u64) -> Option<Vec<Named>> {
        if family != Family::HashTag {
            return None;
        }
        let named = self.tags.all()?.map(|(tag, slot, count)| {
            let units = match weight {
                Weight::Keys => count.keys,
                Weight::Bytes => count.bytes,
            };
            Named {
                name: KeptName::whole(tag),
                slot: Some(slot),
                units,
                error_units: 0,
                share: Share {
                    value: units as f64 / total.max(1) as f64,
                    error: 0.0,
                },
                unsized_keys: Some(self.with_unsized(count).unsized_keys),
            }
        });
        Some(named.collect())
    }

    fn estimated_names(&self, family: Family, weight: Weight, total: u64) -> Vec<Named> {
        let (is_complete, sampled) = self.samples.weighed(weight);
        let mut names: HashMap<NameOfSlot<'_>, SampledUnits> = HashMap::new();
        let mut all = SampledUnits::default();
        // Keys that are drawn stand for the threshold, all others for more.
        let mut threshold: Option<u64> = None;
        for (sampled, stands_for) in sampled {
            let add = |seen: &mut SampledUnits| match weight {
                Weight::Keys => seen.add_one(),
                Weight::Bytes => seen.add(stands_for, sampled.size_bytes.or_zero()),
            };
            add(&mut all);
            if weight == Weight::Bytes {
                threshold = Some(threshold.map_or(stands_for, |least| least.min(stands_for)));
            }
            let mut add_to = |name, slot| add(names.entry((name, slot)).or_default());
            match (family, &sampled.tag, &sampled.prefix) {
                (Family::HashTag, Some(tag), _) => add_to(&**tag, Some(sampled.slot)),
                (Family::Prefix, _, Some(longest)) => {
                    let levels = self.samples.prefixes.levels(longest);
                    levels.for_each(|level| add_to(level, None));
                }
                _ => {}
            }
        }
        let listed = ListSample {
            is_complete,
            all,
            total,
            threshold,
            strictness: Strictness::together(names.len()),
        };
        let unsized_keys = self.sampled_unsized(family);
        let named = names.into_iter().filter_map(|((name, slot), seen)| {
            let share = listed.share(seen)?;
            Some(Named {
                name: KeptName::sampled(name),
                slot,
                units: listed.units(seen, share),
                error_units: error_units(share, total),
                share,
                unsized_keys: unsized_keys
                    .as_ref()
                    .map(|of_each| of_each.get(&(name, slot)).copied().unwrap_or(0)),
            })
        });
        named.collect()
    }

    /// The keys without a size of each name that has some, where that can be told.
    fn sampled_unsized(&self, family: Family) -> Option<HashMap<NameOfSlot<'_>, u64>> {
        let mut of_each = HashMap::new();
        if self.unsized_keys == 0 {
            return Some(of_each);
        }
        let (is_complete, sampled) = self.samples.weighed(Weight::Keys);
        if !is_complete {
            return None;
        }
        for (sampled, _) in sampled.filter(|(sampled, _)| !sampled.size_bytes.is_known()) {
            let mut add = |name, slot| *of_each.entry((name, slot)).or_default() += 1;
            match (family, &sampled.tag, &sampled.prefix) {
                (Family::HashTag, Some(tag), _) => add(&**tag, Some(sampled.slot)),
                (Family::Prefix, _, Some(longest)) => {
                    let levels = self.samples.prefixes.levels(longest);
                    levels.for_each(|level| add(level, None));
                }
                _ => {}
            }
        }
        Some(of_each)
    }
}
