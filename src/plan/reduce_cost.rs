//! Reduces the cost of an assignment without making any node worse: slots go home, or lighter ones go instead.

use super::assignment::Assignment;
use super::repair::{Step, apply};

/// Steps that lower the cost and keep every node within its limits (or no
/// further outside than it is), until there is none.
pub(super) fn reduce_cost(assignment: &mut Assignment<'_>) {
    // Each pass looks at every moved slot once; few passes find nearly all there is.
    for _ in 0..8 {
        let mut moved: Vec<u16> = (0..assignment.at.len() as u16)
            .filter(|slot| assignment.is_moved(*slot) && !assignment.is_locked(*slot))
            .collect();
        moved.sort_by_key(|slot| (std::cmp::Reverse(assignment.slot_cost(*slot)), *slot));
        let mut helped = false;
        for slot in moved {
            if !assignment.is_moved(slot) {
                continue;
            }
            if let Some(step) = cheaper(assignment, slot) {
                apply(assignment, step);
                helped = true;
            }
        }
        if !helped {
            return;
        }
    }
}

/// Home with it, if that is fine; else the cheapest slot of its home that can go in its place.
fn cheaper(assignment: &Assignment<'_>, slot: u16) -> Option<Step> {
    let (home, at) = (
        assignment.home(slot),
        usize::from(assignment.at[usize::from(slot)]),
    );
    if assignment.model.nodes[home].is_drained {
        return None;
    }
    let load = assignment.slot_load(slot);
    if may_carry(assignment, at, home, load) && assignment.can_spare(at) {
        return Some(Step::Go { slot, to: home });
    }
    // The one that goes instead must be so heavy that its home stays within the
    // upper limit, and that where it goes doesn't fall below the lower one.
    let least = load
        - (-assignment.excess(home))
            .max(0)
            .min((-assignment.missing(at)).max(0));
    let candidates = &assignment.here[home][assignment.first_from(home, least)..];
    let fits = |other: &&u16| {
        !assignment.is_moved(**other)
            && assignment.slot_cost(**other) < assignment.slot_cost(slot)
            && may_carry(assignment, at, home, load - assignment.slot_load(**other))
            && assignment.has_memory(at, **other)
    };
    // Enough to find the cheapest when costs follow loads, and bounded when they don't.
    let best = candidates
        .iter()
        .take(64)
        .filter(fits)
        .min_by_key(|other| assignment.slot_cost(**other));
    best.map(|other| Step::Swap {
        first: slot,
        second: *other,
    })
}

/// Whether so much load may go from one node to another (back when negative).
fn may_carry(assignment: &Assignment<'_>, from: usize, to: usize, load: i64) -> bool {
    let (from, to, load) = if load < 0 {
        (to, from, -load)
    } else {
        (from, to, load)
    };
    load == 0 || (load <= -assignment.missing(from) && load <= -assignment.excess(to))
}
