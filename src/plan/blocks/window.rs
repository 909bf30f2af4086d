//! Finds the block of a node's runs whose load fits an amount best.
//!
//! A block at an end of a run makes at most one run more, one in the middle
//! makes two, and one at an end that the taker's own run meets makes none. So
//! ends are looked at first, by bisection over the running sums; the middle of
//! a run, where any pair of cuts will do, only where no end fits.

use super::layout::{Block, Layout};

/// How heavy a block should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    /// The smallest load that will do.
    pub least: i64,
    /// Up to here, fewer runs count for more than a lighter block.
    pub fine: i64,
    /// The largest load that will do.
    pub most: i64,
}

/// A block to give, and what that would mean; the smaller the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    /// Heavier than is fine, then by how much.
    beyond: i64,
    more_runs: i64,
    cost: i64,
    block: Block,
}

/// Where blocks may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Only where the taker has the slot next to it.
    Beside,
    /// At an end of a run, or all of it.
    End,
    /// Anywhere.
    Anywhere,
}

/// The block of a node that another should take, if one fits.
pub(super) fn best_block(
    layout: &Layout<'_>,
    [from, to]: [usize; 2],
    amount: Amount,
    place: Place,
) -> Option<Block> {
    let mut best: Option<Offer> = None;
    if amount.most < amount.least {
        return None;
    }
    for run in &layout.runs[from] {
        for part in free_parts(layout, *run) {
            offer_ends(layout, part, to, amount, place, &mut best);
        }
    }
    let fits = best.as_ref().is_some_and(|offer| offer.beyond == 0);
    if place == Place::Anywhere && !fits {
        for run in &layout.runs[from] {
            for part in free_parts(layout, *run) {
                offer_middles(layout, part, to, amount, &mut best);
            }
        }
    }
    best.map(|offer| offer.block)
}

/// The whole part of a run, at most so heavy, that leaves fewest runs, then the heaviest.
pub(super) fn best_part(layout: &Layout<'_>, [from, to]: [usize; 2], most: i64) -> Option<Block> {
    let parts = layout.runs[from]
        .iter()
        .flat_map(|run| free_parts(layout, *run));
    let fits = |block: &Block| {
        let load = layout.sums.load(*block);
        load > 0 && load <= most && layout.may_go(*block, to)
    };
    parts.filter(fits).min_by_key(|block| {
        let heaviest = std::cmp::Reverse(layout.sums.load(*block));
        (layout.more_runs(*block, to), heaviest, *block)
    })
}

/// The parts of a run between slots that stay.
fn free_parts<'a, 'b>(
    layout: &'a Layout<'b>,
    run: Block,
) -> impl Iterator<Item = Block> + use<'a, 'b> {
    let is_free = layout.is_free(run);
    let mut next = Some(run.first);
    std::iter::from_fn(move || {
        let mut first = next?;
        if is_free {
            next = None;
            return Some(run);
        }
        while layout.is_fixed(first) {
            first = (first < run.last).then_some(first + 1)?;
        }
        let mut last = first;
        while last < run.last && !layout.is_fixed(last + 1) {
            last += 1;
        }
        next = (last < run.last).then_some(last + 1);
        Some(Block { first, last })
    })
}

fn offer_ends(
    layout: &Layout<'_>,
    part: Block,
    to: usize,
    amount: Amount,
    place: Place,
    best: &mut Option<Offer>,
) {
    let ends = [
        Some(part),
        layout.sums.start_from(part, amount.least),
        layout.sums.end_from(part, amount.least),
    ];
    for block in ends.into_iter().flatten() {
        let is_beside = layout.neighbours(block).contains(&(to as u16));
        if place != Place::Beside || is_beside {
            offer(layout, block, to, amount, best);
        }
    }
}

/// Every block that is as short as it can be, wherever it begins.
fn offer_middles(
    layout: &Layout<'_>,
    part: Block,
    to: usize,
    amount: Amount,
    best: &mut Option<Offer>,
) {
    let mut last = part.first;
    for first in part.first..=part.last {
        last = last.max(first);
        let sum = |last| layout.sums.load(Block { first, last });
        while last < part.last && sum(last) < amount.least {
            last += 1;
        }
        let load = sum(last);
        if load < amount.least {
            return;
        }
        let beyond = (load - amount.fine).max(0);
        // Where all lie in the middle, only a lighter one is better.
        let is_better = |known: &Offer| beyond < known.beyond;
        if load <= amount.most && best.as_ref().is_none_or(is_better) {
            offer(layout, Block { first, last }, to, amount, best);
        }
    }
}

fn offer(layout: &Layout<'_>, block: Block, to: usize, amount: Amount, best: &mut Option<Offer>) {
    let load = layout.sums.load(block);
    if load < amount.least || load > amount.most {
        return;
    }
    let mut offer = Offer {
        beyond: (load - amount.fine).max(0),
        more_runs: layout.more_runs(block, to),
        cost: 0,
        block,
    };
    let key = |offer: &Offer| (offer.beyond, offer.more_runs);
    if best.as_ref().is_some_and(|known| key(known) < key(&offer)) || !layout.may_go(block, to) {
        return;
    }
    offer.cost = layout.more_cost(block, to);
    if best.as_ref().is_none_or(|known| offer < *known) {
        *best = Some(offer);
    }
}
