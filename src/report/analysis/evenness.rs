//! How even a distribution over slots is.

use super::super::rounding::rounded;
use serde::Serialize;

/// Below so many keys a slot on average, the chi-square test says nothing (Cochran's rule).
const LEAST_MEAN: u64 = 5;

/// From how many standard deviations on a spread isn't chance.
const SURPRISING: f64 = 4.0;

/// How many times as full as chance would make it the fullest slot is where unevenness matters.
const FULLER: f64 = 1.5;

/// By how much the Gini coefficient is above that of chance where unevenness matters.
const GINI_ABOVE: f64 = 0.2;

/// Whether the keys lie as a uniform hash would put them.
///
/// Pearson's chi-square against equal slots; for so many degrees of freedom it
/// is close to normal, so `z` tells by how many standard deviations it is off.
/// With many keys `z` is large for differences that nobody would notice, so
/// that the verdict looks at the fullest slot and at the Gini coefficient too.
/// CRC16 is linear: ids in sequence are a little more even than chance, or a
/// little less, and seldom just as even.
#[derive(Debug, PartialEq, Serialize)]
pub struct ChiSquare {
    /// Chi square: the sum of squared deviations over the expectation.
    pub value: f64,
    /// Its degrees of freedom, slots less one.
    pub degrees: usize,
    /// By how many standard deviations it is above what is expected.
    pub z: f64,
    /// `uniform`, `uneven` (more keys share slots than chance explains), `slightly_uneven` (that
    /// too, but too little to matter) or `too_even` (ids in sequence, or chosen keys).
    pub verdict: &'static str,
    /// `hash_tags` where keys are uneven, and at least half of it is because they share hash tags.
    pub explained_by: Option<&'static str>,
}

/// The Gini coefficient of some units, sorted ascending: 0 when all are equal,
/// near 1 when one has everything; rounded to six decimals.
pub(super) fn gini(sorted: &[u64]) -> f64 {
    let total: u128 = sorted.iter().map(|units| u128::from(*units)).sum();
    if total == 0 {
        return 0.0;
    }
    let count = sorted.len() as f64;
    let ranked: u128 = (1..)
        .zip(sorted)
        .map(|(rank, units): (u128, &u64)| rank * u128::from(*units))
        .sum();
    rounded(2.0 * ranked as f64 / (count * total as f64) - (count + 1.0) / count)
}

/// The chi-square of keys over slots; nothing with too few keys. `tag_pairs` says how many pairs
/// of keys are in one slot because they have one hash tag.
pub(super) fn chi_square(keys: &[u64], tag_pairs: f64) -> Option<ChiSquare> {
    let total: u64 = keys.iter().sum();
    if total < LEAST_MEAN * keys.len() as u64 {
        return None;
    }
    let squares: u128 = keys.iter().map(|keys| u128::from(*keys).pow(2)).sum();
    let value = squares as f64 * keys.len() as f64 / total as f64 - total as f64;
    let degrees = keys.len() - 1;
    let z = (value - degrees as f64) / (2.0 * degrees as f64).sqrt();
    let verdict = match () {
        () if z > SURPRISING && matters(keys, total) => "uneven",
        () if z > SURPRISING => "slightly_uneven",
        () if z < -SURPRISING => "too_even",
        () => "uniform",
    };
    // Pairs of keys in one slot, beyond those that a uniform hash makes.
    let total = total as f64;
    let pairs = squares as f64 - total - total * (total - 1.0) / keys.len() as f64;
    let is_by_tags = z > SURPRISING && tag_pairs >= pairs / 2.0;
    Some(ChiSquare {
        value: rounded(value),
        degrees,
        z: rounded(z),
        verdict,
        explained_by: is_by_tags.then_some("hash_tags"),
    })
}

/// Whether a spread is that much more uneven than chance that somebody would notice.
fn matters(keys: &[u64], total: u64) -> bool {
    let slots = keys.len() as f64;
    let mean = total as f64 / slots;
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let fullest = sorted[sorted.len() - 1] as f64;
    // The most of so many Poisson numbers is hardly above this (Bernstein's inequality), and their
    // Gini coefficient is close to that of a normal distribution of the same variance.
    let chance_fullest = mean + (2.0 * mean * slots.ln()).sqrt() + slots.ln() / 3.0;
    let chance_gini = 1.0 / (std::f64::consts::PI * mean).sqrt();
    fullest > FULLER * chance_fullest || gini(&sorted) > chance_gini + GINI_ABOVE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::{SLOT_COUNT, Slot};

    #[test]
    fn gini_of_the_extremes() {
        assert_eq!(gini(&[0, 0, 0]), 0.0);
        assert_eq!(gini(&[7, 7, 7, 7]), 0.0);
        assert_eq!(gini(&[0, 0, 0, 8]), 0.75);
        assert_eq!(gini(&[1, 3]), 0.25);
    }

    /// Keys a slot.
    fn count(names: impl Iterator<Item = String>) -> Vec<u64> {
        let mut keys = vec![0u64; SLOT_COUNT];
        names.for_each(|name| keys[Slot::for_key(name.as_bytes()).index()] += 1);
        keys
    }

    fn verdict(keys: &[u64], tag_pairs: f64) -> (&'static str, Option<&'static str>) {
        let chi_square = chi_square(keys, tag_pairs).expect("enough");
        (chi_square.verdict, chi_square.explained_by)
    }

    #[test]
    fn the_hash_is_uniform_and_tags_are_not() {
        let random = |number: u64| format!("user:{number}:x{}", number * 7919);
        let mut keys = count((0..200_000).map(random));
        assert_eq!(verdict(&keys, 0.0), ("uniform", None));
        keys[5] += 3000;
        assert_eq!(verdict(&keys, 0.0), ("uneven", None), "not of a tag");
        let of_tag = 3000.0 * 2999.0;
        assert_eq!(verdict(&keys, of_tag), ("uneven", Some("hash_tags")));
        assert_eq!(verdict(&vec![10; SLOT_COUNT], 0.0), ("too_even", None));
        assert_eq!(chi_square(&vec![4; SLOT_COUNT], 0.0), None);
        let tags = count((0..100_000).map(|number| format!("t{}", number * 7919)));
        let tens: Vec<u64> = tags.iter().map(|tags| tags * 10).collect();
        let pairs = 100_000.0 * 90.0;
        assert_eq!(verdict(&tens, pairs), ("uneven", Some("hash_tags")));
    }

    #[test]
    fn ids_in_sequence_are_not_called_uneven() {
        type Name = fn(u64) -> String;
        let names: [(Name, &str); 4] = [
            (|id| format!("session:{id}:data"), "slightly_uneven"),
            (|id| format!("order:{id:08}"), "slightly_uneven"),
            (|id| format!("user:{id}"), "too_even"),
            (|id| format!("{id}"), "uniform"),
        ];
        for (name, expected) in names {
            let keys = count((0..1_000_000).map(name));
            assert_eq!(verdict(&keys, 0.0), (expected, None), "{}", name(7));
        }
        let few = count((0..100_000).map(|id| format!("session:{id}:data")));
        assert_eq!(verdict(&few, 0.0), ("slightly_uneven", None));
    }
}
