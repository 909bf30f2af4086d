//! The lightest set of slots that weighs at least so much.
//!
//! For few slots exactly, by the two-list method of Horowitz and Sahni (1974);
//! for any number exactly as long as three slots are enough.

/// Up to so many slots every subset is looked at: 2 x 1,024 sums.
pub(super) const FEW: usize = 20;

/// Of slots in ascending order, the subset with the least sum from `least` to
/// `most`, by index; none when there is no such subset.
///
/// # Panics
/// When there are more than [`FEW`].
pub(super) fn lightest(loads: &[i64], least: i64, most: i64) -> Option<(i64, Vec<usize>)> {
    assert!(loads.len() <= FEW, "every subset is looked at");
    let (left, right) = loads.split_at(loads.len() / 2);
    let (left, right) = (sums(left), sums(right));
    let mut best: Option<(i64, u32, u32)> = None;
    let mut high = right.len();
    // Ascending on the left, descending on the right: each pair is the lightest that is enough.
    for (sum, mask) in &left {
        while high > 0 && sum + right[high - 1].0 >= least {
            high -= 1;
        }
        if let Some((other, other_mask)) = right.get(high) {
            let whole = sum + other;
            if whole <= most && best.is_none_or(|(known, ..)| whole < known) {
                best = Some((whole, *mask, *other_mask));
            }
        }
    }
    let (sum, mask, other) = best?;
    let half = loads.len() / 2;
    let is_in = |index: &usize| {
        if *index < half {
            mask >> index & 1 == 1
        } else {
            other >> (index - half) & 1 == 1
        }
    };
    Some((sum, (0..loads.len()).filter(is_in).collect()))
}

/// The sum of every subset, ascending.
fn sums(loads: &[i64]) -> Vec<(i64, u32)> {
    let mut sums = vec![(0, 0)];
    for (index, load) in loads.iter().enumerate() {
        // Both lists are sorted, so they are merged.
        let mut merged = Vec::with_capacity(2 * sums.len());
        let mut without = sums.iter().copied().peekable();
        for (sum, mask) in &sums {
            let with = (sum + load, mask | 1 << index);
            while let Some(lighter) = without.next_if(|known| *known <= with) {
                merged.push(lighter);
            }
            merged.push(with);
        }
        merged.extend(without);
        sums = merged;
    }
    sums
}

/// Of slots in ascending order, the one, two or three with the least sum from
/// `least` to `most`, by index. Takes the square of their number.
pub(super) fn lightest_three(loads: &[i64], least: i64, most: i64) -> Option<(i64, Vec<usize>)> {
    let mut best: Option<(i64, [usize; 3], usize)> = None;
    let mut offer = |sum: i64, parts: [usize; 3], count: usize| {
        let is_better = best.is_none_or(|(known, ..)| sum < known);
        if sum >= least && sum <= most && is_better {
            best = Some((sum, parts, count));
        }
    };
    let single = loads.partition_point(|load| *load < least);
    if let Some(load) = loads.get(single) {
        offer(*load, [single, 0, 0], 1);
    }
    for first in 0..loads.len() {
        // Two pointers: the lightest pair from the rest that is enough with the first.
        let (mut low, mut high) = (first + 1, loads.len());
        while low < high {
            let second = high - 1;
            if loads[first] + loads[second] >= least {
                offer(loads[first] + loads[second], [first, second, 0], 2);
            }
            if low == second {
                break;
            }
            let sum = loads[first] + loads[low] + loads[second];
            offer(sum, [first, low, second], 3);
            if sum >= least { high -= 1 } else { low += 1 }
        }
    }
    best.map(|(sum, parts, count)| (sum, parts[..count].to_vec()))
}

/// A sum that no subset which weighs at least `least` is below.
pub(super) fn at_least(loads: &[i64], least: i64) -> i64 {
    /// Longer lists aren't looked at in threes.
    const LONGEST: usize = 600;
    let lightest_of = |count: usize| loads.iter().take(count).sum::<i64>().max(least);
    if least <= 0 {
        return 0;
    }
    if loads.len() <= FEW {
        return lightest(loads, least, i64::MAX).map_or(least, |(sum, _)| sum);
    }
    if loads.len() <= LONGEST && least < lightest_of(4) {
        // Four slots or more weigh at least what the lightest four do.
        let three = lightest_three(loads, least, i64::MAX).map_or(i64::MAX, |(sum, _)| sum);
        return three.min(lightest_of(4));
    }
    let single = loads.get(loads.partition_point(|load| *load < least));
    single.copied().unwrap_or(i64::MAX).min(lightest_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(loads: &[i64], least: i64, most: i64, largest: u32) -> Option<i64> {
        let subsets = (0_u32..1 << loads.len()).filter(|mask| mask.count_ones() <= largest);
        let sums = subsets.map(|mask| {
            let parts = loads
                .iter()
                .enumerate()
                .filter(|(index, _)| mask >> index & 1 == 1);
            parts.map(|(_, load)| load).sum::<i64>()
        });
        sums.filter(|sum| (least..=most).contains(sum)).min()
    }

    proptest! {
        #[test]
        fn finds_what_trying_all_finds(
            mut loads in proptest::collection::vec(1_i64..50, 0..11),
            least in 1_i64..200,
            width in 0_i64..30,
        ) {
            loads.sort_unstable();
            let most = least + width;
            let found = lightest(&loads, least, most);
            prop_assert_eq!(found.as_ref().map(|(sum, _)| *sum), naive(&loads, least, most, 99));
            for (sum, parts) in found.into_iter().chain(lightest_three(&loads, least, most)) {
                prop_assert_eq!(sum, parts.iter().map(|part| loads[*part]).sum::<i64>());
            }
            let three = lightest_three(&loads, least, i64::MAX).map(|(sum, _)| sum);
            prop_assert_eq!(three, naive(&loads, least, i64::MAX, 3));
            if let Some(best) = naive(&loads, least, i64::MAX, 99) {
                prop_assert!(at_least(&loads, least) <= best);
            }
        }
    }
}
