//! Exchanges on small worlds, and what holds after any number of them.

use super::super::assignment::{Assignment, Score};
use super::super::model::{Limits, Model};
use super::super::tests::model;
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
fn moved(assignment: &mut Assignment<'_>, puts: &[(u16, usize)]) {
    for (slot, node) in puts {
        assignment.lift(*slot);
        assignment.put(*slot, *node);
    }
}

fn score(assignment: &Assignment<'_>) -> Score {
    assignment.score(&assignment.limits)
}

fn at(assignment: &Assignment<'_>, slot: u16) -> usize {
    usize::from(assignment.at[usize::from(slot)])
}

#[test]
fn two_slots_on_their_way_change_places_for_nothing() {
    let model = model(&[(0, 7), (1, 5)], [u64::MAX; 4]);
    let mut assignment = Assignment::new(&model, within([(0, 0), (4, 6), (6, 8), (0, 0)]), false);
    moved(&mut assignment, &[(0, B), (1, C)]);
    let cost = score(&assignment).cost;
    reduce_violations(&mut assignment);
    assert_eq!([at(&assignment, 0), at(&assignment, 1)], [C, B]);
    assert!(score(&assignment).is_within());
    assert_eq!(score(&assignment).cost, cost);
}

#[test]
fn what_has_no_room_stays_where_it_is() {
    let rooms = [u64::MAX, u64::MAX, 5, u64::MAX];
    let model = model(&[(0, 7), (1, 5)], rooms);
    let mut assignment = Assignment::new(&model, within([(0, 0), (4, 6), (6, 8), (0, 0)]), false);
    moved(&mut assignment, &[(0, B), (1, C)]);
    reduce_violations(&mut assignment);
    assert_eq!([at(&assignment, 0), at(&assignment, 1)], [B, C]);
}

#[test]
fn a_lighter_slot_goes_in_the_stead_of_a_heavy_one() {
    let model = model(&[(0, 7), (1, 5), (2, 20)], [u64::MAX; 4]);
    let mut assignment = Assignment::new(&model, within([(0, 30), (0, 10), (0, 7), (0, 0)]), false);
    // B gives C a slot that C could have had cheaper from A's others.
    moved(&mut assignment, &[(0, B)]);
    reduce_cost(&mut assignment);
    assert!(score(&assignment).is_within());
    assert!(score(&assignment).cost < 7, "{:?}", score(&assignment));
}

/// Loads by the assignment alone.
fn summed(assignment: &Assignment<'_>, model: &Model) -> Vec<i64> {
    let mut sums = vec![0; model.nodes.len()];
    for (slot, node) in assignment.at.iter().enumerate() {
        sums[usize::from(*node)] += model.load[slot];
    }
    sums
}

#[test]
fn no_exchange_leaves_a_node_further_outside_or_a_sum_wrong() {
    let mut repaired = 0;
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
        let mut assignment =
            Assignment::new(&model, within([(fair - 3, fair + 3); 4]), seed % 2 == 0);
        for (slot, _) in &sizes {
            let node = below(8) as usize;
            if node <= D && assignment.has_memory(node, *slot) {
                moved(&mut assignment, &[(*slot, node)]);
            }
        }
        let before: Vec<i64> = (A..=D).map(|node| assignment.violation(node)).collect();
        let outside = score(&assignment);
        reduce_violations(&mut assignment);
        let middle = score(&assignment);
        for (node, before) in before.iter().enumerate() {
            assert!(
                assignment.violation(node) <= *before,
                "seed {seed}, node {node}"
            );
        }
        repaired += usize::from(!outside.is_within() && middle.is_within());
        reduce_cost(&mut assignment);
        let after = score(&assignment);
        assert!(after.cost <= middle.cost, "seed {seed}");
        assert!(
            (after.excess, after.missing) <= (middle.excess, middle.missing),
            "seed {seed}"
        );
        assert_eq!(assignment.load, summed(&assignment, &model), "seed {seed}");
    }
    assert!(repaired > 10, "{repaired} of 60");
}
