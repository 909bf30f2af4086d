//! Who has which slots as runs, with every sum kept up to date: what blocks are cut from.

use crate::plan::model::{Limits, Model, NOBODY};
use crate::plan::runs;

/// A range of slots, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub first: u16,
    pub last: u16,
}

impl Block {
    pub fn slots(self) -> std::ops::RangeInclusive<usize> {
        usize::from(self.first)..=usize::from(self.last)
    }

    pub fn len(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }
}

/// Sums over the slots below each one, so that the sum of any block is a difference.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    load: Vec<i64>,
}

impl Sums {
    pub fn of(model: &Model) -> Sums {
        let mut load = Vec::with_capacity(model.load.len() + 1);
        let mut sum = 0;
        load.push(sum);
        for slot in &model.load {
            sum += slot;
            load.push(sum);
        }
        Sums { load }
    }

    pub fn load(&self, block: Block) -> i64 {
        self.load[usize::from(block.last) + 1] - self.load[usize::from(block.first)]
    }

    /// The shortest start of a block that is at least this heavy.
    pub fn start_from(&self, block: Block, least: i64) -> Option<Block> {
        let wanted = self.load[usize::from(block.first)] + least;
        let ends = &self.load[usize::from(block.first) + 1..=usize::from(block.last) + 1];
        let place = ends.partition_point(|sum| *sum < wanted);
        (place < ends.len()).then(|| Block {
            first: block.first,
            last: block.first + place as u16,
        })
    }

    /// The shortest end of a block that is at least this heavy.
    pub fn end_from(&self, block: Block, least: i64) -> Option<Block> {
        let wanted = self.load[usize::from(block.last) + 1] - least;
        let starts = &self.load[usize::from(block.first)..=usize::from(block.last)];
        let place = starts.partition_point(|sum| *sum <= wanted);
        place.checked_sub(1).map(|place| Block {
            first: block.first + place as u16,
            last: block.last,
        })
    }
}

/// An assignment whose slots change hands in blocks.
#[derive(Clone, Debug)]
pub(super) struct Layout<'a> {
    pub model: &'a Model,
    pub sums: &'a Sums,
    pub limits: &'a [Limits],
    /// The node of each slot, or [`NOBODY`].
    pub at: Vec<u16>,
    /// The load of each node, in the model's unit.
    pub load: Vec<i64>,
    count: Vec<u32>,
    arrived: Vec<u64>,
    left: Vec<u64>,
    /// The maximal runs of each node, ascending.
    pub runs: Vec<Vec<Block>>,
    /// Slots that stay where they are, and how many of them are below each slot.
    fixed: Vec<bool>,
    fixed_below: Vec<u16>,
    /// What the slots that aren't at home cost.
    pub cost: i64,
    /// How many runs all nodes have.
    pub total_runs: i64,
    /// Memory that others leave counts for nothing.
    pub strict: bool,
}

impl<'a> Layout<'a> {
    pub fn new(
        model: &'a Model,
        sums: &'a Sums,
        limits: &'a [Limits],
        at: Vec<u16>,
        fixed: Vec<bool>,
        strict: bool,
    ) -> Layout<'a> {
        let nodes = model.nodes.len();
        let mut layout = Layout {
            model,
            sums,
            limits,
            load: vec![0; nodes],
            count: vec![0; nodes],
            arrived: vec![0; nodes],
            left: vec![0; nodes],
            runs: vec![Vec::new(); nodes],
            fixed: Vec::new(),
            fixed_below: Vec::new(),
            cost: 0,
            total_runs: 0,
            strict,
            at,
        };
        layout.fix(fixed);
        for slot in 0..layout.at.len() {
            let (node, home) = (layout.at[slot], model.home[slot]);
            if node == NOBODY {
                continue;
            }
            let index = usize::from(node);
            layout.load[index] += model.load[slot];
            layout.count[index] += 1;
            if node != home {
                layout.arrived[index] += model.bytes[slot];
                layout.left[usize::from(home)] += model.bytes[slot];
                layout.cost += model.cost[slot] as i64;
            }
        }
        for (node, block) in runs::runs(&layout.at) {
            layout.total_runs += 1;
            layout.runs[usize::from(node)].push(Block {
                first: block.0,
                last: block.1,
            });
        }
        layout
    }

    /// Says which slots stay where they are from here on.
    pub fn fix(&mut self, fixed: Vec<bool>) {
        self.fixed_below.clear();
        let mut below = 0;
        self.fixed_below.push(below);
        for is_fixed in &fixed {
            below += u16::from(*is_fixed);
            self.fixed_below.push(below);
        }
        self.fixed = fixed;
    }

    pub fn is_fixed(&self, slot: u16) -> bool {
        self.fixed[usize::from(slot)]
    }

    /// Whether all slots of a block may move.
    pub fn is_free(&self, block: Block) -> bool {
        self.fixed_below[usize::from(block.last) + 1] == self.fixed_below[usize::from(block.first)]
    }

    /// How many slots a node has.
    pub fn slots_of(&self, node: usize) -> usize {
        self.count[node] as usize
    }

    /// The nodes that may bear load.
    pub fn bearers(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.model.bearers()
    }

    pub fn excess(&self, node: usize) -> i64 {
        self.load[node] - self.limits[node].upper
    }

    pub fn missing(&self, node: usize) -> i64 {
        self.limits[node].lower - self.load[node]
    }

    /// Who owns the slot before a block and the one after it.
    pub fn neighbours(&self, block: Block) -> [u16; 2] {
        let before = block.first.checked_sub(1);
        let before = before.map_or(NOBODY, |slot| self.at[usize::from(slot)]);
        let after = self.at.get(usize::from(block.last) + 1).copied();
        [before, after.unwrap_or(NOBODY)]
    }

    /// How many runs there are more when a block of one node goes to another:
    /// each end that met its own kind becomes a border, and each that meets the taker is none any more.
    pub fn more_runs(&self, block: Block, to: usize) -> i64 {
        let from = self.at[usize::from(block.first)];
        let ends = self.neighbours(block);
        let borders = |node: u16| ends.iter().filter(|end| **end != node).count() as i64;
        borders(to as u16) - borders(from)
    }

    /// What it adds to the cost when a block goes to a node.
    pub fn more_cost(&self, block: Block, to: usize) -> i64 {
        let cost = |slot: usize| {
            let home = self.model.home[slot];
            let was = i64::from(self.at[slot] != home);
            (i64::from(home != to as u16) - was) * self.model.cost[slot] as i64
        };
        block.slots().map(cost).sum()
    }

    /// Whether nobody minds that a block goes: all of it may move, its node keeps
    /// a slot, and the taker may have it and has the memory.
    pub fn may_go(&self, block: Block, to: usize) -> bool {
        let from = usize::from(self.at[usize::from(block.first)]);
        let (giver, taker) = (&self.model.nodes[from], &self.model.nodes[to]);
        if from == to || taker.capacity == 0 {
            return false;
        }
        if giver.keeps_one && self.count[from] <= block.len() {
            return false;
        }
        if !self.is_free(block) {
            return false;
        }
        let comes = |slot: &usize| self.model.home[*slot] != to as u16;
        if taker.headroom == u64::MAX {
            return true;
        }
        let bytes = block
            .slots()
            .filter(comes)
            .map(|slot| self.model.bytes[slot]);
        let arrives = bytes.fold(self.arrived[to], u64::saturating_add);
        let freed = if self.strict { 0 } else { self.left[to] };
        arrives <= taker.headroom.saturating_add(freed)
    }

    /// Takes a block, all of which one node has, to another node.
    pub fn shift(&mut self, block: Block, to: usize) {
        let from = usize::from(self.at[usize::from(block.first)]);
        self.total_runs += self.more_runs(block, to);
        self.cost += self.more_cost(block, to);
        for slot in block.slots() {
            let (home, bytes) = (usize::from(self.model.home[slot]), self.model.bytes[slot]);
            if from != home {
                self.arrived[from] -= bytes;
                self.left[home] -= bytes;
            }
            if to != home {
                self.arrived[to] += bytes;
                self.left[home] += bytes;
            }
            self.at[slot] = to as u16;
        }
        let load = self.sums.load(block);
        self.load[from] -= load;
        self.load[to] += load;
        self.count[from] -= block.len();
        self.count[to] += block.len();
        self.cut(from, block);
        self.join(to, block);
    }

    fn cut(&mut self, node: usize, block: Block) {
        let list = &mut self.runs[node];
        let place = list.partition_point(|run| run.last < block.first);
        let run = list[place];
        let before = (run.first < block.first).then(|| Block {
            first: run.first,
            last: block.first - 1,
        });
        let after = (run.last > block.last).then(|| Block {
            first: block.last + 1,
            last: run.last,
        });
        list.splice(place..=place, before.into_iter().chain(after));
    }

    fn join(&mut self, node: usize, block: Block) {
        let list = &mut self.runs[node];
        let place = list.partition_point(|run| run.last < block.first);
        let mut joined = block;
        let mut replaced = place..place;
        if place > 0 && list[place - 1].last + 1 == block.first {
            joined.first = list[place - 1].first;
            replaced.start = place - 1;
        }
        if let Some(next) = list.get(place)
            && block.last + 1 == next.first
        {
            joined.last = next.last;
            replaced.end = place + 1;
        }
        list.splice(replaced, [joined]);
    }
}
