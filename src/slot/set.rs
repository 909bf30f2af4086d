//! Sets of slots: bitmaps of 2 KiB, as the servers themselves gossip them.

use super::{SLOT_COUNT, Slot, SlotRange};
use std::fmt;

const WORDS: usize = SLOT_COUNT / 64;

/// A set of slots.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotSet(Box<[u64; WORDS]>);

impl SlotSet {
    /// No slot at all.
    pub fn new() -> SlotSet {
        SlotSet(Box::new([0; WORDS]))
    }

    /// Adds a slot; says whether it is new.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Adds every slot of a range.
    pub fn insert_range(&mut self, range: SlotRange) {
        let (first, last) = (range.first().index(), range.last().index());
        for word in first / 64..=last / 64 {
            let low = first.max(word * 64) % 64;
            let high = last.min(word * 64 + 63) % 64;
            self.0[word] |= (u64::MAX << low) & (u64::MAX >> (63 - high));
        }
    }

    /// Adds every slot of another set.
    pub fn join(&mut self, other: &SlotSet) {
        for (word, more) in self.0.iter_mut().zip(other.0.iter()) {
            *word |= more;
        }
    }

    /// The first slot that both sets have.
    pub fn first_in_common(&self, other: &SlotSet) -> Option<Slot> {
        let pairs = self.0.iter().zip(other.0.iter()).enumerate();
        let mut common = pairs.map(|(index, (one, two))| (index, one & two));
        let (index, word) = common.find(|(_, word)| *word != 0)?;
        Slot::new((index * 64 + word.trailing_zeros() as usize) as u16)
    }

    /// Takes a slot out; says whether it was in.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let was_in = self.0[word] & bit != 0;
        self.0[word] &= !bit;
        was_in
    }

    /// Whether a slot is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.0[word] & bit != 0
    }

    /// How many slots are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set has no slot.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The slots of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(index, word)| {
            // The lowest bit of each is taken off in turn.
            let rests =
                std::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)));
            let bits = rests.take_while(|rest| *rest != 0).map(u64::trailing_zeros);
            bits.filter_map(move |bit| Slot::new((index * 64 + bit as usize) as u16))
        })
    }

    /// The slots as the fewest runs, ascending.
    pub fn ranges(&self) -> Vec<SlotRange> {
        let mut runs = Vec::new();
        let mut from = 0;
        while let Some(first) = self.next_from(from, true) {
            from = self.next_from(first, false).unwrap_or(SLOT_COUNT);
            let ends = [first, from - 1].map(|index| Slot::new(index as u16));
            if let [Some(first), Some(last)] = ends {
                runs.extend(SlotRange::new(first, last));
            }
        }
        runs
    }

    /// The first runs of it, for a sentence: `0-99 200 300-310`, with ` …` where there are more.
    pub fn shortened(&self) -> String {
        const MOST: usize = 5;
        let runs = self.ranges();
        let shown: Vec<String> = runs.iter().take(MOST).map(ToString::to_string).collect();
        let more = if runs.len() > MOST { " …" } else { "" };
        format!("{}{more}", shown.join(" "))
    }

    /// The first place from here on that is in the set, or that isn't.
    fn next_from(&self, from: usize, is_in: bool) -> Option<usize> {
        let wanted = |word: u64| if is_in { word } else { !word };
        let first = from / 64;
        let words = self.0.iter().enumerate().skip(first);
        let mut rests = words.map(|(index, word)| {
            if index == first {
                (index, wanted(*word) & (u64::MAX << (from % 64)))
            } else {
                (index, wanted(*word))
            }
        });
        let (index, rest) = rests.find(|(_, rest)| *rest != 0)?;
        Some(index * 64 + rest.trailing_zeros() as usize)
    }
}

fn place(slot: Slot) -> (usize, u64) {
    (slot.index() / 64, 1 << (slot.index() % 64))
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        set.extend(slots);
        set
    }
}

impl fmt::Display for SlotSet {
    /// The runs, separated by blanks: `0-5 7 9-16383`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges().iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_set(numbers in proptest::collection::vec(0u16..16384, 0..200)) {
            let truth: BTreeSet<Slot> = numbers.iter().filter_map(|number| Slot::new(*number)).collect();
            let mut set: SlotSet = truth.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), truth.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), truth.len());
            let mut by_range = SlotSet::new();
            set.ranges().into_iter().for_each(|range| by_range.insert_range(range));
            prop_assert_eq!(&by_range, &set);
            let again: SlotSet = set.ranges().into_iter().flat_map(SlotRange::slots).collect();
            prop_assert_eq!(&again, &set);
            for slot in truth {
                prop_assert!(!set.insert(slot));
                prop_assert!(set.remove(slot));
                prop_assert!(!set.remove(slot));
            }
            prop_assert!(set.is_empty());
        }
    }

    proptest! {
        #[test]
        fn a_range_is_its_slots(ends in (0u16..16384, 0u16..16384), other in 0u16..16384) {
            let (first, last) = (ends.0.min(ends.1), ends.0.max(ends.1));
            let slot = |number| Slot::new(number).expect("a slot");
            let range = SlotRange::new(slot(first), slot(last)).expect("in order");
            let (mut set, one) = (SlotSet::new(), SlotSet::from_iter([slot(other)]));
            set.insert_range(range);
            prop_assert_eq!(&set, &range.slots().collect::<SlotSet>());
            let common = (first..=last).contains(&other).then(|| slot(other));
            prop_assert_eq!(set.first_in_common(&one), common);
        }
    }

    #[test]
    fn prints_runs() {
        let set: SlotSet = [0, 1, 2, 7, 16383]
            .into_iter()
            .filter_map(Slot::new)
            .collect();
        assert_eq!(set.to_string(), "0-2 7 16383");
        assert_eq!(SlotSet::new().to_string(), "");
    }
}
