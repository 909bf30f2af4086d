//! A histogram by powers of two.

use super::GroupCount;

/// How many classes there are: 0, 1, 2 to 3, 4 to 7, and so on to 2^63 and above.
pub(super) const CLASSES: usize = 65;

/// How many numbers lie in each class, and their sums; classes are powers of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram(pub(super) [GroupCount; CLASSES]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([GroupCount::default(); CLASSES])
    }
}

/// A class of a histogram that isn't empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The smallest number of the class.
    pub from: u64,
    /// The largest number of the class.
    pub to: u64,
    /// How many numbers are in it.
    pub keys: u64,
    /// The sum of the numbers in the class.
    pub sum: u64,
}

impl Histogram {
    /// Counts a number.
    #[inline]
    pub(super) fn add(&mut self, number: u64) {
        self.add_many(number, 1);
    }

    /// Counts a number several times.
    #[inline]
    pub(super) fn add_many(&mut self, number: u64, count: u64) {
        let class = u64::BITS - number.leading_zeros();
        self.0[class as usize].add(count, number.saturating_mul(count));
    }

    pub(super) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.add(theirs.keys, theirs.bytes);
        }
    }

    /// The smallest and the largest number of a class.
    pub(super) fn bounds(class: usize) -> (u64, u64) {
        match class {
            0 => (0, 0),
            _ => (1 << (class - 1), u64::MAX >> (CLASSES - 1 - class)),
        }
    }

    /// The classes that aren't empty, ascending.
    pub(super) fn classes(&self) -> impl Iterator<Item = Class> + '_ {
        let counts = self.0.iter().enumerate();
        counts
            .filter(|(_, count)| count.keys > 0)
            .map(|(class, count)| {
                let (from, to) = Histogram::bounds(class);
                Class {
                    from,
                    to,
                    keys: count.keys,
                    sum: count.bytes,
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_powers_of_two() {
        let mut histogram = Histogram::default();
        for number in [0, 1, 2, 3, 4, 7, 8, u64::MAX] {
            histogram.add(number);
        }
        let classes: Vec<_> = histogram
            .classes()
            .map(|class| (class.from, class.to, class.keys, class.sum))
            .collect();
        assert_eq!(
            classes,
            [
                (0, 0, 1, 0),
                (1, 1, 1, 1),
                (2, 3, 2, 5),
                (4, 7, 2, 11),
                (8, 15, 1, 8),
                (1 << 63, u64::MAX, 1, u64::MAX),
            ]
        );
    }
}
