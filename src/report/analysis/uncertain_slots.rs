//! Chooses the slots for a second pass: fuller than chance explains, and their cause uncertain.
//!
//! The fullest slots of a keyspace are listed whether or not there is anything behind it: some slot is
//! always the fullest. Worth reading everything once more are those that are fuller than chance makes one
//! of so many slots, where the first pass left it open why.

use super::{Scope, Weight, units};
use crate::slot::{Slot, SlotSet};
use crate::tally::Tally;
use std::cmp::Reverse;

/// How many slots are looked at once more, by keys, by bytes and by operations each: what is counted
/// of one takes some 10 KB for each thread.
const MOST_SLOTS: usize = 64;

/// How unlikely it must be that chance makes any slot that full: `-ln` of 5 %.
const SURPRISING: f64 = 3.0;

/// The slots that a report of this length lists and whose causes aren't certain, at most 64 each by keys, by
/// bytes and by operations; none where chance explains how full each of them is.
pub fn slots_for_second_pass(tally: &Tally, top: usize) -> SlotSet {
    let scope = Scope::new(tally.coverage(), &tally.used_slots());
    let top = top.min(MOST_SLOTS);
    let mut doubtful: Vec<(Slot, bool)> = Vec::new();
    for weight in [Weight::Keys, Weight::Bytes] {
        let listed = fullest(top, |slot| units(tally, slot, weight));
        let found = |slot| match weight {
            Weight::Keys => keys(tally, slot, &scope),
            Weight::Bytes => bytes(tally, slot, &scope),
        };
        let open = tally.doubtful(&listed, weight).into_iter();
        doubtful.extend(open.map(|slot| (slot, is_surprising(&found(slot), scope.slots))));
    }
    if let Some(operations) = tally.operations() {
        let listed = fullest(top, |slot| operations.slot(slot));
        let used = Slot::all().filter(|slot| operations.slot(*slot) > 0);
        let scope = Scope::new(tally.coverage(), &used.collect());
        let mean = operations.total() as f64 / scope.slots as f64;
        let found = |slot| SlotStatistics::of_ones(operations.slot(slot), mean);
        let open = tally.doubtful_operations(&listed).into_iter();
        doubtful.extend(open.map(|slot| (slot, is_surprising(&found(slot), scope.slots))));
    }
    // Where one of them is worth it, the others cost nothing more.
    if doubtful.iter().any(|(_, is_surprising)| *is_surprising) {
        doubtful.into_iter().map(|(slot, _)| slot).collect()
    } else {
        SlotSet::new()
    }
}

/// The slots with most of something, most first, of equals by number; none that has nothing.
pub(super) fn fullest(top: usize, units: impl Fn(Slot) -> u64) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Slot::all().filter(|slot| units(*slot) > 0).collect();
    let order = |slot: &Slot| (Reverse(units(*slot)), *slot);
    if top < slots.len() {
        slots.select_nth_unstable_by_key(top, order);
        slots.truncate(top);
    }
    slots.sort_unstable_by_key(order);
    slots
}

/// A slot, beside what chance puts into one.
struct SlotStatistics {
    units: f64,
    mean: f64,
    variance: f64,
    /// The largest thing in it.
    largest: f64,
}

impl SlotStatistics {
    /// Of things that count one each.
    fn of_ones(units: u64, mean: f64) -> SlotStatistics {
        SlotStatistics {
            units: units as f64,
            mean,
            variance: mean,
            largest: 1.0,
        }
    }
}

fn keys(tally: &Tally, slot: Slot, scope: &Scope) -> SlotStatistics {
    let mean = tally.total().keys as f64 / scope.slots as f64;
    SlotStatistics::of_ones(tally.slot(slot).keys, mean)
}

/// Among keys that are no bigger than its biggest: bigger ones are elsewhere.
fn bytes(tally: &Tally, slot: Slot, scope: &Scope) -> SlotStatistics {
    let largest = tally
        .biggest_key(slot)
        .map_or(1, |key| key.size_bytes.max(1));
    let (mut sum, mut squares) = (0.0, 0.0);
    for class in tally.sizes().take_while(|class| class.from <= largest) {
        sum += class.sum as f64;
        squares += class.sum as f64 * class.to.min(largest) as f64;
    }
    SlotStatistics {
        units: tally.slot(slot).bytes as f64,
        mean: sum / scope.slots as f64,
        variance: squares / scope.slots as f64,
        largest: largest as f64,
    }
}

/// Whether chance hardly makes any of so many slots that full, by Bennett's inequality ("Probability
/// inequalities for the sum of independent random variables", JASA 57, 1962).
fn is_surprising(found: &SlotStatistics, slots: usize) -> bool {
    let excess = found.units - found.mean;
    if excess <= 0.0 {
        return false;
    }
    if found.variance <= 0.0 {
        return true;
    }
    let ratio = excess * found.largest / found.variance;
    let exponent = (1.0 + ratio) * ratio.ln_1p() - ratio;
    let exponent = found.variance / (found.largest * found.largest) * exponent;
    exponent > (slots as f64).ln() + SURPRISING
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::SLOT_COUNT;

    #[test]
    fn what_chance_makes_is_no_surprise() {
        // The fullest of 16,384 Poisson numbers of mean 61 is about 95.
        let of_keys = |keys, mean| is_surprising(&SlotStatistics::of_ones(keys, mean), SLOT_COUNT);
        assert!(!of_keys(95, 61.0));
        assert!(of_keys(120, 61.0));
        assert!(!of_keys(2, 0.06) && of_keys(8, 0.06));
        assert!(!of_keys(61, 61.0) && !of_keys(3, 61.0));
        // One slot that has everything is no surprise where there are no others.
        assert!(!is_surprising(&SlotStatistics::of_ones(7, 7.0), 1));
    }

    #[test]
    fn one_giant_is_chance_and_three_are_not() {
        // 100 giants of 50 MB among a million keys of 100 bytes.
        let giant = 50e6;
        let of_giants = |units| SlotStatistics {
            units,
            mean: (1e8 + 100.0 * giant) / SLOT_COUNT as f64,
            variance: (1e10 + 100.0 * giant * giant) / SLOT_COUNT as f64,
            largest: giant,
        };
        assert!(!is_surprising(&of_giants(giant), SLOT_COUNT));
        assert!(!is_surprising(&of_giants(2.0 * giant), SLOT_COUNT));
        assert!(is_surprising(&of_giants(3.0 * giant), SLOT_COUNT));
    }
}
