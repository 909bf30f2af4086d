//! Small problems, every assignment of which is tried here.

use crate::instances::{Random, node_id, table};
use slotkit::cluster::SlotMap;
use slotkit::plan::{Metric, Objective, Part, PlanNode, Problem, check, plan};
use slotkit::slot::{SLOT_COUNT, Slot};

/// A few nodes, a few slots that weigh something, and every other slot empty.
struct Small {
    problem: Problem,
    nodes: usize,
    /// Weight and node of the slots that weigh something.
    slots: Vec<(u64, usize)>,
    drained: Option<usize>,
}

fn small(seed: u64) -> Small {
    let mut random = Random::new(seed);
    let nodes = 2 + random.below(3) as usize;
    let count = 5 + random.below(3) as usize;
    let widest = [20, 100, 1000][random.below(3) as usize];
    let crowded = random.below(3) as usize;
    let slots: Vec<(u64, usize)> = (0..count)
        .map(|_| {
            // Now and then one node has most of it, as a cluster that grew has.
            let node = random.below((nodes + crowded) as u64) as usize;
            (1 + random.below(widest), node.min(nodes - 1))
        })
        .collect();
    let drained = (random.below(4) == 0).then_some(0);
    let mut map = SlotMap::new();
    let mut bytes = vec![0; SLOT_COUNT];
    for slot in Slot::all() {
        map.assign(slot, node_id(slot.index() % nodes));
    }
    for (index, (weight, node)) in slots.iter().enumerate() {
        let slot = Slot::new(index as u16 * 1000 + 7).expect("a slot");
        bytes[slot.index()] = *weight;
        map.assign(slot, node_id(*node));
    }
    let list = (0..nodes).map(|index| PlanNode::new(node_id(index)));
    let mut problem = Problem::new(list.collect(), map).expect("a problem");
    problem.objective = Objective::by(Metric::Bytes);
    problem.weights = table(Metric::Bytes, bytes);
    if let Some(node) = drained {
        problem.node_mut(node_id(node)).expect("a node").part = Part::Drained;
    }
    Small {
        problem,
        nodes,
        slots,
        drained,
    }
}

/// The best of all assignments: the least bytes within the threshold, if any
/// is, and the smallest largest load.
fn best(small: &Small) -> (Option<u64>, u64) {
    let mut load = vec![0_u64; small.nodes];
    let mut best = (None, u64::MAX);
    try_all(small, 0, 0, &mut load, &mut best);
    best
}

fn try_all(
    small: &Small,
    index: usize,
    moved: u64,
    load: &mut [u64],
    best: &mut (Option<u64>, u64),
) {
    let Some((weight, home)) = small.slots.get(index).copied() else {
        let bearers = (0..small.nodes).filter(|node| Some(*node) != small.drained);
        let count = bearers.clone().count() as u64;
        let total: u64 = load.iter().sum();
        // Two percent, in whole numbers: 98 T <= 100 n L <= 102 T.
        let within = bearers.clone().all(|node| {
            let scaled = load[node] * count * 100;
            (total * 98..=total * 102).contains(&scaled)
        });
        if within {
            best.0 = Some(best.0.map_or(moved, |known: u64| known.min(moved)));
        }
        best.1 = best
            .1
            .min(bearers.map(|node| load[node]).max().unwrap_or(0));
        return;
    };
    for node in (0..small.nodes).filter(|node| Some(*node) != small.drained) {
        load[node] += weight;
        let cost = if node == home { 0 } else { weight };
        try_all(small, index + 1, moved + cost, load, best);
        load[node] -= weight;
    }
}

#[test]
fn small_plans_are_near_the_best_of_all() {
    let mut reachable = 0;
    for seed in 0..120 {
        let small = small(seed);
        let (least, lowest) = best(&small);
        let plan = plan(&small.problem).expect("a plan");
        assert_eq!(check(&plan, &small.problem), [], "seed {seed}");
        let bytes = plan.cost().bytes.expect("bytes are known");
        let largest = plan.after().iter().filter_map(|node| node.bytes).max();
        match least {
            Some(least) => {
                reachable += 1;
                let furthest = plan.after().iter().filter_map(|node| node.deviation());
                let furthest = furthest.map(f64::abs).fold(0.0, f64::max);
                assert!(furthest <= 0.02 + 1e-6, "seed {seed}: {furthest}");
                assert!(
                    bytes * 10 <= least * 11,
                    "seed {seed}: {bytes}, best {least}"
                );
                let bound = plan.cost().lower_bound;
                assert!(bound <= least, "seed {seed}: bound {bound}, best {least}");
            }
            // What is within the threshold is no excess, so there 0 is the smallest.
            None => {
                let bearers = small.nodes - usize::from(small.drained.is_some());
                let total: u64 = small.slots.iter().map(|(weight, _)| weight).sum();
                let allowed = lowest.max(total * 102 / (100 * bearers as u64));
                assert!(
                    largest <= Some(allowed),
                    "seed {seed}: {largest:?}, best {lowest}"
                );
            }
        }
    }
    assert!(
        reachable > 20,
        "{reachable} problems with a plan within the threshold"
    );
}
