//! Solves a problem: finds the node that should own each slot.
//!
//! 1. Limits for every node; oversized slots get nodes for themselves ([`limits`](super::limits)).
//! 2. Slots leave nodes that have too much ([`evict`]) and fill those that lack ([`insert`]).
//! 3. Slots that move anyway change places ([`exchange`]), and steps of one or two
//!    slots bring the rest within the limits ([`repair`]).
//! 4. What can go home again does ([`reduce_cost`]).
//! 5. The best of several ways is kept. A small problem is searched through ([`exact`]);
//!    in any other, exchanges lower the cost.
//! 6. Slots that are alike are sorted into runs ([`runs`]), and whatever can be is moved in blocks
//!    of contiguous slots ([`blocks`]).

use super::assignment::{Assignment, Score};
use super::fragmentation::Fragmentation;
use super::limits::Aim;
use super::model::{Limits, Model};
use super::objective::Threshold;
use super::{
    blocks, bound, counts, evict, exact, exchange, insert, limits, reduce_cost, reduce_violations,
    repair, runs,
};

/// Where every slot should be, and which limits that was made for.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    /// The node of each slot, by slot number.
    pub at: Vec<u16>,
    /// The limits that every node is within, wherever that could be reached.
    pub limits: Vec<Limits>,
}

/// The assignment that keeps the limits for the least cost that we find.
///
/// When `strict`, memory that is freed by slots that leave is not counted on,
/// so that any order of the moves fits.
pub(super) fn solve(
    model: &Model,
    threshold: Threshold,
    wanted: Fragmentation,
    strict: bool,
) -> Solution {
    if model.by_slots {
        let (assignment, aim) = match counts::targets(model, threshold) {
            Some(targets) => by_counts(model, &targets, strict),
            None => stay(model, threshold, strict),
        };
        return finish(&assignment, &aim, threshold, wanted);
    }
    let aim = limits::aim(model, threshold);
    let bound = bound::lower_bound(model, &aim.limits);
    let mut assignment = best_attempt(model, &aim, strict);
    exact::search(&mut assignment, &aim.limits);
    // A thousandth is less than what the search for it costs.
    if u128::from(assignment.score(&aim.limits).cost) * 1000 > u128::from(bound) * 1001 {
        exchange::reduce_cost(&mut assignment);
    }
    runs::deal_weightless(&mut assignment);
    finish(&assignment, &aim.limits, threshold, wanted)
}

/// The first way that keeps the limits, or the best of all when none does.
fn best_attempt<'model>(model: &'model Model, aim: &Aim, strict: bool) -> Assignment<'model> {
    let mut best: Option<(Score, Assignment<'_>)> = None;
    let mut seen = Vec::new();
    for style in Style::ALL {
        let (mut assignment, pool) = begin(model, aim, strict, style);
        if seen.contains(&assignment.at) {
            continue;
        }
        seen.push(assignment.at.clone());
        insert::insert(&mut assignment, pool);
        exchange::reduce_violations(&mut assignment);
        repair::repair(&mut assignment);
        let score = assignment.score(&aim.limits);
        if score.is_within() {
            reduce_cost::reduce_cost(&mut assignment);
            return assignment;
        }
        if best.as_ref().is_none_or(|(known, _)| score < *known) {
            best = Some((score, assignment));
        }
    }
    let (_, mut assignment) = best.expect("there is more than one style");
    reduce_violations::reduce_violations(&mut assignment);
    widen(&mut assignment);
    reduce_cost::reduce_cost(&mut assignment);
    assignment
}

/// Which slots leave a node that has too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// The heaviest that a node which lacks has room for: the fewest slots.
    Heavy,
    /// Lighter ones, which are easier to place.
    Light,
    /// Every heavy slot is placed anew, at home if it can be, before the others.
    Anew,
}

impl Style {
    const ALL: [Style; 3] = [Style::Heavy, Style::Light, Style::Anew];
}

/// Oversized slots in their places, and the slots that leave their nodes, which are nowhere yet.
fn begin<'model>(
    model: &'model Model,
    aim: &Aim,
    strict: bool,
    style: Style,
) -> (Assignment<'model>, Vec<u16>) {
    let mut assignment = Assignment::new(model, aim.limits.clone(), strict);
    for (slot, node) in aim.oversized_slots.iter().copied() {
        if assignment.has_memory(usize::from(node), slot) {
            assignment.settle(slot, usize::from(node));
        }
    }
    let room = assignment
        .bearers()
        .map(|node| -assignment.excess(node))
        .max()
        .unwrap_or(0);
    let heaviest = match style {
        Style::Heavy => room,
        Style::Light => room / 8,
        Style::Anew => {
            insert::reinsert_heavy(&mut assignment);
            i64::MAX
        }
    };
    let pool = evict::evict(&mut assignment, heaviest);
    (assignment, pool)
}

/// Where the limits can't be kept, those that were reached are kept from here on.
fn widen(assignment: &mut Assignment<'_>) {
    let nodes: Vec<usize> = assignment.bearers().collect();
    let worst = |of: &dyn Fn(usize) -> i64| {
        nodes
            .iter()
            .map(|node| assignment.relative(*node, of(*node).max(0)))
            .max()
            .unwrap_or(0)
    };
    let excess = worst(&|node| assignment.excess(node));
    let missing = worst(&|node| assignment.missing(node));
    for node in nodes {
        let limits = assignment.limits[node];
        assignment.limits[node] = Limits {
            lower: limits.lower - assignment.absolute(node, missing),
            upper: limits.upper + assignment.absolute(node, excess),
        };
    }
}

/// As many slots on each node as it should have.
fn by_counts<'model>(
    model: &'model Model,
    targets: &[i64],
    strict: bool,
) -> (Assignment<'model>, Vec<Limits>) {
    let limits: Vec<Limits> = targets
        .iter()
        .map(|count| Limits {
            lower: *count,
            upper: *count,
        })
        .collect();
    let mut assignment = Assignment::new(model, limits.clone(), strict);
    let pool = evict::evict(&mut assignment, i64::MAX);
    insert::insert_in_turn(&mut assignment, pool);
    repair::repair(&mut assignment);
    (assignment, limits)
}

fn finish(
    assignment: &Assignment<'_>,
    aim: &[Limits],
    threshold: Threshold,
    wanted: Fragmentation,
) -> Solution {
    let mut at = assignment.at.clone();
    runs::straighten(assignment.model, &mut at);
    let kept = kept(assignment, aim, threshold);
    let bound = bound::lower_bound(assignment.model, &assignment.limits);
    Solution {
        at: blocks::with_fewest_runs(assignment, at, &kept, bound, wanted),
        limits: assignment.limits.clone(),
    }
}

/// What no plan with fewer runs may give up: a node that is where it should
/// be stays there, and one that can't be goes no further away. Where oversized slots
/// take what is above their share the others aim lower than the plain
/// threshold, and those that are within that one too stay so.
fn kept(assignment: &Assignment<'_>, aim: &[Limits], threshold: Threshold) -> Vec<Limits> {
    let limits = |node: usize| {
        let load = assignment.load[node];
        let mut limits = Limits {
            lower: aim[node].lower.min(load),
            upper: aim[node].upper.max(load),
        };
        let plain = assignment.model.within(node, threshold);
        if !assignment.model.by_slots && (plain.lower..=plain.upper).contains(&load) {
            limits.lower = limits.lower.max(plain.lower);
            limits.upper = limits.upper.min(plain.upper);
        }
        limits
    };
    (0..aim.len()).map(limits).collect()
}

/// Every node is near enough: the counts may change within the threshold, and needn't.
fn stay(model: &Model, threshold: Threshold, strict: bool) -> (Assignment<'_>, Vec<Limits>) {
    let anything = Limits {
        lower: 0,
        upper: i64::MAX,
    };
    let limits = vec![anything; model.nodes.len()];
    let within = |node: usize| match model.nodes[node].capacity {
        0 => anything,
        _ => model.within(node, threshold),
    };
    let aim = (0..model.nodes.len()).map(within).collect();
    (Assignment::new(model, limits, strict), aim)
}
