//! From numbers to an assignment: who should own each slot.
//!
//! 1. Limits for every node; giants get nodes for themselves ([`limits`](super::limits)).
//! 2. Slots leave nodes that have too much ([`shed`]) and fill those that lack ([`fill`]).
//! 3. Slots that move anyway change places ([`exchange`]), and steps of one or two
//!    slots bring the rest within the limits ([`repair`]).
//! 4. What can go home again does ([`polish`]).
//! 5. The best of several ways is kept. A small problem is searched through ([`exact`]);
//!    in any other, exchanges lower the cost.
//! 6. Slots that are alike are sorted into runs ([`runs`]), and whatever can be is moved in blocks
//!    of contiguous slots ([`blocks`]).

use super::fragmentation::Fragmentation;
use super::limits::Aim;
use super::model::{Limits, Model};
use super::objective::Threshold;
use super::work::{Score, Work};
use super::{
    blocks, bound, counts, exact, exchange, fill, limits, polish, repair, runs, shed, soften,
};

/// Where every slot should be, and which limits that was made for.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
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
) -> Assignment {
    if model.by_slots {
        let (work, aim) = match counts::targets(model, threshold) {
            Some(targets) => by_counts(model, &targets, strict),
            None => stay(model, threshold, strict),
        };
        return finish(&work, &aim, threshold, wanted);
    }
    let aim = limits::aim(model, threshold);
    let bound = bound::lower_bound(model, &aim.limits);
    let mut work = best_attempt(model, &aim, strict);
    exact::search(&mut work, &aim.limits);
    // A thousandth is less than what the search for it costs.
    if u128::from(work.score(&aim.limits).cost) * 1000 > u128::from(bound) * 1001 {
        exchange::save(&mut work);
    }
    runs::deal_weightless(&mut work);
    finish(&work, &aim.limits, threshold, wanted)
}

/// The first way that keeps the limits, or the best of all when none does.
fn best_attempt<'model>(model: &'model Model, aim: &Aim, strict: bool) -> Work<'model> {
    let mut best: Option<(Score, Work<'_>)> = None;
    let mut seen = Vec::new();
    for style in Style::ALL {
        let (mut work, pool) = begin(model, aim, strict, style);
        if seen.contains(&work.at) {
            continue;
        }
        seen.push(work.at.clone());
        fill::fill(&mut work, pool);
        exchange::mend(&mut work);
        repair::repair(&mut work);
        let score = work.score(&aim.limits);
        if score.is_within() {
            polish::polish(&mut work);
            return work;
        }
        if best.as_ref().is_none_or(|(known, _)| score < *known) {
            best = Some((score, work));
        }
    }
    let (_, mut work) = best.expect("there is more than one style");
    soften::soften(&mut work);
    widen(&mut work);
    polish::polish(&mut work);
    work
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

/// Giants in their places, and the slots that leave their nodes, which are nowhere yet.
fn begin<'model>(
    model: &'model Model,
    aim: &Aim,
    strict: bool,
    style: Style,
) -> (Work<'model>, Vec<u16>) {
    let mut work = Work::new(model, aim.limits.clone(), strict);
    for (slot, node) in aim.giants.iter().copied() {
        if work.has_memory(usize::from(node), slot) {
            work.settle(slot, usize::from(node));
        }
    }
    let room = work
        .bearers()
        .map(|node| -work.excess(node))
        .max()
        .unwrap_or(0);
    let heaviest = match style {
        Style::Heavy => room,
        Style::Light => room / 8,
        Style::Anew => {
            fill::place_heavy(&mut work);
            i64::MAX
        }
    };
    let pool = shed::shed(&mut work, heaviest);
    (work, pool)
}

/// Where the limits can't be kept, those that were reached are kept from here on.
fn widen(work: &mut Work<'_>) {
    let nodes: Vec<usize> = work.bearers().collect();
    let worst = |of: &dyn Fn(usize) -> i64| {
        nodes
            .iter()
            .map(|node| work.relative(*node, of(*node).max(0)))
            .max()
            .unwrap_or(0)
    };
    let excess = worst(&|node| work.excess(node));
    let missing = worst(&|node| work.missing(node));
    for node in nodes {
        let limits = work.limits[node];
        work.limits[node] = Limits {
            lower: limits.lower - work.absolute(node, missing),
            upper: limits.upper + work.absolute(node, excess),
        };
    }
}

/// As many slots on each node as it should have.
fn by_counts<'model>(
    model: &'model Model,
    targets: &[i64],
    strict: bool,
) -> (Work<'model>, Vec<Limits>) {
    let limits: Vec<Limits> = targets
        .iter()
        .map(|count| Limits {
            lower: *count,
            upper: *count,
        })
        .collect();
    let mut work = Work::new(model, limits.clone(), strict);
    let pool = shed::shed(&mut work, i64::MAX);
    fill::fill_in_turn(&mut work, pool);
    repair::repair(&mut work);
    (work, limits)
}

fn finish(
    work: &Work<'_>,
    aim: &[Limits],
    threshold: Threshold,
    wanted: Fragmentation,
) -> Assignment {
    let mut at = work.at.clone();
    runs::straighten(work.model, &mut at);
    let kept = kept(work, aim, threshold);
    let bound = bound::lower_bound(work.model, &work.limits);
    Assignment {
        at: blocks::with_fewest_runs(work, at, &kept, bound, wanted),
        limits: work.limits.clone(),
    }
}

/// What no plan with fewer runs may give up: a node that is where it should
/// be stays there, and one that can't be goes no further away. Where giants
/// take what is above their share the others aim lower than the plain
/// threshold, and those that are within that one too stay so.
fn kept(work: &Work<'_>, aim: &[Limits], threshold: Threshold) -> Vec<Limits> {
    let limits = |node: usize| {
        let load = work.load[node];
        let mut limits = Limits {
            lower: aim[node].lower.min(load),
            upper: aim[node].upper.max(load),
        };
        let plain = work.model.within(node, threshold);
        if !work.model.by_slots && (plain.lower..=plain.upper).contains(&load) {
            limits.lower = limits.lower.max(plain.lower);
            limits.upper = limits.upper.min(plain.upper);
        }
        limits
    };
    (0..aim.len()).map(limits).collect()
}

/// Every node is near enough: the counts may change within the threshold, and needn't.
fn stay(model: &Model, threshold: Threshold, strict: bool) -> (Work<'_>, Vec<Limits>) {
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
    (Work::new(model, limits, strict), aim)
}
