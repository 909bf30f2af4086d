//! Brings nodes within their limits: one slot goes elsewhere, or two change places.
//!
//! Every step lowers the sum of what is outside the limits, or, when that is
//! impossible, the larger excess of two nodes; so it ends.

use super::assignment::Assignment;

/// One slot to another node, or two slots in each other's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Go { slot: u16, to: usize },
    Swap { first: u16, second: u16 },
}

/// How many partners with the most room are tried first for a swap.
const NEAR: usize = 12;

/// So many slots on two nodes are too many to try all swaps for a little cost.
const LONG: usize = 400;

/// Steps until every node is within its limits, or no step helps.
pub(super) fn repair(assignment: &mut Assignment<'_>) {
    // A bound against surprises: each node is repaired a few times at most.
    let steps = assignment.bearers().count() * 6 + 24;
    repair_in(assignment, steps);
}

/// The same with so many steps at most.
pub(super) fn repair_in(assignment: &mut Assignment<'_>, steps: usize) {
    let nodes: Vec<usize> = assignment.bearers().collect();
    let mut stuck = vec![false; assignment.load.len()];
    for _ in 0..steps {
        let bad = nodes
            .iter()
            .copied()
            .filter(|node| !stuck[*node] && assignment.violation(*node) > 0);
        let Some(node) = bad.max_by_key(|node| {
            (
                assignment.relative(*node, assignment.violation(*node)),
                *node,
            )
        }) else {
            return;
        };
        let step = best_step(assignment, node, true).or_else(|| {
            (nodes.len() > NEAR + 1)
                .then(|| best_step(assignment, node, false))
                .flatten()
        });
        match step {
            Some(step) => {
                apply(assignment, step);
                stuck[node] = false;
            }
            None => stuck[node] = true,
        }
    }
}

pub(super) fn apply(assignment: &mut Assignment<'_>, step: Step) {
    match step {
        Step::Go { slot, to } => assignment.put(slot, to),
        Step::Swap { first, second } => {
            let one = usize::from(assignment.at[usize::from(first)]);
            let other = usize::from(assignment.at[usize::from(second)]);
            assignment.lift(first);
            assignment.put(second, one);
            assignment.put(first, other);
        }
    }
}

/// The step that leaves least outside the limits, then costs least.
struct Best {
    left: i64,
    cost: i64,
    step: Option<Step>,
}

impl Best {
    fn offer(&mut self, left: i64, cost: i64, step: Step) {
        if (left, cost) < (self.left, self.cost) {
            (self.left, self.cost, self.step) = (left, cost, Some(step));
        }
    }
}

fn best_step(assignment: &Assignment<'_>, node: usize, near_only: bool) -> Option<Step> {
    let gives = assignment.excess(node) > 0;
    let mut partners: Vec<usize> = assignment
        .bearers()
        .filter(|other| *other != node)
        .collect();
    let room = |other: &usize| {
        if gives {
            assignment.excess(*other)
        } else {
            assignment.missing(*other)
        }
    };
    partners.sort_by_key(|other| (room(other), *other));
    if near_only {
        partners.truncate(NEAR);
    }
    let violation = assignment.violation(node);
    // Among many slots, a step that repairs next to nothing would be followed by many like it.
    let slight = if assignment.here[node].len() > LONG / 2 {
        violation / 16
    } else {
        0
    };
    let mut best = Best {
        left: violation - slight,
        cost: 0,
        step: None,
    };
    for other in partners {
        let (from, to) = if gives { (node, other) } else { (other, node) };
        offer_steps(assignment, node, from, to, &mut best);
        if best.left == 0 && best.cost <= 0 {
            break;
        }
    }
    best.step
}

/// Offers the steps that carry load from one node to another, one of which is to be repaired.
fn offer_steps(
    assignment: &Assignment<'_>,
    repaired: usize,
    from: usize,
    to: usize,
    best: &mut Best,
) {
    // More than `least` repairs; more than `most` would push a node out of its limits.
    let least = assignment.violation(repaired);
    let most = (-assignment.missing(from)).min(-assignment.excess(to));
    let most = if repaired == from {
        most.min(-assignment.missing(from))
    } else {
        most.min(-assignment.excess(to))
    };
    if most <= 0 {
        return;
    }
    offer_goes(assignment, from, to, least, most, best);
    if best.left == 0 && assignment.here[from].len() + assignment.here[to].len() > LONG {
        // Among so many slots there is always one that does; a swap would gain next to nothing.
        return;
    }
    offer_swaps(assignment, from, to, least, most, best);
}

fn offer_goes(
    assignment: &Assignment<'_>,
    from: usize,
    to: usize,
    least: i64,
    most: i64,
    best: &mut Best,
) {
    if !assignment.can_spare(from) {
        return;
    }
    let slots = &assignment.here[from];
    let start = assignment.first_from(from, least);
    // The few lightest that are enough; below them the heaviest that isn't.
    let enough = slots[start..].iter().take(8);
    let short = slots[..start].iter().rev().take(1);
    for slot in enough.chain(short) {
        let load = assignment.slot_load(*slot);
        if load <= most && assignment.has_memory(to, *slot) {
            let left = (least - load).max(0);
            best.offer(
                left,
                assignment.cost_of(*slot, to),
                Step::Go { slot: *slot, to },
            );
        }
    }
}

fn offer_swaps(
    assignment: &Assignment<'_>,
    from: usize,
    to: usize,
    least: i64,
    most: i64,
    best: &mut Best,
) {
    let (gives, takes) = (&assignment.here[from], &assignment.here[to]);
    let mut next = 0;
    for second in takes {
        let base = assignment.slot_load(*second);
        while next < gives.len() && assignment.slot_load(gives[next]) - base < least {
            next += 1;
        }
        let below = next.checked_sub(1);
        for first in below
            .into_iter()
            .chain([next, next + 1])
            .filter_map(|index| gives.get(index))
        {
            let carried = assignment.slot_load(*first) - base;
            if carried <= 0 || carried > most {
                continue;
            }
            let left = (least - carried).max(0);
            if left > best.left {
                continue;
            }
            let cost = assignment.cost_of(*first, to) + assignment.cost_of(*second, from);
            if (left, cost) < (best.left, best.cost)
                && assignment.has_memory(to, *first)
                && assignment.has_memory(from, *second)
            {
                let step = Step::Swap {
                    first: *first,
                    second: *second,
                };
                best.offer(left, cost, step);
            }
        }
    }
}
