//! Moves slots in blocks: of the plans that cost about the least, the one with the fewest runs.
//!
//! Every client of a cluster reads who has which slots, as a list of runs
//! (`CLUSTER SLOTS`), again after each change. A plan that takes single slots
//! out of a run of thousands makes that list hundreds of times as long, and
//! blocks of contiguous slots carry the same load.
//!
//! A few plans are made and the best of them is kept: the cheapest one as it
//! is, the same with blocks for all but its hot slots ([`deal`]; what is hot is
//! tried at several weights), and each of them smoothed ([`smooth`]). The plan
//! that is chosen keeps the same limits, costs no more than so much above the
//! cheapest, and has the fewest runs.
//!
//! On seeded instances of 3 to 1,000 nodes that comes to one to three runs a
//! node, with uniform weights and with giants (`benches/RESULTS.md`).

mod deal;
mod layout;
mod smooth;
#[cfg(test)]
mod tests;
mod window;

use super::assignment::Assignment;
use super::fragmentation::{ExtraCost, Fragmentation};
use super::model::Limits;
use super::repair;
use layout::{Layout, Sums};

/// What is hot: so many parts of the widest room between a node's limits make
/// it; nothing is with none. A block is cut to the weight of its lightest
/// slots, so that slots as heavy as the room itself seldom fit into one.
const HOT: [i64; 3] = [0, 1, 4];

/// A cut may leave nodes outside their limits. So many, and one more for each
/// so many nodes, are repaired with single slots; where it is more, blocks are
/// no way, and to repair them would take long.
const REPAIRED: usize = 24;
const NODES_A_REPAIRED_ONE: usize = 64;

/// Where too many runs are left, what may be moved beyond the least is raised:
/// a twentieth, a fifth, as much again, anything.
const RAISED: [i64; 4] = [20, 5, 1, 0];

/// A plan is near the lower bound when it is above it by one part in so many.
const NEAR: u64 = 20;

/// The assignment with the fewest runs among those that cost at most so much
/// more than `at` as is wanted, and keep these limits as well as it does.
pub(super) fn with_fewest_runs(
    assignment: &Assignment<'_>,
    at: Vec<u16>,
    limits: &[Limits],
    bound: u64,
    wanted: Fragmentation,
) -> Vec<u16> {
    let is_empty = at == assignment.model.home;
    if is_empty && !wanted.is_aim() {
        return at;
    }
    let sums = Sums::of(assignment.model);
    let plan = Layout::new(
        assignment.model,
        &sums,
        limits,
        at,
        locked(assignment),
        assignment.is_strict(),
    );
    let candidates = candidates(assignment, &plan);
    let costs = candidates.iter().map(|candidate| candidate.cost);
    let least = costs.min().unwrap_or(plan.cost);
    let looks = if wanted.is_aim() {
        smooth::MANY_LOOKS
    } else {
        smooth::FEW_LOOKS
    };
    let most = most_cost(least, bound, wanted);
    let enough = |layout: &Layout<'_>| {
        let runs = layout.total_runs as u64;
        wanted.max_runs.is_none_or(|limit| runs <= limit)
    };
    let mut best = best_of(&plan, &candidates, most, looks);
    for part in RAISED {
        if enough(&best) {
            break;
        }
        let more = least.checked_div(part).unwrap_or(i64::MAX);
        let allowed = most.max(least.saturating_add(more));
        best = best_of(&plan, &candidates, allowed, looks);
    }
    best.at
}

/// What may be moved where so much is the least that was found, and so much a bound below it.
///
/// What is provably near the least stays so: the bound and the plan may be
/// apart already, and a percent on top of that would be a percent too many.
fn most_cost(least: i64, bound: u64, wanted: Fragmentation) -> i64 {
    if wanted.defragment {
        return i64::MAX;
    }
    let most = wanted.cost.over(least);
    let near = bound.saturating_add(bound / NEAR);
    match i64::try_from(near) {
        Ok(near) if least <= near && wanted.cost <= ExtraCost::default() => most.min(near),
        _ => most,
    }
}

/// The plan itself, and others with blocks in it that keep its limits.
fn candidates<'a>(assignment: &Assignment<'_>, plan: &Layout<'a>) -> Vec<Layout<'a>> {
    let locked = locked(assignment);
    let width = |node: usize| {
        let limits = plan.limits[node];
        limits.upper.saturating_sub(limits.lower)
    };
    let widest = plan.bearers().map(width).max().unwrap_or(0);
    let worst = outside(plan);
    let mut known = None;
    let mut candidates = vec![plan.clone()];
    for parts in HOT {
        let hot = widest.checked_div(parts).unwrap_or(i64::MAX);
        let loads = plan.model.load.iter();
        let count = loads.filter(|load| **load > hot).count();
        // The same slots are hot: it would be the same again.
        if known.replace(count) == Some(count) {
            continue;
        }
        let dealt = deal::deal(plan, &locked, hot);
        let dealt = if outside(&dealt) <= worst {
            Some(dealt)
        } else {
            repaired(assignment, &dealt)
        };
        candidates.extend(dealt.filter(|dealt| outside(dealt) <= worst));
    }
    for candidate in &mut candidates {
        candidate.fix(locked.clone());
    }
    candidates
}

/// The candidate with the fewest runs, then the cheapest, when all are smoothed.
fn best_of<'a>(
    plan: &Layout<'a>,
    candidates: &[Layout<'a>],
    most_cost: i64,
    most_looks: usize,
) -> Layout<'a> {
    let key = |layout: &Layout<'_>| (layout.total_runs, layout.cost);
    let smoothed = candidates.iter().filter(|layout| layout.cost <= most_cost);
    let smoothed = smoothed.map(|layout| {
        let mut layout = layout.clone();
        smooth::smooth(&mut layout, most_cost, most_looks);
        layout
    });
    smoothed.min_by_key(key).unwrap_or_else(|| plan.clone())
}

/// The slots that no plan moves, and oversized ones.
fn locked(assignment: &Assignment<'_>) -> Vec<bool> {
    (0..assignment.at.len() as u16)
        .map(|slot| assignment.is_locked(slot))
        .collect()
}

/// The furthest that any node is above its limits, then below.
fn outside(layout: &Layout<'_>) -> (i64, i64) {
    let worst = |of: &dyn Fn(usize) -> i64| layout.bearers().map(of).max().unwrap_or(0).max(0);
    (
        worst(&|node| layout.excess(node)),
        worst(&|node| layout.missing(node)),
    )
}

/// The same with single slots where a cut didn't fit; none where that is in too many places.
fn repaired<'a>(assignment: &Assignment<'_>, layout: &Layout<'a>) -> Option<Layout<'a>> {
    let is_outside = |node: &usize| layout.excess(*node) > 0 || layout.missing(*node) > 0;
    let bad = layout.bearers().filter(is_outside).count();
    if bad > REPAIRED + layout.load.len() / NODES_A_REPAIRED_ONE {
        return None;
    }
    let mut placed = assignment.placed(&layout.at, layout.limits);
    repair::repair_in(&mut placed, 4 * bad + 16);
    Some(Layout::new(
        layout.model,
        layout.sums,
        layout.limits,
        placed.at,
        locked(assignment),
        layout.strict,
    ))
}
