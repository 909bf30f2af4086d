//! The lengths of keys.

use super::histogram::{Class, Histogram};
use crate::slot::KeySpan;

/// How many lengths are counted one by one.
const SHORT: usize = 256;

/// How many keys have which length. Short ones are counted one by one: that takes an addition, where
/// finding a length's class takes several.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    short: Box<[u64; SHORT]>,
    /// All others, and what was counted elsewhere.
    rest: Histogram,
}

impl Default for Lengths {
    fn default() -> Lengths {
        Lengths::from(Histogram::default())
    }
}

impl From<Histogram> for Lengths {
    fn from(rest: Histogram) -> Lengths {
        Lengths {
            short: Box::new([0; SHORT]),
            rest,
        }
    }
}

impl Lengths {
    /// Counts keys.
    #[inline]
    pub(super) fn add(&mut self, spans: &[KeySpan]) {
        for span in spans {
            let length = span.end - span.start;
            match self.short.get_mut(length as usize) {
                Some(count) => *count += 1,
                None => self.rest.add(u64::from(length)),
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Lengths) {
        self.rest.merge(&other.histogram());
    }

    /// All lengths by their order of magnitude.
    pub(super) fn histogram(&self) -> Histogram {
        let mut all = self.rest.clone();
        for (length, count) in self.short.iter().enumerate() {
            all.add_many(length as u64, *count);
        }
        all
    }

    /// The classes with keys, ascending.
    pub(super) fn classes(&self) -> Vec<Class> {
        self.histogram().classes().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_those_of_a_histogram(
            lengths in proptest::collection::vec(prop_oneof![0u32..9, 250u32..260, any::<u32>()], 0..50),
            cut in 0usize..50,
        ) {
            let spans: Vec<KeySpan> = lengths.iter().map(|end| KeySpan { start: 0, end: *end }).collect();
            let (front, back) = spans.split_at(cut.min(spans.len()));
            let (mut one, mut other) = (Lengths::default(), Lengths::default());
            one.add(front);
            other.add(back);
            one.merge(&other);
            let mut truth = Histogram::default();
            lengths.iter().for_each(|length| truth.add(u64::from(*length)));
            prop_assert_eq!(one.histogram(), truth);
        }
    }
}
