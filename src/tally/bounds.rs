//! How far the names that a list shows may be off in a sample.
//!
//! A name is listed because it looks heavy in the sample, and of many names some look heavier than
//! they are: an interval that holds for a name chosen beforehand doesn't hold for those. These are
//! so wide that with [`CONFIDENCE`] *all* names of a list lie within theirs. By Bonferroni's
//! inequality each tail of each name may then miss with a chance of one minus that, divided by how
//! many tails there are.
//!
//! A tail's chance is bounded by Chernoff's inequality in its sharpest form, which holds for any
//! number of hits, however small. For a sample of equal chances, without putting back, it is that
//! of Hoeffding ("Probability inequalities for sums of bounded random variables", JASA 58, 1963,
//! theorem 1 and section 6): of `n` sampled keys a share `p` has a name whose true share is `q` with
//! a chance of at most `exp(-n D(p, q))`, `D` being the relative entropy. In a sample by bytes, keys
//! of at least the threshold are all there, and of the others a number is drawn that is a sum of
//! independent trials, of mean (their bytes / threshold) (Thorup, "Confidence intervals for priority
//! sampling", SIGMETRICS 2006): `k` are drawn where `m` are expected with a chance of at most
//! `exp(-(k ln(k / m) + m - k))`.

use super::share::Share;

/// How sure it is that all names of a list lie within their bounds.
pub(super) const CONFIDENCE: f64 = 0.95;

/// The truth is below or above, and is looked at from the name's keys and from all others.
const TAILS_OF_A_NAME: f64 = 4.0;

/// How unlikely a tail must be: `-ln` of its chance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strictness(f64);

impl Strictness {
    /// For bounds that hold together, where a sample shows so many different names.
    ///
    /// Those that it doesn't show compete too: of names that are expected once or more it shows
    /// nearly two in three, so that there are hardly more than this; a rarer name would have to be
    /// drawn dozens of times to be listed.
    pub(super) fn together(names: usize) -> Strictness {
        let competing = 2.0 * names as f64 + 20.0;
        Strictness((TAILS_OF_A_NAME * competing / (1.0 - CONFIDENCE)).ln())
    }
}

/// What a sample has of some keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SampledUnits {
    /// How many keys, or bytes, they stand for.
    pub(super) units: u64,
    /// How many of these are certain: of keys that a sample by bytes can't leave out.
    certain: u64,
    /// How many keys were there by chance.
    drawn: u64,
}

impl SampledUnits {
    /// Adds a key that stands for so many units and has so many itself.
    pub(super) fn add(&mut self, stands_for: u64, own: u64) {
        self.units = self.units.saturating_add(stands_for);
        if stands_for > own {
            self.drawn += 1;
        } else {
            self.certain = self.certain.saturating_add(own);
        }
    }

    /// Adds a key of a sample in which each has the same chance.
    pub(super) fn add_one(&mut self) {
        self.units += 1;
        self.drawn += 1;
    }

    fn without(self, other: SampledUnits) -> SampledUnits {
        SampledUnits {
            units: self.units.saturating_sub(other.units),
            certain: self.certain.saturating_sub(other.certain),
            drawn: self.drawn.saturating_sub(other.drawn),
        }
    }

    /// Between which numbers of units the truth lies, where a key was drawn for `threshold` units.
    fn units_between(self, threshold: f64, strictness: Strictness) -> (f64, f64) {
        let (low, high) = expected(self.drawn, strictness);
        let certain = self.certain as f64;
        (certain + low * threshold, certain + high * threshold)
    }
}

/// A sample of which a list of names is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListSample {
    /// Whether it holds everything.
    pub(super) is_complete: bool,
    /// What all keys of the sample stand for.
    pub(super) all: SampledUnits,
    /// How many units there really are.
    pub(super) total: u64,
    /// How many units a key was drawn for; nothing where each key has the same chance.
    pub(super) threshold: Option<u64>,
    /// How sure a bound must be.
    pub(super) strictness: Strictness,
}

impl ListSample {
    /// The share of a name, when it is larger than its error.
    pub(super) fn share(&self, name: SampledUnits) -> Option<Share> {
        let value = name.units as f64 / self.all.units.max(1) as f64;
        if self.is_complete {
            return Some(Share { value, error: 0.0 });
        }
        // The upper bound is at least so much above: most names needn't be looked at.
        let drawn_for = self.threshold.unwrap_or(1) as f64;
        if name.units as f64 <= self.strictness.0 * drawn_for {
            return None;
        }
        let (low, high) = match self.threshold {
            None => share_between(name.drawn, self.all.drawn, self.strictness),
            Some(threshold) => self.share_of_bytes(name, threshold as f64),
        };
        // It is seldom outside, and never by much.
        let value = value.clamp(low, high);
        let error = (value - low).max(high - value);
        (value > error).then_some(Share { value, error })
    }

    /// Units of a share.
    pub(super) fn units(&self, name: SampledUnits, share: Share) -> u64 {
        if self.is_complete {
            name.units
        } else {
            (share.value * self.total as f64).round() as u64
        }
    }

    fn share_of_bytes(&self, name: SampledUnits, threshold: f64) -> (f64, f64) {
        let total = self.total as f64;
        let (low, high) = name.units_between(threshold, self.strictness);
        let rest = self.all.without(name);
        let (rest_low, rest_high) = rest.units_between(threshold, self.strictness);
        let low = low.max(total - rest_high).min(total);
        let high = high.min(total - rest_low).max(low);
        (low / total, high / total)
    }
}

/// By how many units a share of so many may be off; no unit when it was counted.
pub(super) fn error_units(share: Share, total: u64) -> u64 {
    if share.error == 0.0 {
        return 0;
    }
    // The estimate itself was rounded.
    (share.error * total as f64 + 0.5).ceil() as u64
}

/// Between which shares the truth lies, when `hits` of `draws` have a name.
pub(super) fn share_between(hits: u64, draws: u64, strictness: Strictness) -> (f64, f64) {
    let share = hits as f64 / draws.max(1) as f64;
    let part = |seen: f64, truth: f64| match seen {
        0.0 => 0.0,
        _ => seen * (seen / truth).ln(),
    };
    let is_likely = |truth: f64| {
        let entropy = part(share, truth) + part(1.0 - share, 1.0 - truth);
        draws as f64 * entropy <= strictness.0
    };
    (edge(share, 0.0, is_likely), edge(share, 1.0, is_likely))
}

/// Between which numbers the expected one lies, when so many were drawn.
fn expected(drawn: u64, strictness: Strictness) -> (f64, f64) {
    let (drawn, least) = (drawn as f64, strictness.0);
    let is_likely = |mean: f64| match drawn {
        0.0 => mean <= least,
        _ => drawn * (drawn / mean).ln() + mean - drawn <= least,
    };
    // From here on it is unlikely, since y - ln(1 + y) is at least y² / (2 (1 + y)).
    let most = drawn + least + (least * least + 2.0 * drawn * least).sqrt();
    (edge(drawn, 0.0, is_likely), edge(drawn, most, is_likely))
}

/// How far from `inside` towards `outside` it is likely, rounded outwards.
fn edge(mut inside: f64, mut outside: f64, is_likely: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..50 {
        let middle = f64::midpoint(inside, outside);
        if is_likely(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::sample::mixed;
    use std::cmp::Reverse;
    use std::collections::HashMap;

    /// How many lists are made, and how many names each shows.
    const LISTS: u64 = 300;
    const LISTED: usize = 10;

    fn uniform(seed: u64, number: u64) -> f64 {
        (mixed(seed.wrapping_mul(1 << 32).wrapping_add(number)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Lists the heaviest names of a sample: how many are outside of their bounds, how many are shown.
    fn outside(
        sample: &HashMap<u64, SampledUnits>,
        listed: ListSample,
        truth: impl Fn(u64) -> f64,
    ) -> (usize, usize) {
        let mut names: Vec<_> = sample.iter().collect();
        names.sort_by_key(|(name, seen)| (Reverse(seen.units), **name));
        let shown = names.into_iter().filter_map(|(name, seen)| {
            let share = listed.share(*seen)?;
            Some((share.value - truth(*name)).abs() > share.error)
        });
        let shown: Vec<bool> = shown.take(LISTED).collect();
        (shown.iter().filter(|is_off| **is_off).count(), shown.len())
    }

    #[test]
    fn all_names_of_a_list_are_within_their_bounds() {
        // A quarter of the keys has one of 30 names of one weight, the rest one of 3,000.
        let (heavy, light, draws) = (30, 3000, 6000);
        let truth = |name: u64| {
            if name < heavy {
                0.25 / heavy as f64
            } else {
                0.75 / f64::from(light)
            }
        };
        let (mut wrong_lists, mut shown) = (0, 0);
        for seed in 0..LISTS {
            let mut sample: HashMap<u64, SampledUnits> = HashMap::new();
            let mut all = SampledUnits::default();
            for draw in 0..draws {
                let (which, place) = (uniform(seed, 2 * draw), uniform(seed, 2 * draw + 1));
                let name = if which < 0.25 {
                    (place * heavy as f64) as u64
                } else {
                    heavy + (place * f64::from(light)) as u64
                };
                sample.entry(name).or_default().add_one();
                all.add_one();
            }
            let listed = ListSample {
                is_complete: false,
                all,
                total: 1 << 30,
                threshold: None,
                strictness: Strictness::together(sample.len()),
            };
            let (wrong, names) = outside(&sample, listed, truth);
            wrong_lists += u64::from(wrong > 0);
            shown += names;
        }
        assert!(
            wrong_lists as f64 <= (1.0 - CONFIDENCE) * LISTS as f64,
            "{wrong_lists}"
        );
        assert!(
            shown > LISTS as usize * LISTED / 2,
            "{shown}: names are shown"
        );
    }

    #[test]
    fn by_bytes_they_are_too() {
        // 20 names of a thousand keys, 2,000 of ten; each name has keys of 1 to 400 bytes.
        let size = |key: u64| 1 + mixed(key) % 400;
        let keys = 40_000;
        let name_of = |key: u64| if key < 20_000 { key / 1000 } else { key / 10 };
        let mut truth: HashMap<u64, u64> = HashMap::new();
        (0..keys).for_each(|key| *truth.entry(name_of(key)).or_default() += size(key));
        let total: u64 = truth.values().sum();
        let threshold = 390;
        let (mut wrong_lists, mut shown) = (0, 0);
        for seed in 0..LISTS / 6 {
            let mut sample: HashMap<u64, SampledUnits> = HashMap::new();
            let mut all = SampledUnits::default();
            for key in
                (0..keys).filter(|key| size(*key) as f64 / threshold as f64 > uniform(seed, *key))
            {
                let stands_for = size(key).max(threshold);
                sample
                    .entry(name_of(key))
                    .or_default()
                    .add(stands_for, size(key));
                all.add(stands_for, size(key));
            }
            let listed = ListSample {
                is_complete: false,
                all,
                total,
                threshold: Some(threshold),
                strictness: Strictness::together(sample.len()),
            };
            let share = |name: u64| truth[&name] as f64 / total as f64;
            let (wrong, names) = outside(&sample, listed, share);
            wrong_lists += u64::from(wrong > 0);
            shown += names;
        }
        assert!(
            wrong_lists as f64 <= (1.0 - CONFIDENCE) * LISTS as f64 / 6.0,
            "{wrong_lists}"
        );
        assert!(
            shown >= LISTS as usize / 6 * LISTED,
            "{shown}: names are shown"
        );
    }

    #[test]
    fn bounds_are_those_of_the_formulas() {
        let strictness = Strictness(20f64.ln());
        // Nothing seen in a hundred: (1 - q)^100 is 1/20.
        let (low, high) = share_between(0, 100, strictness);
        assert_eq!(low, 0.0);
        assert!((high - (1.0 - 0.05f64.powf(0.01))).abs() < 1e-9, "{high}");
        let (low, high) = share_between(100, 100, strictness);
        assert!(
            (low - 0.05f64.powf(0.01)).abs() < 1e-9 && high == 1.0,
            "{low}"
        );
        // exp(-m) is 1/20.
        assert!((expected(0, strictness).1 - 20f64.ln()).abs() < 1e-9);
        let (low, high) = expected(50, strictness);
        for mean in [low, high] {
            let chance = (mean - 50.0 + 50.0 * (50.0 / mean).ln()).exp();
            assert!((chance - 20.0).abs() < 1e-6, "{mean}: one in {chance}");
        }
        assert!(low < 50.0 && 50.0 < high);
    }
}
