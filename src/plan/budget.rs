//! The part of a plan that fits a budget.
//!
//! Slot after slot is taken from the node that is most loaded at that point,
//! from the block whose slots are heaviest: so each move relieves as much as it
//! can. A block goes from the end where it meets its target's slots, or the end
//! of its source's run, so that the part of it that fits is one block too.

use super::model::{Model, NOBODY};
use super::order::{self, Hop};
use super::problem::Budget;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is moved, and what the budget leaves undone, both in the order of execution.
pub(super) struct Chosen {
    pub hops: Vec<Hop>,
    pub left: Vec<Hop>,
}

/// The best part of the hops within the budget.
pub(super) fn within(model: &Model, budget: Budget, ordered: Vec<Hop>) -> Chosen {
    if budget.is_unlimited() {
        return Chosen {
            hops: ordered,
            left: Vec::new(),
        };
    }
    let mut spending = Spending::new(model, budget, &ordered);
    spending.spend();
    let chosen: Vec<Hop> = ordered
        .iter()
        .copied()
        .filter(|hop| spending.taken[usize::from(hop.slot)])
        .collect();
    // Without what is left out, memory may not be free in time: such hops are left too.
    let hops = match order::order(model, chosen.clone()) {
        Ok(hops) => hops,
        Err(stuck) => {
            let kept = chosen
                .into_iter()
                .filter(|hop| !stuck.contains(hop))
                .collect();
            order::order(model, kept).unwrap_or_default()
        }
    };
    let mut moved = vec![false; model.home.len()];
    for hop in &hops {
        moved[usize::from(hop.slot)] = true;
    }
    let left = ordered
        .into_iter()
        .filter(|hop| !moved[usize::from(hop.slot)])
        .collect();
    Chosen { hops, left }
}

/// The hops of one source, block by block: the one with the heaviest slots
/// last, and in each the slot last that goes first.
fn in_blocks(model: &Model, mut hops: Vec<Hop>) -> Vec<Hop> {
    hops.sort_by_key(|hop| hop.slot);
    let is_next = |a: &Hop, b: &Hop| a.slot + 1 == b.slot && a.target == b.target;
    let mut blocks: Vec<Vec<Hop>> = hops.chunk_by(is_next).map(<[Hop]>::to_vec).collect();
    let load = |block: &Vec<Hop>| -> i128 {
        let loads = block.iter().map(|hop| model.load[usize::from(hop.slot)]);
        loads.map(i128::from).sum()
    };
    blocks.sort_by(|a, b| {
        let (left, right) = (load(a) * b.len() as i128, load(b) * a.len() as i128);
        left.cmp(&right).then(b[0].slot.cmp(&a[0].slot))
    });
    for block in &mut blocks {
        if goes_from_first(model, block) {
            block.reverse();
        }
    }
    blocks.concat()
}

/// Whether a block that goes in part should go from its first slot on.
fn goes_from_first(model: &Model, block: &[Hop]) -> bool {
    let (first, last) = (block[0], block[block.len() - 1]);
    let before = first.slot.checked_sub(1);
    let before = before.map_or(NOBODY, |slot| model.home[usize::from(slot)]);
    let after = model.home.get(usize::from(last.slot) + 1).copied();
    let after = after.unwrap_or(NOBODY);
    if before == first.target || after == first.target {
        return before == first.target;
    }
    before != first.source || after == first.source
}

struct Spending<'model> {
    model: &'model Model,
    budget: Budget,
    /// By source: its hops, in blocks, the next one last.
    waiting: Vec<Vec<Hop>>,
    load: Vec<i64>,
    touched: Vec<u64>,
    moves: u64,
    bytes: u64,
    taken: Vec<bool>,
}

impl<'model> Spending<'model> {
    fn new(model: &'model Model, budget: Budget, hops: &[Hop]) -> Spending<'model> {
        let nodes = model.nodes.len();
        let mut load = vec![0; nodes];
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                load[usize::from(*home)] += model.load[slot];
            }
        }
        let mut waiting = vec![Vec::new(); nodes];
        for hop in hops {
            waiting[usize::from(hop.source)].push(*hop);
        }
        for list in &mut waiting {
            *list = in_blocks(model, std::mem::take(list));
        }
        Spending {
            model,
            budget,
            waiting,
            load,
            touched: vec![0; nodes],
            moves: 0,
            bytes: 0,
            taken: vec![false; model.home.len()],
        }
    }

    fn spend(&mut self) {
        let sources = (0..self.waiting.len()).filter(|node| !self.waiting[*node].is_empty());
        let mut heap: BinaryHeap<_> = sources
            .map(|node| {
                (
                    order::relative_load(self.model, &self.load, node),
                    Reverse(node),
                )
            })
            .collect();
        while let Some((known, Reverse(source))) = heap.pop() {
            let now = order::relative_load(self.model, &self.load, source);
            if now < known {
                heap.push((now, Reverse(source)));
                continue;
            }
            // What doesn't fit now never will: nothing that is spent comes back.
            while let Some(hop) = self.waiting[source].pop() {
                if self.fits(hop) {
                    self.take(hop);
                    break;
                }
            }
            if !self.waiting[source].is_empty() {
                let now = order::relative_load(self.model, &self.load, source);
                heap.push((now, Reverse(source)));
            }
        }
    }

    fn fits(&self, hop: Hop) -> bool {
        let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let bytes = self
            .bytes
            .saturating_add(self.model.bytes[usize::from(hop.slot)]);
        let busiest =
            self.touched[usize::from(hop.source)].max(self.touched[usize::from(hop.target)]);
        self.moves < limit(self.budget.max_moves)
            && bytes <= limit(self.budget.max_bytes)
            && busiest < limit(self.budget.max_slots_per_node)
    }

    fn take(&mut self, hop: Hop) {
        let slot = usize::from(hop.slot);
        for node in [hop.source, hop.target] {
            self.touched[usize::from(node)] += 1;
        }
        self.load[usize::from(hop.source)] -= self.model.load[slot];
        self.load[usize::from(hop.target)] += self.model.load[slot];
        self.moves += 1;
        self.bytes += self.model.bytes[slot];
        self.taken[slot] = true;
    }
}
