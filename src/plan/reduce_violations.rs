//! Reduces the worst violation where the limits can't be kept: the largest excess, then the largest lack.

use super::assignment::Assignment;
use super::repair::{Step, apply};

/// On which side of its limits a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

impl Side {
    /// How far outside; negative when there is room.
    fn distance(self, assignment: &Assignment<'_>, node: usize) -> i64 {
        match self {
            Side::Above => assignment.excess(node),
            Side::Below => assignment.missing(node),
        }
    }

    /// Who gives and who takes when a node is relieved with the help of another.
    fn direction(self, node: usize, other: usize) -> [usize; 2] {
        match self {
            Side::Above => [node, other],
            Side::Below => [other, node],
        }
    }
}

/// Lowers the largest excess, then the largest lack: load goes between the
/// worst node and any other, so that the worse of the two ends less bad.
pub(super) fn reduce_violations(assignment: &mut Assignment<'_>) {
    let nodes: Vec<usize> = assignment.bearers().collect();
    for side in [Side::Above, Side::Below] {
        // A bound against surprises: each node is relieved a few times at most.
        for _ in 0..nodes.len() * 4 + 24 {
            let distance = |node: &usize| side.distance(assignment, *node);
            let bad = nodes.iter().copied().filter(|node| distance(node) > 0);
            let worst = bad.max_by_key(|node| (assignment.relative(*node, distance(node)), *node));
            let Some(step) = worst.and_then(|node| relief(assignment, side, node, &nodes)) else {
                break;
            };
            apply(assignment, step);
        }
    }
}

/// The step after which the worse of the two nodes is least outside. To fill a
/// node makes no excess larger than the largest that there is.
fn relief(assignment: &Assignment<'_>, side: Side, node: usize, nodes: &[usize]) -> Option<Step> {
    let distance = |node: usize| side.distance(assignment, node);
    let now = assignment.relative(node, distance(node));
    let excesses = nodes
        .iter()
        .map(|node| assignment.relative(*node, assignment.excess(*node).max(0)));
    let ceiling = excesses.max()?;
    let mut best: Option<(i128, i64, Step)> = None;
    let mut others: Vec<usize> = nodes.to_vec();
    others.retain(|other| *other != node);
    others.sort_by_key(|other| (distance(*other), *other));
    for other in others {
        // Half of the difference carried over is the best that two nodes can do.
        let half = (distance(node) - distance(other)) / 2;
        let ideal = assignment.relative(node, distance(node) - half);
        if best.as_ref().is_some_and(|(worse, ..)| ideal >= *worse) {
            continue;
        }
        for Carrier {
            carried,
            cost,
            step,
        } in carriers(assignment, side.direction(node, other))
        {
            let here = assignment.relative(node, distance(node) - carried);
            let worse = here.max(assignment.relative(other, distance(other) + carried));
            let fits = side == Side::Above
                || assignment.relative(node, assignment.excess(node) + carried) <= ceiling;
            let is_better = best
                .as_ref()
                .is_none_or(|(known, paid, _)| (worse, cost) < (*known, *paid));
            if fits && worse < now - (now >> 10) && is_better {
                best = Some((worse, cost, step));
            }
        }
    }
    best.map(|(_, _, step)| step)
}

/// A step and the load that it carries.
#[derive(Clone, Copy)]
struct Carrier {
    carried: i64,
    cost: i64,
    step: Step,
}

/// The step of one slot and that of two which carry nearest to half of what
/// sets two nodes apart.
fn carriers(
    assignment: &Assignment<'_>,
    [from, to]: [usize; 2],
) -> impl Iterator<Item = Carrier> + use<> {
    let half = (assignment.excess(from) - assignment.excess(to)) / 2;
    let (mut go, mut swap) = (None, None);
    if half > 0 {
        let start = assignment.first_from(from, half);
        let around = start.saturating_sub(1)..(start + 1).min(assignment.here[from].len());
        for slot in assignment.here[from][around]
            .iter()
            .copied()
            .filter(|_| assignment.can_spare(from))
        {
            if assignment.has_memory(to, slot) {
                let step = Step::Go { slot, to };
                let carried = assignment.slot_load(slot);
                keep_nearest(
                    &mut go,
                    half,
                    Carrier {
                        carried,
                        cost: assignment.cost_of(slot, to),
                        step,
                    },
                );
            }
        }
        nearest_swap(assignment, [from, to], half, &mut swap);
    }
    go.into_iter().chain(swap)
}

fn nearest_swap(
    assignment: &Assignment<'_>,
    [from, to]: [usize; 2],
    half: i64,
    swap: &mut Option<Carrier>,
) {
    let gives = &assignment.here[from];
    let mut next = 0;
    for second in &assignment.here[to] {
        let base = assignment.slot_load(*second);
        while next < gives.len() && assignment.slot_load(gives[next]) - base < half {
            next += 1;
        }
        for first in next
            .checked_sub(1)
            .into_iter()
            .chain([next])
            .filter_map(|index| gives.get(index))
        {
            let carried = assignment.slot_load(*first) - base;
            let is_nearer =
                swap.is_none_or(|it| (carried - half).abs() <= (it.carried - half).abs());
            if carried > 0
                && is_nearer
                && assignment.has_memory(to, *first)
                && assignment.has_memory(from, *second)
            {
                let cost = assignment.cost_of(*first, to) + assignment.cost_of(*second, from);
                let step = Step::Swap {
                    first: *first,
                    second: *second,
                };
                keep_nearest(
                    swap,
                    half,
                    Carrier {
                        carried,
                        cost,
                        step,
                    },
                );
            }
        }
    }
}

fn keep_nearest(best: &mut Option<Carrier>, half: i64, offered: Carrier) {
    let key = |it: &Carrier| ((it.carried - half).abs(), it.cost);
    if best.as_ref().is_none_or(|best| key(&offered) < key(best)) {
        *best = Some(offered);
    }
}
