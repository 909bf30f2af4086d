//! The limits that the load of every node should end within.
//!
//! Where one slot alone is above every share, no move can bring its node
//! within the threshold. Such an oversized slot gets a node for itself, and the others
//! share what is left: the load within the threshold of *their* fair share is
//! the most even that can be reached. The same holds for a node whose pinned
//! slots are above its share.

use super::model::{Limits, Model, NOBODY};
use super::objective::Threshold;

/// What the solver aims at.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    /// The limits of each node, by its index.
    pub limits: Vec<Limits>,
    /// The oversized slots with the node that each one gets.
    pub oversized_slots: Vec<(u16, u16)>,
}

/// The limits that can be hoped for.
pub(super) fn aim(model: &Model, threshold: Threshold) -> Aim {
    let mut filling = Filling::new(model, threshold);
    filling.settle_pinned();
    filling.settle_oversized_slots();
    Aim {
        limits: filling.limits(),
        oversized_slots: filling.oversized_slots,
    }
}

struct Filling<'model> {
    model: &'model Model,
    threshold: Threshold,
    /// Load now and load that can't leave, by node.
    load: Vec<i64>,
    pinned: Vec<i64>,
    /// The load of the heaviest slot, by node.
    biggest: Vec<i64>,
    /// Nodes whose load is settled, with it.
    settled: Vec<Option<i64>>,
    /// What the nodes that aren't settled share.
    rest: i64,
    rest_capacity: u64,
    oversized_slots: Vec<(u16, u16)>,
    /// The largest load over capacity that is unavoidable so far.
    worst: (i64, u64),
}

impl<'model> Filling<'model> {
    fn new(model: &'model Model, threshold: Threshold) -> Filling<'model> {
        let nodes = model.nodes.len();
        let (mut load, mut pinned) = (vec![0; nodes], vec![0; nodes]);
        let mut biggest = vec![0; nodes];
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                load[usize::from(*home)] += model.load[slot];
                let known = &mut biggest[usize::from(*home)];
                *known = model.load[slot].max(*known);
                if !model.movable[slot] {
                    pinned[usize::from(*home)] += model.load[slot];
                }
            }
        }
        Filling {
            model,
            threshold,
            load,
            pinned,
            biggest,
            settled: vec![None; nodes],
            rest: model.total,
            rest_capacity: model.total_capacity,
            oversized_slots: Vec::new(),
            worst: (0, 1),
        }
    }

    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let is_open =
            |node: &usize| self.settled[*node].is_none() && self.model.nodes[*node].capacity > 0;
        (0..self.settled.len()).filter(is_open)
    }

    fn within(&self, node: usize) -> Limits {
        let whole = u128::from(Threshold::WHOLE);
        let parts = u128::from(self.threshold.parts());
        let share = self.rest.max(0) as u128 * u128::from(self.model.nodes[node].capacity);
        let divisor = u128::from(self.rest_capacity.max(1)) * whole;
        Limits {
            lower: (share * (whole - parts)).div_ceil(divisor) as i64,
            upper: (share * (whole + parts) / divisor) as i64,
        }
    }

    fn settle(&mut self, node: usize, load: i64) {
        self.settled[node] = Some(load);
        self.rest -= load;
        self.rest_capacity -= self.model.nodes[node].capacity;
    }

    /// Nodes whose pinned slots alone are too much take nothing more.
    fn settle_pinned(&mut self) {
        loop {
            let is_over = |node: &usize| self.pinned[*node] > self.within(*node).upper;
            let over: Vec<usize> = self.open().filter(is_over).collect();
            // The last open node can't be settled: it bears what is left, whatever that is.
            if over.is_empty() || over.len() == self.open().count() {
                return;
            }
            for node in over {
                self.settle(node, self.pinned[node]);
            }
        }
    }

    fn settle_oversized_slots(&mut self) {
        let model = self.model;
        let mut slots: Vec<u16> = (0..model.home.len() as u16)
            .filter(|slot| model.movable[usize::from(*slot)])
            .collect();
        slots.sort_by_key(|slot| (std::cmp::Reverse(model.load[usize::from(*slot)]), *slot));
        for slot in slots {
            let load = model.load[usize::from(slot)];
            let largest = self.open().max_by_key(|node| model.nodes[*node].capacity);
            let Some(largest) = largest.filter(|_| self.open().nth(1).is_some()) else {
                return;
            };
            if load <= self.within(largest).upper {
                return;
            }
            let capacity = model.nodes[largest].capacity;
            if is_worse((load, capacity), self.worst) {
                self.worst = (load, capacity);
            }
            if let Some(node) = self.node_for(slot) {
                self.oversized_slots.push((slot, node as u16));
                self.settle(node, load + self.pinned[node]);
            }
            self.settle_pinned();
        }
    }

    /// The oversized slot's own node if it may stay there, else the one that has least to clear away.
    fn node_for(&self, slot: u16) -> Option<usize> {
        let model = self.model;
        let load = model.load[usize::from(slot)];
        let home = usize::from(model.home[usize::from(slot)]);
        let bears = |node: &usize| {
            let capacity = model.nodes[*node].capacity;
            let bytes = model.bytes[usize::from(slot)];
            !is_worse((load, capacity), self.worst)
                && (*node == home || bytes <= model.nodes[*node].headroom)
        };
        if self.open().any(|node| node == home) && bears(&home) {
            return Some(home);
        }
        // A node with an oversized slot of its own will be wanted by that one.
        let key = |node: &usize| {
            (
                self.biggest[*node] > self.within(*node).upper,
                self.load[*node],
                *node,
            )
        };
        self.open().filter(bears).min_by_key(key)
    }

    fn limits(&self) -> Vec<Limits> {
        let limits = |node: usize| match self.settled[node] {
            Some(load) => Limits {
                lower: load,
                upper: load,
            },
            None if self.model.nodes[node].capacity > 0 => self.within(node),
            None if self.model.nodes[node].is_drained => Limits { lower: 0, upper: 0 },
            // Whoever takes no part keeps what it has.
            None => Limits {
                lower: 0,
                upper: i64::MAX,
            },
        };
        (0..self.settled.len()).map(limits).collect()
    }
}

/// Whether the first load over capacity is larger than the second.
fn is_worse(first: (i64, u64), second: (i64, u64)) -> bool {
    let left = i128::from(first.0) * i128::from(second.1);
    left > i128::from(second.0) * i128::from(first.1)
}
