//! An assignment of slots to nodes that the solver changes step by step, with every sum kept up to date.

use super::model::{Limits, Model, NOBODY};
use std::cmp::Reverse;

/// How good an assignment is; the smaller the better, the first field first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score {
    /// The largest load above an upper limit, comparable between nodes.
    pub excess: i128,
    /// The largest load below a lower limit, comparable between nodes.
    pub missing: i128,
    /// The cost of the slots that move, in the model's unit.
    pub cost: u64,
    /// How many slots move.
    pub slots: usize,
}

impl Score {
    /// Whether every node is within its limits.
    pub fn is_within(&self) -> bool {
        self.excess == 0 && self.missing == 0
    }
}

/// The largest capacity over each one, times 2^16; the smallest capacities share one scale.
fn scales(model: &Model) -> Vec<u64> {
    let largest = model
        .nodes
        .iter()
        .map(|node| node.capacity)
        .max()
        .unwrap_or(0);
    let scale = |capacity: u64| (u128::from(largest) << 16) / u128::from(capacity.max(1));
    let nodes = model.nodes.iter();
    nodes
        .map(|node| scale(node.capacity).min(1 << 62) as u64)
        .collect()
}

/// Who has which slot, and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Assignment<'model> {
    pub model: &'model Model,
    pub limits: Vec<Limits>,
    /// The node of each slot, or [`NOBODY`].
    pub at: Vec<u16>,
    /// The load of each node, in the model's unit.
    pub load: Vec<i64>,
    count: Vec<u32>,
    /// Bytes that came from elsewhere, and bytes that left, by node.
    arrived: Vec<u64>,
    left: Vec<u64>,
    /// The slots with load that may move, by node, the lightest first.
    pub here: Vec<Vec<u16>>,
    /// What a load is multiplied by to compare nodes of different capacity.
    scale: Vec<u64>,
    /// Slots that stay where they are put.
    locked: Vec<bool>,
    /// Memory that others leave counts for nothing: then every order of moves fits.
    strict: bool,
}

impl<'model> Assignment<'model> {
    pub fn new(model: &'model Model, limits: Vec<Limits>, strict: bool) -> Assignment<'model> {
        let nodes = model.nodes.len();
        let mut assignment = Assignment {
            model,
            limits,
            at: model.home.clone(),
            load: vec![0; nodes],
            count: vec![0; nodes],
            arrived: vec![0; nodes],
            left: vec![0; nodes],
            here: vec![Vec::new(); nodes],
            scale: scales(model),
            locked: model.movable.iter().map(|movable| !movable).collect(),
            strict,
        };
        assignment.sum_up();
        assignment
    }

    /// The same locks with every slot where `at` says, beside other limits.
    pub fn placed(&self, at: &[u16], limits: &[Limits]) -> Assignment<'model> {
        let model = self.model;
        let nodes = model.nodes.len();
        let mut assignment = Assignment {
            at: at.to_vec(),
            limits: limits.to_vec(),
            load: vec![0; nodes],
            count: vec![0; nodes],
            arrived: vec![0; nodes],
            left: vec![0; nodes],
            here: vec![Vec::new(); nodes],
            ..self.clone()
        };
        assignment.sum_up();
        assignment
    }

    /// Every sum from where the slots are.
    fn sum_up(&mut self) {
        let model = self.model;
        for (slot, node) in self
            .at
            .iter()
            .enumerate()
            .filter(|(_, node)| **node != NOBODY)
        {
            let (node, home) = (usize::from(*node), usize::from(model.home[slot]));
            self.load[node] += model.load[slot];
            self.count[node] += 1;
            if node != home {
                self.arrived[node] += model.bytes[slot];
                self.left[home] += model.bytes[slot];
            }
            if model.load[slot] > 0 && !self.locked[slot] {
                self.here[node].push(slot as u16);
            }
        }
        for list in &mut self.here {
            list.sort_by_key(|slot| (model.load[usize::from(*slot)], *slot));
        }
    }

    /// Whether memory that others leave counts for nothing.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    pub fn slot_load(&self, slot: u16) -> i64 {
        self.model.load[usize::from(slot)]
    }

    pub fn slot_cost(&self, slot: u16) -> i64 {
        self.model.cost[usize::from(slot)] as i64
    }

    pub fn home(&self, slot: u16) -> usize {
        usize::from(self.model.home[usize::from(slot)])
    }

    pub fn is_moved(&self, slot: u16) -> bool {
        self.at[usize::from(slot)] != self.model.home[usize::from(slot)]
    }

    /// Nodes that may bear load.
    pub fn bearers(&self) -> impl Iterator<Item = usize> + use<'model> {
        self.model.bearers()
    }

    /// Load above the upper limit; negative when there is room.
    pub fn excess(&self, node: usize) -> i64 {
        self.load[node] - self.limits[node].upper
    }

    /// Load missing to the lower limit; negative when there is some to spare.
    pub fn missing(&self, node: usize) -> i64 {
        self.limits[node].lower - self.load[node]
    }

    /// How far outside its limits a node is, in load.
    pub fn violation(&self, node: usize) -> i64 {
        self.excess(node).max(self.missing(node)).max(0)
    }

    /// A load of a node in a measure in which nodes can be compared: in parts of its capacity.
    pub fn relative(&self, node: usize, load: i64) -> i128 {
        i128::from(load) * i128::from(self.scale[node])
    }

    /// The load of a node that is so much in that measure, rounded up.
    pub fn absolute(&self, node: usize, relative: i128) -> i64 {
        let scale = i128::from(self.scale[node].max(1));
        ((relative + scale - 1) / scale) as i64
    }

    /// Whether the node has the memory for a slot, and may have it at all.
    pub fn has_memory(&self, node: usize, slot: u16) -> bool {
        let it = &self.model.nodes[node];
        if self.home(slot) == node {
            return !it.is_drained;
        }
        let freed = if self.strict { 0 } else { self.left[node] };
        let arrives = self.arrived[node].saturating_add(self.model.bytes[usize::from(slot)]);
        it.capacity > 0 && arrives <= it.headroom.saturating_add(freed)
    }

    /// Whether a slot may leave a node without leaving it without slots.
    pub fn can_spare(&self, node: usize) -> bool {
        !(self.model.nodes[node].keeps_one && self.count[node] <= 1)
    }

    /// What it adds to the cost if a slot goes from where it is to another node.
    pub fn cost_of(&self, slot: u16, to: usize) -> i64 {
        let home = self.home(slot);
        let was = i64::from(self.is_moved(slot));
        (i64::from(to != home) - was) * self.slot_cost(slot)
    }

    /// Takes a slot from where it is to a node.
    pub fn put(&mut self, slot: u16, to: usize) {
        self.lift(slot);
        let index = usize::from(slot);
        let home = self.home(slot);
        self.at[index] = to as u16;
        self.load[to] += self.model.load[index];
        self.count[to] += 1;
        if to != home {
            self.arrived[to] += self.model.bytes[index];
            self.left[home] += self.model.bytes[index];
        }
        if self.model.load[index] > 0 && !self.locked[index] {
            let place = self.place(to, slot).unwrap_or_else(|place| place);
            self.here[to].insert(place, slot);
        }
    }

    /// Takes a slot to a node and leaves it there for good.
    pub fn settle(&mut self, slot: u16, to: usize) {
        self.lift(slot);
        self.locked[usize::from(slot)] = true;
        self.put(slot, to);
    }

    pub fn is_locked(&self, slot: u16) -> bool {
        self.locked[usize::from(slot)]
    }

    /// Takes a slot away from where it is, to nowhere for the moment.
    pub fn lift(&mut self, slot: u16) {
        let index = usize::from(slot);
        if self.at[index] == NOBODY {
            return;
        }
        let (at, home) = (usize::from(self.at[index]), self.home(slot));
        self.at[index] = NOBODY;
        self.load[at] -= self.model.load[index];
        self.count[at] -= 1;
        if at != home {
            self.arrived[at] -= self.model.bytes[index];
            self.left[home] -= self.model.bytes[index];
        }
        if let Ok(place) = self.place(at, slot) {
            self.here[at].remove(place);
        }
    }

    fn place(&self, node: usize, slot: u16) -> Result<usize, usize> {
        let key = |slot: &u16| (self.slot_load(*slot), *slot);
        self.here[node].binary_search_by_key(&key(&slot), key)
    }

    /// The first of a node's slots that is at least this heavy, by index in [`Assignment::here`].
    pub fn first_from(&self, node: usize, load: i64) -> usize {
        self.here[node].partition_point(|slot| self.slot_load(*slot) < load)
    }

    /// How good the assignment is beside these limits.
    pub fn score(&self, limits: &[Limits]) -> Score {
        let worst = |of: &dyn Fn(usize) -> i64| {
            let all = self
                .bearers()
                .map(|node| self.relative(node, of(node).max(0)));
            all.max().unwrap_or(0)
        };
        let moved = (0..self.at.len() as u16).filter(|slot| self.is_moved(*slot));
        let costs: Vec<u64> = moved
            .map(|slot| self.model.cost[usize::from(slot)])
            .collect();
        Score {
            excess: worst(&|node| self.load[node] - limits[node].upper),
            missing: worst(&|node| limits[node].lower - self.load[node]),
            cost: costs.iter().sum(),
            slots: costs.len(),
        }
    }

    /// How many slots each node has.
    pub fn counts(&self) -> Vec<u32> {
        self.count.clone()
    }

    /// How many bytes came to each node.
    pub fn arrivals(&self) -> Vec<u64> {
        self.arrived.clone()
    }

    /// Slots by load, the heaviest first.
    pub fn sort_heaviest(&self, slots: &mut [u16]) {
        slots.sort_by_key(|slot| (Reverse(self.slot_load(*slot)), *slot));
    }
}
