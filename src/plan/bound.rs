//! How little any plan could move.
//!
//! A node above its upper limit must give at least what is above it, and all
//! nodes together must take at least what is missing to their lower limits.
//! The cheapest way to give so much load, slots cut into pieces if need be
//! (the fractional knapsack of Dantzig, 1957), is a bound that no plan with
//! whole slots beats. When load and cost are the same it is just the larger
//! of the two sums.

use super::model::{Limits, Model, NOBODY};

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
    let mut must_give: u128 = 0;
    let mut missing: i64 = 0;
    for node in 0..limits.len() {
        if !model.nodes[node].takes_part {
            continue;
        }
        missing += (limits[node].lower - load[node]).max(0);
        must_give += if model.nodes[node].is_drained {
            slots[node]
                .iter()
                .map(|slot| u128::from(model.cost[*slot]))
                .sum()
        } else {
            cheapest(model, &mut slots[node], load[node] - limits[node].upper)
        };
    }
    let mut all: Vec<usize> = slots.into_iter().flatten().collect();
    let must_take = cheapest(model, &mut all, missing);
    must_give.max(must_take) as u64
}

/// The least cost of taking this much load out of some slots, the last one in part.
fn cheapest(model: &Model, slots: &mut [usize], amount: i64) -> u128 {
    if amount <= 0 {
        return 0;
    }
    let (load, cost) = (&model.load, &model.cost);
    slots.sort_by(|a, b| {
        let left = u128::from(cost[*a]) * load[*b] as u128;
        let right = u128::from(cost[*b]) * load[*a] as u128;
        left.cmp(&right).then(a.cmp(b))
    });
    let mut left = amount as u128;
    let mut sum: u128 = 0;
    for slot in slots.iter().filter(|slot| load[**slot] > 0) {
        let (load, cost) = (load[*slot] as u128, u128::from(cost[*slot]));
        if load >= left {
            return sum + (cost * left).div_ceil(load);
        }
        left -= load;
        sum += cost;
    }
    sum
}
