//! Where slots go that have left their nodes.

use super::work::Work;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Gives every slot of the pool a node, the heaviest first, each to the node
/// that lacks most (Graham's longest processing time first, 1969).
pub(super) fn fill(work: &mut Work<'_>, mut pool: Vec<u16>) {
    work.sort_heaviest(&mut pool);
    let aims = aims(work, &pool);
    let mut lacking: BinaryHeap<(i64, Reverse<usize>)> = work
        .bearers()
        .map(|node| (aims[node] - work.load[node], Reverse(node)))
        .collect();
    for slot in pool {
        let mut passed = Vec::new();
        let mut target = None;
        while let Some((lack, node)) = lacking.pop() {
            if work.has_memory(node.0, slot) {
                target = Some((lack, node));
                break;
            }
            passed.push((lack, node));
        }
        lacking.extend(passed);
        match target {
            Some((lack, node)) => {
                work.put(slot, node.0);
                lacking.push((lack - work.slot_load(slot), node));
            }
            // Nobody has the memory: it stays, and what must hold is looked at afterwards.
            None => work.put(slot, work.home(slot)),
        }
    }
}

/// Places every heavy slot anew, the heaviest first: at home where it fits
/// beside those that were placed before, else where there is most room.
///
/// Heavy is what a node's limits leave no room to be careless with.
pub(super) fn place_heavy(work: &mut Work<'_>) {
    let width = |node: usize| work.limits[node].upper - work.limits[node].lower;
    let heavy = work.bearers().map(width).max().unwrap_or(0) / 4;
    let mut slots: Vec<u16> = (0..work.here.len())
        .flat_map(|node| work.here[node][work.first_from(node, heavy + 1)..].to_vec())
        .collect();
    work.sort_heaviest(&mut slots);
    let mut placed: Vec<i64> = work.load.clone();
    for slot in work.here.iter().flatten() {
        // What can't be placed anew is there already.
        placed[work.home(*slot)] -= work.slot_load(*slot);
    }
    let room = |work: &Work<'_>, placed: &[i64], node: usize| {
        work.relative(node, work.limits[node].upper - placed[node])
    };
    let mut roomiest: BinaryHeap<(i128, Reverse<usize>)> = work
        .bearers()
        .map(|node| (room(work, &placed, node), Reverse(node)))
        .collect();
    for slot in slots {
        let (home, load) = (work.home(slot), work.slot_load(slot));
        let stays = work.limits[home].upper - placed[home] >= load && work.has_memory(home, slot);
        if stays {
            placed[home] += load;
            continue;
        }
        let mut passed = Vec::new();
        while let Some((known, Reverse(node))) = roomiest.pop() {
            let now = room(work, &placed, node);
            if now < known {
                // Something was placed there since: it waits for its turn again.
                roomiest.push((now, Reverse(node)));
                continue;
            }
            passed.push((now, Reverse(node)));
            if work.has_memory(node, slot) {
                placed[node] += load;
                if node != home && work.can_spare(home) {
                    work.put(slot, node);
                }
                break;
            }
        }
        roomiest.extend(passed);
    }
}

/// The load that every node is filled up to: the same way from the lower to
/// the upper limit for each, so that the whole pool finds a place.
fn aims(work: &Work<'_>, pool: &[u16]) -> Vec<i64> {
    const LEVELS: i64 = 1024;
    let waiting: i64 = pool.iter().map(|slot| work.slot_load(*slot)).sum();
    let aim = |node: usize, level: i64| {
        let limits = work.limits[node];
        let width = i128::from(limits.upper.min(i64::MAX / 2) - limits.lower) * i128::from(level);
        limits.lower + (width / i128::from(LEVELS)) as i64
    };
    let room = |level: i64| -> i64 {
        work.bearers()
            .map(|node| (aim(node, level) - work.load[node]).max(0))
            .sum()
    };
    let (mut low, mut high) = (0, LEVELS);
    while low < high {
        let middle = (low + high) / 2;
        match room(middle) >= waiting {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    (0..work.load.len()).map(|node| aim(node, low)).collect()
}

/// Gives slots of the same weight away in runs: one node after the other is filled.
pub(super) fn fill_in_turn(work: &mut Work<'_>, mut pool: Vec<u16>) {
    pool.sort_by_key(|slot| (work.home(*slot), *slot));
    let mut targets: Vec<usize> = work
        .bearers()
        .filter(|node| work.missing(*node) > 0)
        .collect();
    for slot in pool {
        targets.retain(|node| work.missing(*node) > 0);
        let target = targets
            .iter()
            .copied()
            .find(|node| work.has_memory(*node, slot));
        work.put(slot, target.unwrap_or(work.home(slot)));
    }
}
