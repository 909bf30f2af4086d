//! Seeded problems of every kind: rules, evenness, cost, and the same answer every time.

use crate::instances::{PLACEMENTS, Placement, Random, WEIGHTS, Weights, instance, node_id, table};
use slotkit::plan::{Capacity, Metric, NoteKind, Objective, Part, Plan, Problem, check, plan};
use slotkit::slot::{SLOT_COUNT, Slot};

fn made(problem: &Problem) -> Plan {
    let plan = plan(problem).expect("a plan");
    assert_eq!(check(&plan, problem), []);
    plan
}

fn furthest(plan: &Plan) -> f64 {
    let all = plan
        .after()
        .iter()
        .filter_map(slotkit::plan::NodeState::deviation);
    all.map(f64::abs).fold(0.0, f64::max)
}

#[test]
fn every_plan_keeps_the_rules() {
    for nodes in [3, 10] {
        for weights in WEIGHTS {
            for placement in PLACEMENTS {
                made(&instance(nodes, weights, placement, 1));
            }
        }
    }
    made(&instance(1000, Weights::Zipf, Placement::TenNew, 1));
}

#[test]
fn without_giants_plans_are_even_and_near_the_lower_bound() {
    for nodes in [3, 10, 50, 300] {
        for placement in PLACEMENTS {
            for seed in 0..2 {
                even_and_near_the_bound(nodes, placement, seed);
            }
        }
    }
}

#[test]
fn a_thousand_nodes_are_even_and_near_the_lower_bound() {
    for placement in PLACEMENTS {
        even_and_near_the_bound(1000, placement, 1);
    }
}

/// Within the threshold, and at most 1.05 times what any plan moves.
fn even_and_near_the_bound(nodes: usize, placement: Placement, seed: u64) {
    let plan = made(&instance(nodes, Weights::Uniform, placement, seed));
    let name = format!("{nodes} nodes, {placement:?}, seed {seed}");
    let furthest = furthest(&plan);
    assert!(furthest <= 0.02 + 1e-6, "{name}: {furthest}");
    let cost = plan.cost();
    let bytes = cost.bytes.expect("bytes are known");
    let bound = cost.lower_bound_bytes.expect("bytes are known");
    assert!(bound <= bytes, "{name}: {bytes}, bound {bound}");
    assert!(bytes * 100 <= bound * 105, "{name}: {bytes}, bound {bound}");
}

#[test]
fn a_giant_ends_alone_and_is_named() {
    let problem = instance(10, Weights::Uniform, Placement::Balanced, 1);
    let mut bytes: Vec<u64> = weights(&problem);
    bytes[100] = 2 * bytes.iter().sum::<u64>() / 10;
    let mut problem = problem;
    problem.weights = table(Metric::Bytes, bytes.clone());
    let plan = made(&problem);
    let largest = plan.after().iter().filter_map(|node| node.bytes).max();
    assert_eq!(largest, Some(bytes[100]));
    let note = plan
        .notes()
        .iter()
        .find(|note| note.kind == NoteKind::OversizedSlot);
    assert_eq!(note.and_then(|note| note.slot), Slot::new(100));
}

#[test]
fn the_order_of_the_input_makes_no_difference() {
    let problem = instance(20, Weights::Zipf, Placement::TenNew, 3);
    let first = made(&problem).to_json();
    let mut nodes = problem.nodes().to_vec();
    let mut random = Random::new(9);
    for last in (1..nodes.len()).rev() {
        nodes.swap(last, random.below(last as u64 + 1) as usize);
    }
    // The map too: owners are learnt from the last slot to the first.
    let mut owner = slotkit::cluster::SlotMap::new();
    for slot in Slot::all().rev() {
        owner.assign(slot, problem.owner.owner(slot).expect("an owner"));
    }
    let mut again = Problem::new(nodes, owner).expect("a problem");
    again.use_empty_primaries = true;
    again.objective = problem.objective.clone();
    again.weights = problem.weights.clone();
    assert_eq!(made(&again).to_json(), first);
}

#[test]
fn capacities_set_the_shares() {
    let mut problem = instance(6, Weights::Uniform, Placement::OneNew, 4);
    problem.node_mut(node_id(6)).expect("a node").capacity = Capacity::new(3_000_000);
    let plan = made(&problem);
    assert!(furthest(&plan) <= 0.02 + 1e-6);
    let new = plan
        .after()
        .iter()
        .find(|node| node.id == node_id(6))
        .expect("a node");
    assert!(
        (new.fair_load - 3.0 / 9.0).abs() < 1e-6,
        "{}",
        new.fair_load
    );
}

#[test]
fn the_bound_holds_when_load_and_cost_differ_and_most_slots_are_empty() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut problem = instance(3, Weights::Uniform, Placement::Skewed, seed);
        let keys: Vec<u64> = (0..SLOT_COUNT)
            .map(|_| u64::from(random.below(50) == 0) * (1 + random.below(40)))
            .collect();
        let bytes: Vec<u64> = keys
            .iter()
            .map(|keys| keys * (50 + random.below(1000)))
            .collect();
        let bytes = bytes.into_boxed_slice().try_into().expect("a table");
        problem.weights = table(Metric::Keys, keys).with(Metric::Bytes, bytes);
        problem.objective = Objective::by(Metric::Keys);
        let cost = made(&problem).cost();
        assert!(
            cost.bytes >= cost.lower_bound_bytes,
            "seed {seed}: {cost:?}"
        );
    }
}

#[test]
fn a_mix_evens_out_what_it_mixes() {
    let mut problem = instance(10, Weights::Zipf, Placement::Skewed, 4);
    let mut random = Random::new(5);
    let cpu: Vec<u64> = (0..SLOT_COUNT).map(|_| random.below(1000)).collect();
    let cpu = cpu.into_boxed_slice().try_into().expect("a table");
    problem.weights = problem.weights.clone().with(Metric::Cpu, cpu);
    problem.objective = "bytes=0.3,cpu=0.7".parse::<Objective>().expect("a mix");
    assert!(furthest(&made(&problem)) <= 0.02 + 1e-6);
}

#[test]
fn memory_headroom_holds_at_every_point() {
    for seed in 0..6 {
        let mut problem = instance(8, Weights::Uniform, Placement::Skewed, seed);
        let mut random = Random::new(seed);
        let ids: Vec<_> = problem.nodes().iter().map(|node| node.id).collect();
        for id in ids {
            let node = problem.node_mut(id).expect("a node");
            node.headroom_bytes = Some(random.below(900_000_000));
        }
        made(&problem);
    }
}

/// Slots above four times the mean of what moves; those of the usual size come first.
#[test]
fn the_biggest_slots_come_last_over_the_whole_plan() {
    let mut big_ones = 0;
    for weights in WEIGHTS {
        for placement in PLACEMENTS {
            let plan = made(&instance(10, weights, placement, 3));
            let bytes: Vec<u64> = plan
                .migrations()
                .iter()
                .filter_map(|hop| hop.bytes)
                .collect();
            let usual = 4 * bytes.iter().sum::<u64>() / bytes.len().max(1) as u64;
            let name = format!("{weights:?}, {placement:?}");
            let first_big = bytes.iter().position(|size| *size > usual);
            let big = &bytes[first_big.unwrap_or(bytes.len())..];
            assert!(big.iter().all(|size| *size > usual), "{name}: {big:?}");
            // A node pair may still be busy with a smaller one, so sizes are ordered by class.
            let in_classes = big
                .windows(2)
                .all(|pair| pair[0] <= pair[1].saturating_mul(2));
            assert!(in_classes, "{name}: {big:?}");
            big_ones += big.len();
        }
    }
    assert!(big_ones > 20, "{big_ones}");
}

#[test]
fn a_drain_that_fits_no_memory_is_refused() {
    let mut problem = instance(4, Weights::Uniform, Placement::OneDrained, 1);
    for index in 1..4 {
        problem
            .node_mut(node_id(index))
            .expect("a node")
            .headroom_bytes = Some(1_000_000_000);
    }
    let error = plan(&problem).expect_err("no room");
    assert_eq!(error.kind(), slotkit::ErrorKind::Unsafe, "{error}");
}

#[test]
fn budgets_are_kept_and_say_what_remains() {
    let whole = made(&instance(10, Weights::Uniform, Placement::OneNew, 2));
    for limit in 0..3 {
        let mut problem = instance(10, Weights::Uniform, Placement::OneNew, 2);
        match limit {
            0 => problem.budget.max_moves = Some(100),
            1 => problem.budget.max_bytes = Some(50_000_000),
            _ => problem.budget.max_slots_per_node = Some(7),
        }
        let part = made(&problem);
        let left = part.remaining().expect("something remains");
        assert!(!part.is_empty());
        assert_eq!(part.cost().slots + left.slots, whole.cost().slots);
    }
}

#[test]
fn a_limit_in_bytes_without_bytes_is_refused() {
    for limit in 0..2 {
        let mut problem = instance(4, Weights::Uniform, Placement::OneDrained, 1);
        problem.weights = slotkit::plan::SlotWeights::new();
        problem.objective = Objective::by(Metric::Slots);
        match limit {
            0 => problem.budget.max_bytes = Some(1),
            _ => problem.max_slot_bytes = Some(1),
        }
        let error = plan(&problem).expect_err("no bytes");
        assert_eq!(error.kind(), slotkit::ErrorKind::Usage, "{error}");
        assert!(
            error.one_line().contains("the input has slots only"),
            "{error}"
        );
    }
}

#[test]
fn pinned_slots_and_excluded_nodes_stay() {
    let mut problem = instance(6, Weights::Uniform, Placement::Skewed, 7);
    problem.pinned = (0..SLOT_COUNT as u16)
        .step_by(2)
        .filter_map(Slot::new)
        .collect();
    problem.node_mut(node_id(5)).expect("a node").part = Part::Excluded;
    let plan = made(&problem);
    assert!(!plan.is_empty());
    assert!(furthest(&plan) <= 0.02 + 1e-6);
}

#[test]
fn empty_slots_of_a_drained_node_leave_in_runs() {
    let mut problem = instance(5, Weights::Uniform, Placement::OneDrained, 7);
    let bytes = (0..SLOT_COUNT).map(|slot| u64::from(slot % 1000 == 3) * 1000);
    problem.weights = table(Metric::Bytes, bytes.collect());
    let plan = made(&problem);
    let counts: Vec<u64> = plan.after().iter().map(|node| node.slots).collect();
    let bearers: Vec<u64> = counts.into_iter().filter(|count| *count > 0).collect();
    assert_eq!(bearers.len(), 4);
    let spread = bearers
        .iter()
        .max()
        .zip(bearers.iter().min())
        .map(|(max, min)| max - min);
    assert!(spread <= Some(4), "{bearers:?}");
    let runs: u64 = plan.after().iter().map(|node| node.runs).sum();
    assert!(runs <= 30, "{runs} runs");
}

fn weights(problem: &Problem) -> Vec<u64> {
    let weigh = |slot| {
        problem
            .weights
            .get(Metric::Bytes, slot)
            .expect("bytes are known")
    };
    Slot::all().map(weigh).collect()
}
