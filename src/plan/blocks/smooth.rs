//! Gives short runs to the node next to them, and takes load back for it.
//!
//! A run that goes to the owner of a neighbouring run makes one run less, and
//! two where both neighbours are the same node. Where the loads don't allow
//! it, the neighbour gives a block of about the same weight in return, from an
//! end of one of its runs: that is one run more at most. Every step makes the
//! runs fewer, leaves no node further outside its limits than it was, and
//! keeps the cost within what is allowed.

use super::layout::{Block, Layout};
use super::window::{self, Amount, Place};
use crate::plan::model::NOBODY;

/// Passes over all runs; nearly all there is to find is found in the first few.
const PASSES: usize = 4;

/// So many runs are looked at for a plan that moves something else: a bound on the time.
pub(super) const FEW_LOOKS: usize = 200_000;

/// And so many where runs are what it is for.
pub(super) const MANY_LOOKS: usize = 2_000_000;

/// The longest run without weight that goes to a neighbour: the numbers of slots stay even.
const SHORT: u32 = 64;

/// Lowers the number of runs as long as the cost stays at or below `most_cost`.
pub(super) fn smooth(layout: &mut Layout<'_>, most_cost: i64, most_looks: usize) {
    let mut looks = 0;
    for _ in 0..PASSES {
        let before = layout.total_runs;
        let mut slot = 0;
        while slot < layout.at.len() && looks < most_looks {
            let Some(run) = run_at(layout, slot) else {
                slot += 1;
                continue;
            };
            slot = usize::from(run.last) + 1;
            relieve(layout, run, most_cost, &mut looks);
        }
        if layout.total_runs == before {
            return;
        }
    }
}

fn run_at(layout: &Layout<'_>, slot: usize) -> Option<Block> {
    let node = layout.at[slot];
    if node == NOBODY {
        return None;
    }
    let runs = &layout.runs[usize::from(node)];
    let place = runs.partition_point(|run| usize::from(run.last) < slot);
    runs.get(place).copied()
}

fn relieve(layout: &mut Layout<'_>, run: Block, most_cost: i64, looks: &mut usize) {
    let [before, after] = layout.neighbours(run);
    let mut targets = vec![before, after];
    targets.retain(|node| *node != NOBODY);
    targets.sort_by_key(|to| (layout.more_runs(run, usize::from(*to)), *to));
    targets.dedup();
    for to in targets.into_iter().map(usize::from) {
        *looks += 1;
        if layout.sums.load(run) == 0 && run.len() > SHORT {
            continue;
        }
        if layout.may_go(run, to) && go(layout, run, to, most_cost, looks) {
            return;
        }
    }
}

/// How far outside its limits a node is.
fn violation(layout: &Layout<'_>, node: usize) -> i64 {
    layout.excess(node).max(layout.missing(node)).max(0)
}

fn go(layout: &mut Layout<'_>, run: Block, to: usize, most_cost: i64, looks: &mut usize) -> bool {
    let from = usize::from(layout.at[usize::from(run.first)]);
    let worst = [from, to].map(|node| violation(layout, node));
    let runs = layout.total_runs;
    layout.shift(run, to);
    let fits = |layout: &Layout<'_>| {
        violation(layout, from) <= worst[0]
            && violation(layout, to) <= worst[1]
            && layout.cost <= most_cost
    };
    if layout.total_runs < runs && fits(layout) {
        return true;
    }
    // What comes back: enough for both, not too much for either.
    let least = (layout.missing(from) - worst[0]).max(layout.excess(to) - worst[1]);
    let most = (worst[0] - layout.excess(from)).min(worst[1] - layout.missing(to));
    let amount = Amount {
        least: least.max(1),
        fine: most,
        most,
    };
    *looks += layout.runs[to].len();
    if least <= most
        && let Some(block) = window::best_block(layout, [to, from], amount, Place::End)
        && layout.total_runs + layout.more_runs(block, from) < runs
        && layout.cost + layout.more_cost(block, from) <= most_cost
    {
        layout.shift(block, from);
        return true;
    }
    layout.shift(run, from);
    false
}
