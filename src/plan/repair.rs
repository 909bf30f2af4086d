//! Brings nodes within their limits: one slot goes elsewhere, or two change places.
//!
//! Every step lowers the sum of what is outside the limits, or, when that is
//! impossible, the larger excess of two nodes; so it ends.

use super::work::Work;

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
pub(super) fn repair(work: &mut Work<'_>) {
    // A bound against surprises: each node is mended a few times at most.
    let steps = work.bearers().count() * 6 + 24;
    repair_in(work, steps);
}

/// The same with so many steps at most.
pub(super) fn repair_in(work: &mut Work<'_>, steps: usize) {
    let nodes: Vec<usize> = work.bearers().collect();
    let mut stuck = vec![false; work.load.len()];
    for _ in 0..steps {
        let bad = nodes
            .iter()
            .copied()
            .filter(|node| !stuck[*node] && work.violation(*node) > 0);
        let Some(node) =
            bad.max_by_key(|node| (work.relative(*node, work.violation(*node)), *node))
        else {
            return;
        };
        let step = best_step(work, node, true).or_else(|| {
            (nodes.len() > NEAR + 1)
                .then(|| best_step(work, node, false))
                .flatten()
        });
        match step {
            Some(step) => {
                apply(work, step);
                stuck[node] = false;
            }
            None => stuck[node] = true,
        }
    }
}

pub(super) fn apply(work: &mut Work<'_>, step: Step) {
    match step {
        Step::Go { slot, to } => work.put(slot, to),
        Step::Swap { first, second } => {
            let one = usize::from(work.at[usize::from(first)]);
            let other = usize::from(work.at[usize::from(second)]);
            work.lift(first);
            work.put(second, one);
            work.put(first, other);
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

fn best_step(work: &Work<'_>, node: usize, near_only: bool) -> Option<Step> {
    let gives = work.excess(node) > 0;
    let mut partners: Vec<usize> = work.bearers().filter(|other| *other != node).collect();
    let room = |other: &usize| match gives {
        true => work.excess(*other),
        false => work.missing(*other),
    };
    partners.sort_by_key(|other| (room(other), *other));
    if near_only {
        partners.truncate(NEAR);
    }
    let violation = work.violation(node);
    // Among many slots, a step that mends next to nothing would be followed by many like it.
    let slight = if work.here[node].len() > LONG / 2 {
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
        offer_steps(work, node, from, to, &mut best);
        if best.left == 0 && best.cost <= 0 {
            break;
        }
    }
    best.step
}

/// Offers the steps that carry load from one node to another, one of which is to be mended.
fn offer_steps(work: &Work<'_>, mended: usize, from: usize, to: usize, best: &mut Best) {
    // More than `least` mends; more than `most` would push a node out of its limits.
    let least = work.violation(mended);
    let most = (-work.missing(from)).min(-work.excess(to));
    let most = match mended == from {
        true => most.min(-work.missing(from)),
        false => most.min(-work.excess(to)),
    };
    if most <= 0 {
        return;
    }
    offer_goes(work, from, to, least, most, best);
    if best.left == 0 && work.here[from].len() + work.here[to].len() > LONG {
        // Among so many slots there is always one that does; a swap would gain next to nothing.
        return;
    }
    offer_swaps(work, from, to, least, most, best);
}

fn offer_goes(work: &Work<'_>, from: usize, to: usize, least: i64, most: i64, best: &mut Best) {
    if !work.can_spare(from) {
        return;
    }
    let slots = &work.here[from];
    let start = work.first_from(from, least);
    // The few lightest that are enough; below them the heaviest that isn't.
    let enough = slots[start..].iter().take(8);
    let short = slots[..start].iter().rev().take(1);
    for slot in enough.chain(short) {
        let load = work.slot_load(*slot);
        if load <= most && work.has_memory(to, *slot) {
            let left = (least - load).max(0);
            best.offer(left, work.cost_of(*slot, to), Step::Go { slot: *slot, to });
        }
    }
}

fn offer_swaps(work: &Work<'_>, from: usize, to: usize, least: i64, most: i64, best: &mut Best) {
    let (gives, takes) = (&work.here[from], &work.here[to]);
    let mut next = 0;
    for second in takes {
        let base = work.slot_load(*second);
        while next < gives.len() && work.slot_load(gives[next]) - base < least {
            next += 1;
        }
        let below = next.checked_sub(1);
        for first in below
            .into_iter()
            .chain([next, next + 1])
            .filter_map(|index| gives.get(index))
        {
            let carried = work.slot_load(*first) - base;
            if carried <= 0 || carried > most {
                continue;
            }
            let left = (least - carried).max(0);
            if left > best.left {
                continue;
            }
            let cost = work.cost_of(*first, to) + work.cost_of(*second, from);
            if (left, cost) < (best.left, best.cost)
                && work.has_memory(to, *first)
                && work.has_memory(from, *second)
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
