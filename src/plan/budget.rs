//! The part of a plan that fits a budget.

use super::model::Model;
use super::order::Hop;
use super::problem::Budget;

/// What is moved, and what the budget leaves undone, both in the order of execution.
pub(super) struct Chosen {
    pub hops: Vec<Hop>,
    pub left: Vec<Hop>,
}

/// The hops that fit, the earliest first.
pub(super) fn within(model: &Model, budget: Budget, ordered: Vec<Hop>) -> Chosen {
    let mut chosen = Chosen {
        hops: Vec::new(),
        left: Vec::new(),
    };
    let mut bytes: u64 = 0;
    let mut touched = vec![0_u64; model.nodes.len()];
    for hop in ordered {
        let size = model.bytes[usize::from(hop.slot)];
        let (source, target) = (usize::from(hop.source), usize::from(hop.target));
        let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let fits = (chosen.hops.len() as u64) < limit(budget.max_moves)
            && bytes.saturating_add(size) <= limit(budget.max_bytes)
            && touched[source].max(touched[target]) < limit(budget.max_slots_per_node);
        if fits {
            bytes += size;
            touched[source] += 1;
            touched[target] += 1;
            chosen.hops.push(hop);
        } else {
            chosen.left.push(hop);
        }
    }
    chosen
}
