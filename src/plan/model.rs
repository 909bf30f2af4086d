//! The problem as the solver sees it: numbers in tables, by slot and by node.

use super::metric::Metric;
use super::node::Part;
use super::objective::{Objective, Threshold};
use super::plan::CostMetric;
use super::problem::Problem;
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SLOT_COUNT, Slot};

/// The index of no node: the slot is unassigned.
pub(super) const NOBODY: u16 = u16::MAX;

/// More than this in total would overflow the arithmetic of shares; a cluster
/// with an exbibyte of keys doesn't exist.
const MAX_TOTAL: u128 = 1 << 60;

/// Capacities are brought below this, so that `total * capacity * percent` fits 128 bits.
const MAX_CAPACITY_BITS: u32 = 46;

/// The total load of a mix of metrics.
const MIX_TOTAL: u128 = 1 << 46;

/// What the solver knows of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeModel {
    /// Its capacity, scaled; 0 when it is drained or takes no part.
    pub capacity: u64,
    /// It gives and may take, or is drained.
    pub takes_part: bool,
    /// It must end empty.
    pub is_drained: bool,
    /// It had slots and isn't drained, so it must keep one.
    pub keeps_one: bool,
    /// How many bytes may arrive before others leave.
    pub headroom: u64,
}

/// A load range that a node should end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The smallest load of a node that is within the limits.
    pub lower: i64,
    /// The largest load of a node that is within the limits.
    pub upper: i64,
}

/// The numbers of a problem.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// By index in `Problem::nodes`.
    pub nodes: Vec<NodeModel>,
    /// Who owns the slot now: an index in `nodes`, or [`NOBODY`].
    pub home: Vec<u16>,
    /// What the slot adds to its node's load.
    pub load: Vec<i64>,
    /// What it costs to move it, in `least`.
    pub cost: Vec<u64>,
    /// Its bytes; 0 when unknown.
    pub bytes: Vec<u64>,
    /// Whether it may move.
    pub movable: Vec<bool>,
    /// What costs are counted in.
    pub least: CostMetric,
    /// The load of all nodes that take part.
    pub total: i64,
    /// The sum of all capacities.
    pub total_capacity: u64,
    /// Loads count slots, because the objective says so or because it weighs nothing.
    pub by_slots: bool,
    /// The objective's metrics are zero everywhere.
    pub weighs_nothing: bool,
}

impl Model {
    /// The nodes that may bear load.
    pub fn bearers(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].capacity > 0)
    }

    /// # Errors
    /// [`ErrorKind::Usage`] when a metric is missing or nobody is left to own slots,
    /// [`ErrorKind::Input`] when the weights are beyond all reason.
    pub fn of(problem: &Problem) -> Result<Model> {
        problem.objective.require_in(&problem.weights)?;
        let home = homes(problem);
        let nodes = nodes(problem, &home)?;
        let part_of_it =
            |slot: usize| home[slot] != NOBODY && nodes[home[slot] as usize].takes_part;
        let weighed = loads(problem, &problem.objective, &part_of_it)?;
        let weighs_nothing = weighed.iter().all(|load| *load == 0);
        let by_slots = problem.objective.is_by_slots() || weighs_nothing;
        let load = if by_slots {
            loads(problem, &Objective::by(Metric::Slots), &part_of_it)?
        } else {
            weighed
        };
        let least = match &problem.weights {
            weights if weights.knows(Metric::Bytes) => CostMetric::Bytes,
            weights if weights.knows(Metric::Keys) => CostMetric::Keys,
            _ => CostMetric::Slots,
        };
        let table = |metric: Metric| -> Vec<u64> {
            let weigh = |slot| problem.weights.get(metric, slot).unwrap_or(0);
            Slot::all().map(weigh).collect()
        };
        require_sane(&problem.weights)?;
        let bytes = table(Metric::Bytes);
        let total_capacity = nodes.iter().map(|node| node.capacity).sum();
        let has_size = |slot: &Slot| match problem.max_slot_bytes {
            Some(limit) => bytes[slot.index()] <= limit,
            None => true,
        };
        let movable = Slot::all()
            .map(|slot| {
                part_of_it(slot.index()) && !problem.pinned.contains(slot) && has_size(&slot)
            })
            .collect();
        Ok(Model {
            total: load.iter().sum(),
            cost: table(least.metric()),
            nodes,
            home,
            load,
            bytes,
            movable,
            least,
            total_capacity,
            by_slots,
            weighs_nothing,
        })
    }

    /// The fair share of a node, rounded down.
    pub fn fair(&self, node: usize) -> i64 {
        let capacity = u128::from(self.nodes[node].capacity);
        let share = self.total as u128 * capacity / u128::from(self.total_capacity.max(1));
        share as i64
    }

    /// The loads that are within the threshold of a node's fair share.
    pub fn within(&self, node: usize, threshold: Threshold) -> Limits {
        let whole = u128::from(Threshold::WHOLE);
        let parts = u128::from(threshold.parts());
        let share = self.total as u128 * u128::from(self.nodes[node].capacity);
        let divisor = u128::from(self.total_capacity.max(1)) * whole;
        Limits {
            lower: (share * (whole - parts)).div_ceil(divisor) as i64,
            upper: (share * (whole + parts) / divisor) as i64,
        }
    }
}

fn homes(problem: &Problem) -> Vec<u16> {
    let index = |slot| {
        let owner = problem.owner.owner(slot)?;
        problem.index_of(owner)
    };
    // There are at most 16,384 owners, and the map knows no more nodes than that.
    Slot::all()
        .map(|slot| index(slot).map_or(NOBODY, |index| index as u16))
        .collect()
}

fn nodes(problem: &Problem, home: &[u16]) -> Result<Vec<NodeModel>> {
    if problem.nodes().len() >= usize::from(NOBODY) {
        let message = "expected fewer than 65,535 primaries".to_owned();
        return Err(Error::new(ErrorKind::Input, message));
    }
    let mut has_slots = vec![false; problem.nodes().len()];
    for home in home.iter().filter(|home| **home != NOBODY) {
        has_slots[usize::from(*home)] = true;
    }
    let largest = problem.nodes().iter().map(|node| node.capacity.units());
    let bits = u64::BITS - largest.max().unwrap_or(0).leading_zeros();
    let shift = bits.saturating_sub(MAX_CAPACITY_BITS);
    let nodes: Vec<NodeModel> = problem
        .nodes()
        .iter()
        .zip(has_slots)
        .map(|(node, has_slots)| {
            let is_drained = node.is_drained();
            let is_empty = !has_slots && !node.is_invented && !problem.use_empty_primaries;
            let takes_part = node.part != Part::Excluded && (is_drained || !is_empty);
            // A tiny capacity beside a huge one is rounded up: only 0 means none.
            let capacity = (node.capacity.units() >> shift).max(1);
            NodeModel {
                capacity: if takes_part && !is_drained {
                    capacity
                } else {
                    0
                },
                takes_part,
                is_drained,
                keeps_one: takes_part && has_slots && !is_drained,
                headroom: node.headroom_bytes.unwrap_or(u64::MAX),
            }
        })
        .collect();
    if nodes.iter().any(|node| node.takes_part) && nodes.iter().all(|node| node.capacity == 0) {
        let message = "every primary that takes part is drained: nobody is left to own the slots";
        return Err(Error::new(ErrorKind::Usage, message)
            .fix("leave a primary that isn't drained, or take in empty ones"));
    }
    Ok(nodes)
}

fn require_sane(weights: &super::metric::SlotWeights) -> Result<()> {
    for metric in weights.known() {
        let all = Slot::all().filter_map(|slot| weights.get(metric, slot));
        if all.map(u128::from).sum::<u128>() > MAX_TOTAL {
            let message = format!("expected at most 2^60 {metric} in all, found more");
            return Err(Error::new(ErrorKind::Input, message));
        }
    }
    Ok(())
}

/// The load of each slot that takes part; 0 for the others.
fn loads(
    problem: &Problem,
    objective: &Objective,
    part_of_it: &dyn Fn(usize) -> bool,
) -> Result<Vec<i64>> {
    require_sane(&problem.weights)?;
    let weigh = |metric, slot: Slot| -> u64 {
        let counts = part_of_it(slot.index());
        let weight = problem.weights.get(metric, slot).filter(|_| counts);
        weight.unwrap_or(0)
    };
    if let [(metric, _)] = objective.shares() {
        // A single metric needs no scaling: its loads stay exact.
        return Ok(Slot::all()
            .map(|slot| weigh(*metric, slot) as i64)
            .collect());
    }
    let all_shares: u128 = objective
        .shares()
        .iter()
        .map(|(_, share)| u128::from(*share))
        .sum();
    let mut loads = vec![0_i64; SLOT_COUNT];
    for (metric, share) in objective.shares() {
        let total: u128 = Slot::all()
            .map(|slot| u128::from(weigh(*metric, slot)))
            .sum();
        let millionths = u128::from(*share) * 1_000_000 / all_shares;
        for slot in Slot::all() {
            let weight = u128::from(weigh(*metric, slot));
            let part = weight * MIX_TOTAL * millionths / (total.max(1) * 1_000_000);
            loads[slot.index()] += part as i64;
        }
    }
    Ok(loads)
}
