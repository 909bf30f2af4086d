//! Cuts a plan to a budget of slots or bytes.
//!
//! Slot after slot is taken from the node that is most loaded at that point,
//! from the block whose slots are heaviest: so each move relieves as much as it
//! can. A block goes from the end where it meets its target's slots, or the end
//! of its source's run, so that the part of it that fits is one block too.

use super::model::{Model, NOBODY};
use super::order::{self, SlotMove};
use super::problem::Budget;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is moved, and what the budget leaves undone, both in the order of execution.
pub(super) struct BudgetedMoves {
    pub slot_moves: Vec<SlotMove>,
    pub left: Vec<SlotMove>,
}

/// The best part of the slot moves within the budget.
pub(super) fn within(model: &Model, budget: Budget, ordered: Vec<SlotMove>) -> BudgetedMoves {
    if budget.is_unlimited() {
        return BudgetedMoves {
            slot_moves: ordered,
            left: Vec::new(),
        };
    }
    let mut spending = Spending::new(model, budget, &ordered);
    spending.spend();
    let chosen: Vec<SlotMove> = ordered
        .iter()
        .copied()
        .filter(|slot_move| spending.taken[usize::from(slot_move.slot)])
        .collect();
    // Without what is left out, memory may not be free in time: such slot moves are left too.
    let slot_moves = match order::order(model, chosen.clone()) {
        Ok(slot_moves) => slot_moves,
        Err(stuck) => {
            let kept = chosen
                .into_iter()
                .filter(|slot_move| !stuck.contains(slot_move))
                .collect();
            order::order(model, kept).unwrap_or_default()
        }
    };
    let mut moved = vec![false; model.home.len()];
    for slot_move in &slot_moves {
        moved[usize::from(slot_move.slot)] = true;
    }
    let left = ordered
        .into_iter()
        .filter(|slot_move| !moved[usize::from(slot_move.slot)])
        .collect();
    BudgetedMoves { slot_moves, left }
}

/// The slot moves of one source, block by block: the one with the heaviest slots
/// last, and in each the slot last that goes first.
fn in_blocks(model: &Model, mut slot_moves: Vec<SlotMove>) -> Vec<SlotMove> {
    slot_moves.sort_by_key(|slot_move| slot_move.slot);
    let is_next = |a: &SlotMove, b: &SlotMove| a.slot + 1 == b.slot && a.target == b.target;
    let mut blocks: Vec<Vec<SlotMove>> = slot_moves
        .chunk_by(is_next)
        .map(<[SlotMove]>::to_vec)
        .collect();
    let load = |block: &Vec<SlotMove>| -> i128 {
        let loads = block
            .iter()
            .map(|slot_move| model.load[usize::from(slot_move.slot)]);
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
fn goes_from_first(model: &Model, block: &[SlotMove]) -> bool {
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
    /// By source: its slot moves, in blocks, the next one last.
    waiting: Vec<Vec<SlotMove>>,
    load: Vec<i64>,
    touched: Vec<u64>,
    moves: u64,
    bytes: u64,
    taken: Vec<bool>,
}

impl<'model> Spending<'model> {
    fn new(model: &'model Model, budget: Budget, slot_moves: &[SlotMove]) -> Spending<'model> {
        let nodes = model.nodes.len();
        let mut load = vec![0; nodes];
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                load[usize::from(*home)] += model.load[slot];
            }
        }
        let mut waiting = vec![Vec::new(); nodes];
        for slot_move in slot_moves {
            waiting[usize::from(slot_move.source)].push(*slot_move);
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
            while let Some(slot_move) = self.waiting[source].pop() {
                if self.fits(slot_move) {
                    self.take(slot_move);
                    break;
                }
            }
            if !self.waiting[source].is_empty() {
                let now = order::relative_load(self.model, &self.load, source);
                heap.push((now, Reverse(source)));
            }
        }
    }

    fn fits(&self, slot_move: SlotMove) -> bool {
        let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let bytes = self
            .bytes
            .saturating_add(self.model.bytes[usize::from(slot_move.slot)]);
        let busiest = self.touched[usize::from(slot_move.source)]
            .max(self.touched[usize::from(slot_move.target)]);
        self.moves < limit(self.budget.max_moves)
            && bytes <= limit(self.budget.max_bytes)
            && busiest < limit(self.budget.max_slots_per_node)
    }

    fn take(&mut self, slot_move: SlotMove) {
        let slot = usize::from(slot_move.slot);
        for node in [slot_move.source, slot_move.target] {
            self.touched[usize::from(node)] += 1;
        }
        self.load[usize::from(slot_move.source)] -= self.model.load[slot];
        self.load[usize::from(slot_move.target)] += self.model.load[slot];
        self.moves += 1;
        self.bytes += self.model.bytes[slot];
        self.taken[slot] = true;
    }
}
