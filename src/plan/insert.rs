//! Gives the slots that have left their nodes new ones.

use super::assignment::Assignment;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Gives every slot of the pool a node, the heaviest first, each to the node
/// that lacks most (Graham's longest processing time first, 1969).
pub(super) fn insert(assignment: &mut Assignment<'_>, mut pool: Vec<u16>) {
    assignment.sort_heaviest(&mut pool);
    let aims = aims(assignment, &pool);
    let mut lacking: BinaryHeap<(i64, Reverse<usize>)> = assignment
        .bearers()
        .map(|node| (aims[node] - assignment.load[node], Reverse(node)))
        .collect();
    for slot in pool {
        let mut passed = Vec::new();
        let mut target = None;
        while let Some((lack, node)) = lacking.pop() {
            if assignment.has_memory(node.0, slot) {
                target = Some((lack, node));
                break;
            }
            passed.push((lack, node));
        }
        lacking.extend(passed);
        match target {
            Some((lack, node)) => {
                assignment.put(slot, node.0);
                lacking.push((lack - assignment.slot_load(slot), node));
            }
            // Nobody has the memory: it stays, and what must hold is looked at afterwards.
            None => assignment.put(slot, assignment.home(slot)),
        }
    }
}

/// Places every heavy slot anew, the heaviest first: at home where it fits
/// beside those that were placed before, else where there is most room.
///
/// Heavy is what a node's limits leave no room to be careless with.
pub(super) fn reinsert_heavy(assignment: &mut Assignment<'_>) {
    let width = |node: usize| assignment.limits[node].upper - assignment.limits[node].lower;
    let heavy = assignment.bearers().map(width).max().unwrap_or(0) / 4;
    let mut slots: Vec<u16> = (0..assignment.here.len())
        .flat_map(|node| assignment.here[node][assignment.first_from(node, heavy + 1)..].to_vec())
        .collect();
    assignment.sort_heaviest(&mut slots);
    let mut placed: Vec<i64> = assignment.load.clone();
    for slot in assignment.here.iter().flatten() {
        // What can't be placed anew is there already.
        placed[assignment.home(*slot)] -= assignment.slot_load(*slot);
    }
    let room = |assignment: &Assignment<'_>, placed: &[i64], node: usize| {
        assignment.relative(node, assignment.limits[node].upper - placed[node])
    };
    let mut roomiest: BinaryHeap<(i128, Reverse<usize>)> = assignment
        .bearers()
        .map(|node| (room(assignment, &placed, node), Reverse(node)))
        .collect();
    for slot in slots {
        let (home, load) = (assignment.home(slot), assignment.slot_load(slot));
        let stays = assignment.limits[home].upper - placed[home] >= load
            && assignment.has_memory(home, slot);
        if stays {
            placed[home] += load;
            continue;
        }
        let mut passed = Vec::new();
        while let Some((known, Reverse(node))) = roomiest.pop() {
            let now = room(assignment, &placed, node);
            if now < known {
                // Something was placed there since: it waits for its turn again.
                roomiest.push((now, Reverse(node)));
                continue;
            }
            passed.push((now, Reverse(node)));
            if assignment.has_memory(node, slot) {
                placed[node] += load;
                if node != home && assignment.can_spare(home) {
                    assignment.put(slot, node);
                }
                break;
            }
        }
        roomiest.extend(passed);
    }
}

/// The load that every node is filled up to: the same way from the lower to
/// the upper limit for each, so that the whole pool finds a place.
fn aims(assignment: &Assignment<'_>, pool: &[u16]) -> Vec<i64> {
    const LEVELS: i64 = 1024;
    let waiting: i64 = pool.iter().map(|slot| assignment.slot_load(*slot)).sum();
    let aim = |node: usize, level: i64| {
        let limits = assignment.limits[node];
        let width = i128::from(limits.upper.min(i64::MAX / 2) - limits.lower) * i128::from(level);
        limits.lower + (width / i128::from(LEVELS)) as i64
    };
    let room = |level: i64| -> i64 {
        assignment
            .bearers()
            .map(|node| (aim(node, level) - assignment.load[node]).max(0))
            .sum()
    };
    let (mut low, mut high) = (0, LEVELS);
    while low < high {
        let middle = (low + high) / 2;
        if room(middle) >= waiting {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (0..assignment.load.len())
        .map(|node| aim(node, low))
        .collect()
}

/// Gives slots of the same weight away in runs: one node after the other is filled.
pub(super) fn insert_in_turn(assignment: &mut Assignment<'_>, mut pool: Vec<u16>) {
    pool.sort_by_key(|slot| (assignment.home(*slot), *slot));
    let mut targets: Vec<usize> = assignment
        .bearers()
        .filter(|node| assignment.missing(*node) > 0)
        .collect();
    for slot in pool {
        targets.retain(|node| assignment.missing(*node) > 0);
        let target = targets
            .iter()
            .copied()
            .find(|node| assignment.has_memory(*node, slot));
        assignment.put(slot, target.unwrap_or(assignment.home(slot)));
    }
}
