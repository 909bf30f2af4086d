//! Where the limits can't be kept: the worst node is made less bad, as long as that goes.
//!
//! First what is above the limits, then what is missing to them.

use super::repair::{Step, apply};
use super::work::Work;

/// On which side of its limits a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

impl Side {
    /// How far outside; negative when there is room.
    fn distance(self, work: &Work<'_>, node: usize) -> i64 {
        match self {
            Side::Above => work.excess(node),
            Side::Below => work.missing(node),
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
pub(super) fn soften(work: &mut Work<'_>) {
    let nodes: Vec<usize> = work.bearers().collect();
    for side in [Side::Above, Side::Below] {
        // A bound against surprises: each node is relieved a few times at most.
        for _ in 0..nodes.len() * 4 + 24 {
            let distance = |node: &usize| side.distance(work, *node);
            let bad = nodes.iter().copied().filter(|node| distance(node) > 0);
            let worst = bad.max_by_key(|node| (work.relative(*node, distance(node)), *node));
            let Some(step) = worst.and_then(|node| relief(work, side, node, &nodes)) else {
                break;
            };
            apply(work, step);
        }
    }
}

/// The step after which the worse of the two nodes is least outside. To fill a
/// node makes no excess larger than the largest that there is.
fn relief(work: &Work<'_>, side: Side, node: usize, nodes: &[usize]) -> Option<Step> {
    let distance = |node: usize| side.distance(work, node);
    let now = work.relative(node, distance(node));
    let excesses = nodes
        .iter()
        .map(|node| work.relative(*node, work.excess(*node).max(0)));
    let ceiling = excesses.max()?;
    let mut best: Option<(i128, i64, Step)> = None;
    let mut others: Vec<usize> = nodes.to_vec();
    others.retain(|other| *other != node);
    others.sort_by_key(|other| (distance(*other), *other));
    for other in others {
        // Half of the difference carried over is the best that two nodes can do.
        let half = (distance(node) - distance(other)) / 2;
        let ideal = work.relative(node, distance(node) - half);
        if best.as_ref().is_some_and(|(worse, ..)| ideal >= *worse) {
            continue;
        }
        for Carrier {
            carried,
            cost,
            step,
        } in carriers(work, side.direction(node, other))
        {
            let here = work.relative(node, distance(node) - carried);
            let worse = here.max(work.relative(other, distance(other) + carried));
            let fits =
                side == Side::Above || work.relative(node, work.excess(node) + carried) <= ceiling;
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
fn carriers(work: &Work<'_>, [from, to]: [usize; 2]) -> impl Iterator<Item = Carrier> + use<> {
    let half = (work.excess(from) - work.excess(to)) / 2;
    let (mut go, mut swap) = (None, None);
    if half > 0 {
        let start = work.first_from(from, half);
        let around = start.saturating_sub(1)..(start + 1).min(work.here[from].len());
        for slot in work.here[from][around]
            .iter()
            .copied()
            .filter(|_| work.can_spare(from))
        {
            if work.has_memory(to, slot) {
                let step = Step::Go { slot, to };
                let carried = work.slot_load(slot);
                keep_nearest(
                    &mut go,
                    half,
                    Carrier {
                        carried,
                        cost: work.cost_of(slot, to),
                        step,
                    },
                );
            }
        }
        nearest_swap(work, [from, to], half, &mut swap);
    }
    go.into_iter().chain(swap)
}

fn nearest_swap(work: &Work<'_>, [from, to]: [usize; 2], half: i64, swap: &mut Option<Carrier>) {
    let gives = &work.here[from];
    let mut next = 0;
    for second in &work.here[to] {
        let base = work.slot_load(*second);
        while next < gives.len() && work.slot_load(gives[next]) - base < half {
            next += 1;
        }
        for first in next
            .checked_sub(1)
            .into_iter()
            .chain([next])
            .filter_map(|index| gives.get(index))
        {
            let carried = work.slot_load(*first) - base;
            let is_nearer =
                swap.is_none_or(|it| (carried - half).abs() <= (it.carried - half).abs());
            if carried > 0
                && is_nearer
                && work.has_memory(to, *first)
                && work.has_memory(from, *second)
            {
                let cost = work.cost_of(*first, to) + work.cost_of(*second, from);
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
