//! A hash table from hours to counts.

use super::GroupCount;
use super::sample::mixed;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Hours since 1970 with what was counted in them, in no order.
///
/// An open table: an hour's place is the first from where its hash points that is its own or free.
/// At most half of the places are taken. The hash has a secret, so that nobody can choose hours
/// that look for their places one after another.
#[derive(Clone, Debug)]
pub(super) struct Hours {
    places: Vec<Place>,
    taken: usize,
    secret: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    hour: u32,
    /// Free as long as it has no keys.
    count: GroupCount,
}

impl Default for Hours {
    fn default() -> Hours {
        Hours {
            places: Vec::new(),
            taken: 0,
            secret: RandomState::new().build_hasher().finish(),
        }
    }
}

impl Hours {
    /// How many hours there are.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Counts keys of an hour; without keys there is nothing to count.
    #[inline]
    pub(super) fn add(&mut self, hour: u32, count: GroupCount) {
        if count.keys == 0 {
            return;
        }
        if self.taken * 2 >= self.places.len() {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut at = mixed(self.secret ^ u64::from(hour)) as usize;
        loop {
            let place = &mut self.places[at & mask];
            let is_free = place.count.keys == 0;
            if is_free || place.hour == hour {
                place.hour = hour;
                place.count.join(count);
                self.taken += usize::from(is_free);
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    #[cold]
    fn grow(&mut self) {
        let places = vec![Place::default(); (self.places.len() * 2).max(64)];
        let before = std::mem::replace(&mut self.places, places);
        self.taken = 0;
        for place in before.iter().filter(|place| place.count.keys > 0) {
            self.add(place.hour, place.count);
        }
    }

    /// Says that a key that was counted in an hour has no size.
    pub(super) fn has_unsized(&mut self, hour: u32) {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = mixed(self.secret ^ u64::from(hour)) as usize;
        // At least half of the places are free.
        while let Some(place) = self.places.get_mut(at & mask) {
            if place.count.keys == 0 {
                return;
            }
            if place.hour == hour {
                place.count.unsized_keys += 1;
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    /// Every count, to be changed.
    pub(super) fn counts_mut(&mut self) -> impl Iterator<Item = &mut GroupCount> {
        self.places.iter_mut().map(|place| &mut place.count)
    }

    /// The hours and what was counted in them.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, GroupCount)> + '_ {
        let taken = self.places.iter().filter(|place| place.count.keys > 0);
        taken.map(|place| (place.hour, place.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_counts_as_a_map_does(
            added in proptest::collection::vec((0u32..300, 0u64..5, any::<u64>()), 0..600),
        ) {
            let mut hours = Hours::default();
            let mut map: BTreeMap<u32, GroupCount> = BTreeMap::new();
            for (hour, keys, bytes) in added {
                hours.add(hour, GroupCount { keys, bytes, unsized_keys: 0 });
                if keys > 0 {
                    map.entry(hour).or_default().add(keys, bytes);
                }
            }
            prop_assert_eq!(hours.len(), map.len());
            prop_assert_eq!(hours.all().collect::<BTreeMap<_, _>>(), map);
        }
    }
}
