//! Makes a good assignment cheaper without making any node worse.

use super::repair::{Step, apply};
use super::work::Work;

/// Steps that lower the cost and keep every node within its limits (or no
/// further outside than it is), until there is none.
pub(super) fn polish(work: &mut Work<'_>) {
    // Each pass looks at every moved slot once; few passes find nearly all there is.
    for _ in 0..8 {
        let mut moved: Vec<u16> = (0..work.at.len() as u16)
            .filter(|slot| work.is_moved(*slot) && !work.is_locked(*slot))
            .collect();
        moved.sort_by_key(|slot| (std::cmp::Reverse(work.slot_cost(*slot)), *slot));
        let mut helped = false;
        for slot in moved {
            if !work.is_moved(slot) {
                continue;
            }
            if let Some(step) = cheaper(work, slot) {
                apply(work, step);
                helped = true;
            }
        }
        if !helped {
            return;
        }
    }
}

/// Home with it, if that is fine; else the cheapest slot of its home that can go in its place.
fn cheaper(work: &Work<'_>, slot: u16) -> Option<Step> {
    let (home, at) = (work.home(slot), usize::from(work.at[usize::from(slot)]));
    if work.model.nodes[home].is_drained {
        return None;
    }
    let load = work.slot_load(slot);
    if may_carry(work, at, home, load) && work.can_spare(at) {
        return Some(Step::Go { slot, to: home });
    }
    // The one that goes instead must be so heavy that its home stays within the
    // upper limit, and that where it goes doesn't fall below the lower one.
    let least = load - (-work.excess(home)).max(0).min((-work.missing(at)).max(0));
    let candidates = &work.here[home][work.first_from(home, least)..];
    let fits = |other: &&u16| {
        !work.is_moved(**other)
            && work.slot_cost(**other) < work.slot_cost(slot)
            && may_carry(work, at, home, load - work.slot_load(**other))
            && work.has_memory(at, **other)
    };
    // Enough to find the cheapest when costs follow loads, and bounded when they don't.
    let best = candidates
        .iter()
        .take(64)
        .filter(fits)
        .min_by_key(|other| work.slot_cost(**other));
    best.map(|other| Step::Swap {
        first: slot,
        second: *other,
    })
}

/// Whether so much load may go from one node to another (back when negative).
fn may_carry(work: &Work<'_>, from: usize, to: usize, load: i64) -> bool {
    let (from, to, load) = if load < 0 {
        (to, from, -load)
    } else {
        (from, to, load)
    };
    load == 0 || (load <= -work.missing(from) && load <= -work.excess(to))
}
