//! How even a distribution over slots is.

use super::super::numbers::rounded;
use serde::Serialize;

/// Below so many keys a slot on average, the chi-square test says nothing (Cochran's rule).
const LEAST_MEAN: u64 = 5;

/// From how many standard deviations on a spread isn't chance.
const SURPRISING: f64 = 4.0;

/// Whether the keys lie as a uniform hash would put them.
///
/// Pearson's chi-square against equal slots; for so many degrees of freedom it
/// is close to normal, so `z` tells by how many standard deviations it is off.
#[derive(Debug, PartialEq, Serialize)]
pub struct ChiSquare {
    /// The statistic.
    pub value: f64,
    /// Its degrees of freedom, slots less one.
    pub degrees: usize,
    /// By how many standard deviations it is above what is expected.
    pub z: f64,
    /// `uniform`, `uneven` (more keys share slots than chance explains) or
    /// `too_even` (keys were chosen for their slots, or slots were sampled).
    pub verdict: &'static str,
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

/// The chi-square of keys over slots; nothing with too few keys.
pub(super) fn chi_square(keys: &[u64]) -> Option<ChiSquare> {
    let total: u64 = keys.iter().sum();
    if total < LEAST_MEAN * keys.len() as u64 {
        return None;
    }
    let squares: u128 = keys.iter().map(|keys| u128::from(*keys).pow(2)).sum();
    let value = squares as f64 * keys.len() as f64 / total as f64 - total as f64;
    let degrees = keys.len() - 1;
    let z = (value - degrees as f64) / (2.0 * degrees as f64).sqrt();
    let verdict = match () {
        () if z > SURPRISING => "uneven",
        () if z < -SURPRISING => "too_even",
        () => "uniform",
    };
    Some(ChiSquare {
        value: rounded(value),
        degrees,
        z: rounded(z),
        verdict,
    })
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

    #[test]
    fn the_hash_is_uniform_and_tags_are_not() {
        let mut keys = vec![0u64; SLOT_COUNT];
        for number in 0..200_000 {
            keys[Slot::for_key(format!("user:{number}:x{}", number * 7919).as_bytes()).index()] +=
                1;
        }
        assert_eq!(chi_square(&keys).expect("enough").verdict, "uniform");
        keys[5] += 3000;
        assert_eq!(chi_square(&keys).expect("enough").verdict, "uneven");
        assert_eq!(
            chi_square(&vec![10; SLOT_COUNT]).expect("enough").verdict,
            "too_even"
        );
        assert_eq!(chi_square(&vec![4; SLOT_COUNT]), None);
    }
}
