//! How many slots each node should have when slots are all that counts.
//!
//! The counts are those of `redis-cli --cluster rebalance`
//! (`clusterManagerCommandRebalance`, redis-cli.c): each node expects the
//! floor of its weighted share, and nothing moves as long as every node is
//! within the threshold, measured against what it has. What the floors leave
//! over goes to the nodes that take, one each, then to those that give, so
//! that no two equal nodes differ by more than one. Unlike redis-cli, a node
//! of weight 0 never takes any of it (redis#3001, redis#4941), and a
//! threshold of 0 means exactly even, not never.

use super::model::Model;
use super::objective::Threshold;

/// The number of slots that each node should end with; none when all are near enough.
pub(super) fn targets(model: &Model, threshold: Threshold) -> Option<Vec<i64>> {
    let nodes = model.nodes.len();
    let mut has = vec![0_i64; nodes];
    for (slot, home) in model.home.iter().enumerate() {
        if model.load[slot] > 0 {
            has[usize::from(*home)] += 1;
        }
    }
    let expected: Vec<i64> = (0..nodes).map(|node| model.fair(node)).collect();
    let takes_part = |node: &usize| model.nodes[*node].takes_part;
    let is_far = |node: usize| {
        let far = (has[node] - expected[node]).unsigned_abs() * Threshold::WHOLE;
        match has[node] {
            0 => expected[node] > 1,
            has => far > threshold.parts() * has as u64 || expected[node] == 0,
        }
    };
    if !(0..nodes).filter(takes_part).any(is_far) {
        return None;
    }
    let mut targets = expected;
    let mut left_over = model.total - targets.iter().sum::<i64>();
    let takers = (0..nodes).filter(|node| has[*node] <= targets[*node]);
    let givers = (0..nodes).filter(|node| has[*node] > targets[*node]);
    let order: Vec<usize> = takers
        .chain(givers)
        .filter(|node| model.nodes[*node].capacity > 0)
        .collect();
    for node in order {
        if left_over > 0 {
            targets[node] += 1;
            left_over -= 1;
        }
    }
    Some(targets)
}
