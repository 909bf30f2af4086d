//! Replaces single slots by blocks that carry the same load from node to node.
//!
//! A plan made slot by slot says how much every node should end with, and
//! where the hot slots go. What else it carries needn't be those slots: any
//! others of the same weight do. So the hot slots go where the plan has them,
//! and what is left for each node to give or to take goes in blocks, each of
//! which finishes a giver or a taker. That takes fewer blocks than there are
//! givers and takers (a spanning forest of the pairs), and each makes one run
//! more at an end of a run, two in the middle of it: about two runs a node.

use super::layout::{Block, Layout};
use super::window::{self, Amount, Place};
use crate::plan::model::{Model, NOBODY};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A part of a block's weight that it may be heavier for a run less: one in so many.
const TOLERANCE: i64 = 200;

/// What is left of an amount that is as good as nothing: one part in so many.
const CRUMB: i64 = 64;

/// So many takers are tried for a giver.
const TAKERS: usize = 4;

/// So many slots are looked at: a bound on the time where runs are many and short.
const MOST_LOOKS: usize = 500_000;

/// From so many slots without weight in a row, a drained node's are left to the plan,
/// which evens out their numbers.
const LONG: usize = 64;

/// The plan with everything up to `hot` in blocks; `locked` slots stay where it has them.
pub(super) fn deal<'a>(plan: &Layout<'a>, locked: &[bool], hot: i64) -> Layout<'a> {
    let model = plan.model;
    let mut fixed = locked.to_vec();
    let mut at = model.home.clone();
    let empty = long_and_weightless(model);
    for slot in 0..at.len() {
        fixed[slot] |= model.load[slot] > hot;
        if fixed[slot] || empty[slot] {
            at[slot] = plan.at[slot];
        }
    }
    let layout = Layout::new(model, plan.sums, plan.limits, at, fixed, plan.strict);
    let gives: Vec<i64> = (0..plan.load.len())
        .map(|node| layout.load[node] - plan.load[node])
        .collect();
    let mut dealer = Dealer {
        layout,
        order: gives
            .iter()
            .copied()
            .zip(0..)
            .filter(|(gives, _)| *gives != 0)
            .collect(),
        gives,
        looks: 0,
    };
    dealer.serve_neighbours();
    dealer.in_turn();
    dealer.clear_drained();
    dealer.layout
}

/// Slots of drained nodes that lie among many without weight.
fn long_and_weightless(model: &Model) -> Vec<bool> {
    let mut marked = vec![false; model.load.len()];
    let is_empty = |slot: usize| {
        let home = model.home[slot];
        home != NOBODY && model.nodes[usize::from(home)].is_drained && model.load[slot] == 0
    };
    let mut first = 0;
    while first < marked.len() {
        let mut end = first;
        while end < marked.len() && is_empty(end) {
            end += 1;
        }
        if end - first >= LONG {
            marked[first..end].fill(true);
        }
        first = end + 1;
    }
    marked
}

struct Dealer<'a> {
    layout: Layout<'a>,
    /// What each node has still to give; to take when negative.
    gives: Vec<i64>,
    /// The same for those that aren't done, sorted: who takes most first, who gives most last.
    order: BTreeSet<(i64, usize)>,
    looks: usize,
}

impl Dealer<'_> {
    fn set(&mut self, node: usize, gives: i64) {
        self.order.remove(&(self.gives[node], node));
        self.gives[node] = gives;
        if gives != 0 {
            self.order.insert((gives, node));
        }
    }

    fn givers(&self) -> Vec<usize> {
        let mut givers: Vec<usize> = (0..self.gives.len())
            .filter(|node| self.gives[*node] > 0)
            .collect();
        givers.sort_by_key(|node| (Reverse(self.gives[*node]), *node));
        givers
    }

    /// Whoever has a run next to one of a giver takes from that end: no run more.
    fn serve_neighbours(&mut self) {
        for giver in self.givers() {
            let runs = self.layout.runs[giver].iter();
            let mut takers: Vec<usize> = runs
                .flat_map(|run| self.layout.neighbours(*run))
                .filter(|node| *node != NOBODY)
                .map(usize::from)
                .filter(|node| self.gives[*node] < 0)
                .collect();
            takers.sort_by_key(|node| (self.gives[*node], *node));
            takers.dedup();
            for taker in takers {
                if self.gives[giver] > 0 {
                    let amount = self.amount(giver, taker);
                    let amount = Amount {
                        most: amount.fine,
                        ..amount
                    };
                    self.carry([giver, taker], amount, Place::Beside);
                }
            }
        }
    }

    /// The one who gives most to the one who takes most, until all are done or nobody can.
    fn in_turn(&mut self) {
        let runs = self.layout.total_runs as usize;
        // Each block finishes one of them, or is a whole part of a run.
        for _ in 0..4 * self.gives.len() + 2 * runs {
            let Some(giver) = self.next_giver() else {
                return;
            };
            let takers = self.takers(giver);
            if !self.give(giver, &takers) {
                if self.gives[giver] <= 0 {
                    return;
                }
                self.set(giver, 0);
            }
        }
    }

    fn give(&mut self, giver: usize, takers: &[usize]) -> bool {
        for taker in takers {
            let amount = self.amount(giver, *taker);
            if self.carry([giver, *taker], amount, Place::Anywhere) {
                return true;
            }
        }
        for taker in takers {
            let amount = self.amount(giver, *taker);
            if self.carry_part([giver, *taker], amount) {
                return true;
            }
        }
        false
    }

    fn next_giver(&mut self) -> Option<usize> {
        if self.looks > MOST_LOOKS {
            return None;
        }
        let most = self.order.last().filter(|(gives, _)| *gives > 0);
        if let Some((_, node)) = most {
            return Some(*node);
        }
        // All have given what the plan says, and somebody lacks a little yet.
        self.looks += self.gives.len();
        let mut lacking = self.order.iter().take_while(|(gives, _)| *gives < 0);
        let lacks = lacking.any(|(_, node)| self.layout.missing(*node) > 0);
        let spare = |node: &usize| (-self.layout.missing(*node), Reverse(*node));
        lacks
            .then(|| self.layout.bearers().max_by_key(spare))
            .flatten()
    }

    /// Who takes from a giver: whoever needs just as much, then those who need
    /// most, and if nobody does whoever has most room.
    fn takers(&self, giver: usize) -> Vec<usize> {
        let gives = self.gives[giver].max(0);
        let near = gives / CRUMB;
        let just = self
            .order
            .range((-gives - near, 0)..(near - gives, usize::MAX));
        let most = self.order.iter().take(TAKERS);
        let all = just.take(1).chain(most);
        let takes = all.filter(|(gives, node)| *gives < 0 && *node != giver);
        let mut takers: Vec<usize> = takes.map(|(_, node)| *node).collect();
        if takers.is_empty() {
            let others = self.layout.bearers().filter(|node| *node != giver);
            let roomiest = others.min_by_key(|node| (self.layout.excess(*node), *node));
            takers.extend(roomiest);
        }
        takers
    }

    /// As much as finishes one of the two, and both if they need about the same.
    fn amount(&self, giver: usize, taker: usize) -> Amount {
        let layout = &self.layout;
        let gives = self.gives[giver].max(0);
        let takes = match self.gives[taker] {
            0.. => -layout.excess(taker),
            takes => -takes,
        };
        let most = (-layout.missing(giver)).min(-layout.excess(taker));
        let (must_give, must_take) = (layout.excess(giver).max(0), layout.missing(taker).max(0));
        let wanted = match gives {
            0 => takes,
            gives => gives.min(takes),
        };
        let must = if gives > takes || gives == 0 {
            must_take
        } else {
            must_give
        };
        let least = must.max(wanted - wanted / CRUMB).max(1);
        let fine = least.max(wanted) + wanted / TOLERANCE;
        let both = must_give.max(must_take).max(least);
        Amount {
            least: if both <= fine { both } else { least },
            fine,
            most,
        }
    }

    fn carry(&mut self, pair: [usize; 2], amount: Amount, place: Place) -> bool {
        self.looks += self.layout.slots_of(pair[0]);
        match window::best_block(&self.layout, pair, amount, place) {
            Some(block) => self.shift(block, pair),
            None => false,
        }
    }

    /// Where no block is heavy enough, the whole part of a run that leaves fewest runs.
    fn carry_part(&mut self, pair: [usize; 2], amount: Amount) -> bool {
        self.looks += self.layout.slots_of(pair[0]);
        match window::best_part(&self.layout, pair, amount.least.min(amount.most)) {
            Some(block) => self.shift(block, pair),
            None => false,
        }
    }

    fn shift(&mut self, block: Block, [giver, taker]: [usize; 2]) -> bool {
        let load = self.layout.sums.load(block);
        self.layout.shift(block, taker);
        for (node, given) in [(giver, load), (taker, -load)] {
            let was = self.gives[node];
            let left = was - given;
            let is_within = self.layout.excess(node) <= 0 && self.layout.missing(node) <= 0;
            let is_crumb = left.abs() <= given.abs() / CRUMB || (left > 0) != (was > 0);
            self.set(node, if is_within && is_crumb { 0 } else { left });
        }
        true
    }

    /// What is left on nodes that must end empty goes to whoever is next to it.
    fn clear_drained(&mut self) {
        let layout = &mut self.layout;
        for node in 0..layout.load.len() {
            if !layout.model.nodes[node].is_drained {
                continue;
            }
            for block in layout.runs[node].clone() {
                let ends = layout.neighbours(block).into_iter();
                let ends = ends.filter(|node| *node != NOBODY).map(usize::from);
                let fits = |to: &usize| {
                    layout.may_go(block, *to)
                        && layout.sums.load(block) <= (-layout.excess(*to)).max(0)
                };
                let beside = ends.filter(fits).min_by_key(|to| layout.excess(*to));
                let all = layout.bearers().filter(|to| layout.may_go(block, *to));
                let target = beside.or_else(|| all.min_by_key(|to| (layout.excess(*to), *to)));
                if let Some(to) = target {
                    layout.shift(block, to);
                }
            }
        }
    }
}
