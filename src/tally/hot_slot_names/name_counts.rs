//! Names in one slot, counted so that one with half of it can't be missed.

use crate::tally::sample::NAME_BYTES;
use crate::tally::share::{FAMILY_KEYS, Weight, counted};
use crate::tally::{KeptName, Share};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// How many names of a slot are awaited: the heaviest that a sample shows.
pub(super) const MAX_AWAITED: usize = 64;

/// In how many lots the other names are.
const LOTS: usize = 128;

/// The names of one kind in one slot.
///
/// Those that are awaited are counted one by one. All others fall into lots by their hashes, of which the
/// sums are counted: a name that had half of the slot would make its lot at least as heavy. So where
/// no lot has half, there is no such name; and all of it is sums, which are the same for keys in any
/// order and any division.
#[derive(Clone, Debug, Default)]
pub(super) struct NameCounts {
    awaited: HashMap<Box<[u8]>, Member>,
    /// Empty until there is something in them.
    lots: Box<[Units]>,
}

/// How many keys or operations, and how many bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Units {
    count: u64,
    bytes: u64,
}

/// What was counted of an awaited name.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    units: Units,
    /// Of the keys with this name.
    keys: Hashes,
    /// Of the names themselves: of longer ones than are kept, several look the same.
    names: Hashes,
}

/// The least and the greatest of some hashes.
#[derive(Clone, Copy, Debug)]
struct Hashes {
    least: u64,
    most: u64,
}

impl Default for Hashes {
    fn default() -> Hashes {
        Hashes {
            least: u64::MAX,
            most: 0,
        }
    }
}

impl Hashes {
    fn join(&mut self, other: Hashes) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    fn are_several(self) -> bool {
        self.least < self.most
    }
}

impl Units {
    fn join(&mut self, other: Units) {
        self.count = self.count.saturating_add(other.count);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn of(self, weight: Weight) -> u64 {
        match weight {
            Weight::Keys => self.count,
            Weight::Bytes => self.bytes,
        }
    }
}

/// Of how many a name must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Least {
    OneKey,
    /// Each row is a key.
    SeveralRows,
    /// Rows are operations, of which many may be on one key.
    SeveralKeys,
}

/// What is known of the heaviest name.
#[derive(Clone, Debug)]
pub(in crate::tally) struct DominantName {
    /// The one that has so much that it may be the cause.
    pub(in crate::tally) found: Option<(KeptName, Share)>,
    /// Whether that is certain, also where there is none.
    pub(in crate::tally) is_sure: bool,
}

impl DominantName {
    /// This, where it is sure or nothing better is known; else what counting told, unless that
    /// isn't sure either.
    pub(in crate::tally) fn unless_sure(self, counted: Option<DominantName>) -> DominantName {
        match counted {
            Some(counted) if counted.is_sure && !self.is_sure => counted,
            _ => self,
        }
    }
}

impl NameCounts {
    /// Counts this name by itself from now on, while there is room.
    pub(super) fn await_name(&mut self, name: &[u8]) {
        if self.awaited.len() < MAX_AWAITED {
            self.awaited.entry(cut(name).into()).or_default();
        }
    }

    /// Counts a key, or an operation on it, that has this name.
    pub(super) fn add(&mut self, name: &[u8], key: &[u8], bytes: u64) {
        let units = Units { count: 1, bytes };
        if let Some(member) = self.awaited.get_mut(cut(name)) {
            member.units.join(units);
            member.keys.join(hashes_of(key));
            member.names.join(hashes_of(name));
            return;
        }
        if self.lots.is_empty() {
            self.lots = vec![Units::default(); LOTS].into();
        }
        self.lots[(hash_of(name) % LOTS as u64) as usize].join(units);
    }

    /// The same names, of which nothing was counted yet.
    pub(super) fn emptied(&self) -> NameCounts {
        let names = self.awaited.keys();
        NameCounts {
            awaited: names
                .map(|name| (name.clone(), Member::default()))
                .collect(),
            lots: Box::default(),
        }
    }

    /// Adds what was counted elsewhere of the same names.
    pub(super) fn merge(&mut self, other: NameCounts) {
        for (name, theirs) in other.awaited {
            let mine = self.awaited.entry(name).or_default();
            mine.units.join(theirs.units);
            mine.keys.join(theirs.keys);
            mine.names.join(theirs.names);
        }
        if self.lots.is_empty() {
            self.lots = other.lots;
            return;
        }
        for (mine, theirs) in self.lots.iter_mut().zip(other.lots) {
            mine.join(theirs);
        }
    }

    /// The name that has half of so many units, of equals the one that sorts first.
    pub(super) fn heaviest(&self, weight: Weight, of: u64, least: Least) -> DominantName {
        let heavy = self.awaited.iter().filter_map(|(name, member)| {
            let share = counted(member.units.of(weight), of)?;
            let fits = match least {
                Least::OneKey => true,
                Least::SeveralRows => member.units.count >= FAMILY_KEYS,
                Least::SeveralKeys => member.keys.are_several(),
            };
            fits.then_some((name, member, share))
        });
        let best = heavy.reduce(|best, next| {
            let is_better = (next.2.value, best.0) > (best.2.value, next.0);
            if is_better { next } else { best }
        });
        if let Some((name, member, share)) = best {
            let is_one = !member.names.are_several();
            return DominantName {
                found: is_one.then(|| (KeptName::sampled(name), share)),
                is_sure: is_one,
            };
        }
        let heaviest_lot = self.lots.iter().map(|lot| lot.of(weight)).max();
        let may_hide_one = heaviest_lot.and_then(|units| counted(units, of)).is_some();
        DominantName {
            found: None,
            is_sure: !may_hide_one,
        }
    }
}

fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES)]
}

fn hashes_of(bytes: &[u8]) -> Hashes {
    let hash = hash_of(bytes);
    Hashes {
        least: hash,
        most: hash,
    }
}

/// The same on every machine.
fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// What names have: each row a name, the number of its key, and bytes.
    type Rows = Vec<(u8, u8, u64)>;

    fn counted_names(awaited: &[u8], rows: &[(u8, u8, u64)]) -> NameCounts {
        let mut names = NameCounts::default();
        for name in awaited {
            names.await_name(&[*name]);
        }
        for (name, key, bytes) in rows {
            names.add(&[*name], &[*name, *key], *bytes);
        }
        names
    }

    /// The heaviest of several keys, by counting everything.
    fn naive(rows: &Rows, weight: Weight) -> Option<(u8, u64)> {
        let mut all: BTreeMap<u8, (BTreeSet<u8>, u64)> = BTreeMap::new();
        for (name, key, bytes) in rows {
            let (keys, units) = all.entry(*name).or_default();
            keys.insert(*key);
            *units += if weight == Weight::Keys { 1 } else { *bytes };
        }
        let families = all.into_iter().filter(|(_, (keys, _))| keys.len() > 1);
        families
            .map(|(name, (_, units))| (name, units))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    proptest! {
        #[test]
        fn what_is_sure_is_true(
            rows in proptest::collection::vec((0u8..6, 0u8..3, 1u64..50), 1..60),
            awaited in proptest::collection::vec(0u8..6, 0..4),
            cuts in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let whole = counted_names(&awaited, &rows);
            let part = |wanted: bool| -> Rows {
                let kept = rows.iter().zip(&cuts).filter(|(_, cut)| **cut == wanted);
                kept.map(|(row, _)| *row).collect()
            };
            let mut merged = whole.emptied();
            merged.merge(counted_names(&awaited, &part(true)));
            merged.merge(counted_names(&awaited, &part(false)));
            for weight in [Weight::Keys, Weight::Bytes] {
                let of = match weight {
                    Weight::Keys => rows.len() as u64,
                    Weight::Bytes => rows.iter().map(|row| row.2).sum(),
                };
                let dominant = whole.heaviest(weight, of, Least::SeveralKeys);
                let same = merged.heaviest(weight, of, Least::SeveralKeys);
                prop_assert_eq!(format!("{dominant:?}"), format!("{same:?}"));
                let truth = naive(&rows, weight);
                let truth = truth.filter(|(_, units)| 2 * units >= of);
                if let Some((name, share)) = &dominant.found {
                    // Of two halves either is one.
                    let (_, units) = truth.expect("it has half");
                    prop_assert_eq!(share.value, units as f64 / of as f64);
                    prop_assert!(awaited.contains(&name[0]));
                }
                if dominant.is_sure {
                    prop_assert_eq!(dominant.found.is_some(), truth.is_some());
                }
                if truth.is_some_and(|(name, units)| awaited.contains(&name) && 2 * units > of) {
                    prop_assert!(dominant.is_sure && dominant.found.is_some());
                }
            }
        }
    }

    #[test]
    fn many_small_names_are_told_to_be_small() {
        let mut names = NameCounts::default();
        for number in 0..10_000u64 {
            names.add(&number.to_le_bytes(), b"key", 1);
        }
        let dominant = names.heaviest(Weight::Keys, 10_000, Least::OneKey);
        assert!(dominant.is_sure && dominant.found.is_none());
        // One that nobody awaited has half: it is in some lot.
        (0..10_000).for_each(|_| names.add(b"late", b"key", 1));
        let dominant = names.heaviest(Weight::Keys, 20_000, Least::OneKey);
        assert!(!dominant.is_sure && dominant.found.is_none());
    }

    #[test]
    fn names_that_were_cut_to_the_same_are_not_taken_for_one() {
        let long = |end: u8| [&[b'x'; NAME_BYTES][..], &[end]].concat();
        let mut names = NameCounts::default();
        names.await_name(&long(1));
        names.add(&long(1), b"a", 1);
        names.add(&long(1), b"b", 1);
        let heaviest =
            |names: &NameCounts, of| names.heaviest(Weight::Keys, of, Least::SeveralRows);
        assert!(heaviest(&names, 2).found.is_some());
        names.add(&long(2), b"c", 1);
        let dominant = heaviest(&names, 3);
        assert!(!dominant.is_sure && dominant.found.is_none());
    }
}
