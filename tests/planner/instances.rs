//! Seeded problems: how many nodes, how the weights are spread, and where the slots are.

use slotkit::cluster::{NodeId, SlotMap};
use slotkit::plan::{Metric, Objective, Part, PlanNode, Problem, SlotWeights};
use slotkit::slot::{SLOT_COUNT, Slot};

/// How the bytes are spread over the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Between half of the mean and one and a half of it.
    Uniform,
    /// The heaviest, half of it, a third of it and so on, at random slots.
    Zipf,
    /// Uniform, and one slot for each four nodes takes half of a node's share to double of it.
    Giants,
    /// Numbers of keys of equal size that hash evenly: a Poisson distribution with a mean of 20.
    Poisson,
    /// A power law: the chance to be above x falls with the 1.2th power of x.
    Pareto,
}

/// Where the slots are before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As many slots on each node, in runs.
    Balanced,
    /// The last node has several times what the first one has.
    Skewed,
    /// Balanced, and one empty node.
    OneNew,
    /// Balanced, and ten empty nodes.
    TenNew,
    /// Balanced, and the first node is to be drained.
    OneDrained,
}

/// The kinds that most tests go through.
pub const WEIGHTS: [Weights; 3] = [Weights::Uniform, Weights::Zipf, Weights::Giants];

/// Every kind.
pub const FAMILIES: [Weights; 5] = [
    WEIGHTS[0],
    WEIGHTS[1],
    WEIGHTS[2],
    Weights::Poisson,
    Weights::Pareto,
];

pub const PLACEMENTS: [Placement; 5] = [
    Placement::Balanced,
    Placement::Skewed,
    Placement::OneNew,
    Placement::TenNew,
    Placement::OneDrained,
];

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

pub fn node_id(index: usize) -> NodeId {
    // The ids of a real cluster are random, so their order says nothing of the slots.
    let mixed = Random::new(index as u64).next();
    format!("{mixed:016x}{index:024x}").parse().expect("an id")
}

/// A problem by bytes with the default threshold.
pub fn instance(nodes: usize, weights: Weights, placement: Placement, seed: u64) -> Problem {
    let mut random = Random::new(seed ^ (nodes as u64) << 32);
    let bytes = bytes(nodes, weights, &mut random);
    let new = match placement {
        Placement::OneNew => 1,
        Placement::TenNew => 10,
        _ => 0,
    };
    let owners = owners(nodes, placement);
    let mut map = SlotMap::new();
    for (slot, owner) in Slot::all().zip(owners) {
        map.assign(slot, node_id(owner));
    }
    let list = (0..nodes + new).map(|index| PlanNode::new(node_id(index)));
    let mut problem = Problem::new(list.collect(), map).expect("a problem");
    problem.use_empty_primaries = true;
    problem.objective = Objective::by(Metric::Bytes);
    problem.weights = table(Metric::Bytes, bytes);
    if placement == Placement::OneDrained {
        problem.node_mut(node_id(0)).expect("the first node").part = Part::Drained;
    }
    problem
}

pub fn table(metric: Metric, weights: Vec<u64>) -> SlotWeights {
    let table = weights
        .into_boxed_slice()
        .try_into()
        .expect("one for each slot");
    SlotWeights::new().with(metric, table)
}

fn bytes(nodes: usize, weights: Weights, random: &mut Random) -> Vec<u64> {
    const MEAN: u64 = 1_000_000;
    let uniform = |random: &mut Random| -> Vec<u64> {
        (0..SLOT_COUNT)
            .map(|_| MEAN / 2 + random.below(MEAN))
            .collect()
    };
    match weights {
        Weights::Uniform => uniform(random),
        Weights::Zipf => {
            let mut all: Vec<u64> = (1..=SLOT_COUNT as u64)
                .map(|rank| 1_000_000_000 / rank)
                .collect();
            for last in (1..all.len()).rev() {
                all.swap(last, random.below(last as u64 + 1) as usize);
            }
            all
        }
        Weights::Giants => {
            let mut all = uniform(random);
            let share = MEAN * SLOT_COUNT as u64 / nodes as u64;
            for _ in 0..nodes.div_ceil(4) {
                let slot = random.below(SLOT_COUNT as u64) as usize;
                all[slot] = share / 2 + random.below(share * 3 / 2);
            }
            all
        }
        Weights::Poisson => (0..SLOT_COUNT)
            .map(|_| MEAN / 20 * poisson(20, random))
            .collect(),
        Weights::Pareto => (0..SLOT_COUNT)
            .map(|_| {
                let chance = (1 + random.below(1 << 32)) as f64 / (1_u64 << 32) as f64;
                (MEAN as f64 / 6.0 * chance.powf(-1.0 / 1.2)) as u64
            })
            .collect(),
    }
}

/// A number with a Poisson distribution: the arrivals of one unit of time (Knuth).
fn poisson(mean: u64, random: &mut Random) -> u64 {
    let end = (-(mean as f64)).exp();
    let mut product = 1.0;
    for arrivals in 0.. {
        product *= random.below(1 << 32) as f64 / (1_u64 << 32) as f64;
        if product <= end {
            return arrivals;
        }
    }
    unreachable!("a product of numbers below one falls to nothing")
}

fn owners(nodes: usize, placement: Placement) -> Vec<usize> {
    let part = |index: usize| match placement {
        Placement::Skewed => nodes + 4 * index,
        _ => nodes,
    };
    let whole: usize = (0..nodes).map(part).sum();
    let mut owners = Vec::with_capacity(SLOT_COUNT);
    let mut until = 0;
    for index in 0..nodes {
        until += part(index);
        owners.resize(SLOT_COUNT * until / whole, index);
    }
    owners
}
