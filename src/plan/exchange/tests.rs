//! Exchanges on small worlds, and what holds after any number of them.

use super::super::model::{Limits, Model};
use super::super::tests::model;
use super::super::work::{Score, Work};
use super::*;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;

fn within(limits: [(i64, i64); 4]) -> Vec<Limits> {
    let limits = limits.into_iter();
    limits
        .map(|(lower, upper)| Limits { lower, upper })
        .collect()
}

/// Puts slots to nodes other than their homes.
fn moved(work: &mut Work<'_>, puts: &[(u16, usize)]) {
    for (slot, node) in puts {
        work.lift(*slot);
        work.put(*slot, *node);
    }
}

fn score(work: &Work<'_>) -> Score {
    work.score(&work.limits)
}

fn at(work: &Work<'_>, slot: u16) -> usize {
    usize::from(work.at[usize::from(slot)])
}

#[test]
fn two_slots_on_their_way_change_places_for_nothing() {
    let model = model(&[(0, 7), (1, 5)], [u64::MAX; 4]);
    let mut work = Work::new(&model, within([(0, 0), (4, 6), (6, 8), (0, 0)]), false);
    moved(&mut work, &[(0, B), (1, C)]);
    let cost = score(&work).cost;
    mend(&mut work);
    assert_eq!([at(&work, 0), at(&work, 1)], [C, B]);
    assert!(score(&work).is_within());
    assert_eq!(score(&work).cost, cost);
}

#[test]
fn what_has_no_room_stays_where_it_is() {
    let rooms = [u64::MAX, u64::MAX, 5, u64::MAX];
    let model = model(&[(0, 7), (1, 5)], rooms);
    let mut work = Work::new(&model, within([(0, 0), (4, 6), (6, 8), (0, 0)]), false);
    moved(&mut work, &[(0, B), (1, C)]);
    mend(&mut work);
    assert_eq!([at(&work, 0), at(&work, 1)], [B, C]);
}

#[test]
fn a_lighter_slot_goes_in_the_stead_of_a_heavy_one() {
    let model = model(&[(0, 7), (1, 5), (2, 20)], [u64::MAX; 4]);
    let mut work = Work::new(&model, within([(0, 30), (0, 10), (0, 7), (0, 0)]), false);
    // B gives C a slot that C could have had cheaper from A's others.
    moved(&mut work, &[(0, B)]);
    save(&mut work);
    assert!(score(&work).is_within());
    assert!(score(&work).cost < 7, "{:?}", score(&work));
}

/// Loads by the assignment alone.
fn summed(work: &Work<'_>, model: &Model) -> Vec<i64> {
    let mut sums = vec![0; model.nodes.len()];
    for (slot, node) in work.at.iter().enumerate() {
        sums[usize::from(*node)] += model.load[slot];
    }
    sums
}

#[test]
fn no_exchange_leaves_a_node_further_outside_or_a_sum_wrong() {
    let mut mended = 0;
    for seed in 0..60_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let slots = (0..40_u16).map(|index| (index % 4) * 4096 + index / 4);
        let sizes: Vec<(u16, u64)> = slots.map(|slot| (slot, 1 + below(50))).collect();
        let model = model(&sizes, [below(200), 400, 400, 400]);
        let fair = model.total / 4;
        let mut work = Work::new(&model, within([(fair - 3, fair + 3); 4]), seed % 2 == 0);
        for (slot, _) in &sizes {
            let node = below(8) as usize;
            if node <= D && work.has_memory(node, *slot) {
                moved(&mut work, &[(*slot, node)]);
            }
        }
        let before: Vec<i64> = (A..=D).map(|node| work.violation(node)).collect();
        let outside = score(&work);
        mend(&mut work);
        let middle = score(&work);
        for (node, before) in before.iter().enumerate() {
            assert!(work.violation(node) <= *before, "seed {seed}, node {node}");
        }
        mended += usize::from(!outside.is_within() && middle.is_within());
        save(&mut work);
        let after = score(&work);
        assert!(after.cost <= middle.cost, "seed {seed}");
        assert!(
            (after.excess, after.missing) <= (middle.excess, middle.missing),
            "seed {seed}"
        );
        assert_eq!(work.load, summed(&work, &model), "seed {seed}");
    }
    assert!(mended > 10, "{mended} of 60");
}
