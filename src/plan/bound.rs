//! A lower bound: how little any plan could move.
//!
//! A node above its upper limit must give at least what is above it, and all
//! nodes together must take at least what is missing to their lower limits.
//! The cheapest way to give so much load, slots cut into pieces if need be
//! (the fractional knapsack of Dantzig, 1957), is a bound that no plan with
//! whole slots beats. When load and cost are the same it is just the larger
//! of the two sums; then the first is raised to what whole slots of a node can
//! make up, where few of them are needed.

use super::model::{Limits, Model, NOBODY};
use super::subset;

/// The least cost with which every node could come within its limits.
pub(super) fn lower_bound(model: &Model, limits: &[Limits]) -> u64 {
    let mut load = vec![0_i64; model.nodes.len()];
    let mut slots: Vec<Vec<usize>> = vec![Vec::new(); model.nodes.len()];
    for (slot, home) in model.home.iter().enumerate() {
        if *home != NOBODY {
            load[usize::from(*home)] += model.load[slot];
            slots[usize::from(*home)].push(slot);
        }
    }
    let costs_are_loads = (0..model.load.len())
        .all(|slot| model.load[slot] == 0 || model.load[slot] as u64 == model.cost[slot]);
    let mut must_give: u128 = 0;
    let mut missing: i64 = 0;
    let mut must_arrive: i64 = 0;
    let movable = (0..model.load.len()).filter(|slot| model.movable[*slot]);
    // A node that lacks anything takes one slot at least.
    let lightest = movable
        .map(|slot| model.load[slot])
        .filter(|load| *load > 0)
        .min()
        .unwrap_or(0);
    for node in 0..limits.len() {
        if !model.nodes[node].takes_part {
            continue;
        }
        let lack = (limits[node].lower - load[node]).max(0);
        missing += lack;
        if lack > 0 {
            must_arrive += lack.max(lightest);
        }
        let excess = load[node] - limits[node].upper;
        must_give += if model.nodes[node].is_drained {
            let costs = slots[node].iter().map(|slot| u128::from(model.cost[*slot]));
            costs.sum()
        } else if costs_are_loads {
            whole_slots(model, &slots[node], excess)
        } else {
            cheapest(model, &mut slots[node], excess)
        };
    }
    let mut all: Vec<usize> = slots.into_iter().flatten().collect();
    let must_take = if costs_are_loads {
        must_arrive as u128
    } else {
        cheapest(model, &mut all, missing)
    };
    must_give.max(must_take) as u64
}

/// The least that a node gives when it gives whole slots.
fn whole_slots(model: &Model, slots: &[usize], excess: i64) -> u128 {
    let is_free = |slot: &&usize| model.movable[**slot] && model.load[**slot] > 0;
    let mut loads: Vec<i64> = slots
        .iter()
        .filter(is_free)
        .map(|slot| model.load[*slot])
        .collect();
    loads.sort_unstable();
    subset::at_least(&loads, excess) as u128
}

/// The least cost of taking this much load out of some slots, the last one in part.
fn cheapest(model: &Model, slots: &mut Vec<usize>, amount: i64) -> u128 {
    if amount <= 0 {
        return 0;
    }
    let (load, cost) = (&model.load, &model.cost);
    // A slot without load has no price a unit: it would compare equal to every other.
    slots.retain(|slot| load[*slot] > 0);
    slots.sort_by(|a, b| {
        let left = u128::from(cost[*a]) * load[*b] as u128;
        let right = u128::from(cost[*b]) * load[*a] as u128;
        left.cmp(&right).then(a.cmp(b))
    });
    let mut left = amount as u128;
    let mut sum: u128 = 0;
    for slot in slots.iter() {
        let (load, cost) = (load[*slot] as u128, u128::from(cost[*slot]));
        if load >= left {
            return sum + (cost * left).div_ceil(load);
        }
        left -= load;
        sum += cost;
    }
    sum
}
