//! How many slots each node should have when slots are all that counts.
//!
//! The counts are those of `redis-cli --cluster rebalance`
//! (`clusterManagerCommandRebalance`, redis-cli.c): each node expects the
//! floor of its weighted share, and nothing moves as long as every node is
//! within the threshold, measured against what it has. What the floors leave
//! over goes to the nodes that take, one each, then to those that give, the
//! largest fraction first, so that no two equal nodes differ by more than one
//! (redis-cli gives it to the takers in whatever order the server lists them). Unlike redis-cli, a node
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
    let capacity = |node: usize| u128::from(model.nodes[node].capacity);
    let fraction = |node: usize| {
        (model.total as u128 * capacity(node)) % u128::from(model.total_capacity.max(1))
    };
    let mut order: Vec<usize> = (0..nodes).filter(|node| capacity(*node) > 0).collect();
    order.sort_by_key(|node| {
        let gives = has[*node] > targets[*node];
        (gives, std::cmp::Reverse(fraction(*node)), *node)
    });
    for node in order {
        if left_over > 0 {
            targets[node] += 1;
            left_over -= 1;
        }
    }
    Some(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NodeId, SlotMap};
    use crate::plan::{Capacity, PlanNode, Problem};
    use crate::slot::Slot;

    fn id(index: usize) -> NodeId {
        format!("{index:040x}").parse().expect("an id")
    }

    fn counted(has: &[u16], weights: &[&str], threshold: &str) -> Vec<i64> {
        let nodes = (0..has.len()).map(|index| PlanNode {
            capacity: weights
                .get(index)
                .map_or(Capacity::ONE, |weight| weight.parse().expect("a weight")),
            ..PlanNode::new(id(index))
        });
        let mut map = SlotMap::new();
        let mut slots = Slot::all();
        for (index, count) in has.iter().enumerate() {
            for slot in slots.by_ref().take(usize::from(*count)) {
                map.assign(slot, id(index));
            }
        }
        let mut problem = Problem::new(nodes.collect(), map).expect("a problem");
        problem.use_empty_primaries = true;
        let model = Model::of(&problem).expect("a model");
        let threshold = threshold.parse().expect("a threshold");
        targets(&model, threshold)
            .unwrap_or_else(|| has.iter().map(|has| i64::from(*has)).collect())
    }

    /// What redis-cli 7.0.15 made of real clusters of these counts, weights and thresholds.
    #[test]
    fn the_counts_are_those_of_redis_cli() {
        let even: &[&str] = &[];
        for (has, weights, threshold, then) in [
            (&[5461, 5462, 5461][..], even, "2", &[5461, 5462, 5461][..]),
            (&[5461, 5462, 5461, 0], even, "2", &[4096, 4096, 4096, 4096]),
            (
                &[5461, 5462, 5461],
                &["2", "1", "1"],
                "2",
                &[8192, 4096, 4096],
            ),
            (&[5461, 5462, 5461], &["0", "1", "1"], "2", &[0, 8192, 8192]),
            (
                &[4096, 4096, 4096, 4096],
                &["1.5", "1", "0.5", "3"],
                "2",
                &[4097, 2730, 1365, 8192],
            ),
            (&[5561, 5362, 5461], even, "2", &[5561, 5362, 5461]),
            (&[5581, 5342, 5461], even, "2", &[5461, 5462, 5461]),
            (
                &[10000, 2000, 2000, 2384],
                &["1", "0", "1", "3"],
                "5",
                &[3276, 0, 3277, 9831],
            ),
        ] {
            assert_eq!(
                counted(has, weights, threshold),
                then,
                "{has:?} {weights:?}"
            );
        }
    }

    #[test]
    fn equal_nodes_differ_by_one_at_most() {
        // redis-cli leaves 2734 on the last one here.
        let counts = counted(&[3277, 3277, 3277, 3277, 3276, 0], &[], "2");
        assert_eq!(counts, [2731, 2731, 2731, 2730, 2730, 2731]);
    }

    #[test]
    fn a_threshold_of_nothing_is_exact() {
        assert_eq!(counted(&[8193, 8191], &[], "0"), [8192, 8192]);
        assert_eq!(counted(&[8193, 8191], &[], "1"), [8193, 8191]);
    }

    #[test]
    fn a_drained_empty_node_takes_nothing() {
        let counts = counted(&[16384, 0, 0, 0], &["1", "0", "1", "1"], "2");
        assert_eq!(counts, [5461, 0, 5462, 5461]);
    }
}
