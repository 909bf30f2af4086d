//! How many ranges of slots clients read after a plan, and what fewer of them cost.

use crate::instances::{FAMILIES, PLACEMENTS, Placement, Random, Weights, instance, node_id};
use slotkit::cluster::{NodeId, SlotMap};
use slotkit::plan::{
    ExtraCost, Fragmentation, HandMove, Intent, Metric, Objective, Plan, PlanNode, Problem, check,
    plan,
};
use slotkit::slot::{SLOT_COUNT, Slot};

fn made(problem: &Problem) -> Plan {
    let plan = plan(problem).expect("a plan");
    assert_eq!(check(&plan, problem), []);
    plan
}

/// The owner of each slot after the plan.
fn owners_after(plan: &Plan, problem: &Problem) -> Vec<Option<NodeId>> {
    let mut owners: Vec<Option<NodeId>> =
        Slot::all().map(|slot| problem.owner.owner(slot)).collect();
    for migration in plan.migrations() {
        owners[migration.slot.index()] = Some(migration.target);
    }
    owners
}

/// What CLUSTER SLOTS would list, counted by the plainest means.
fn counted(owners: &[Option<NodeId>]) -> u64 {
    let mut count = 0;
    let mut last = None;
    for owner in owners {
        count += u64::from(owner.is_some() && *owner != last);
        last = *owner;
    }
    count
}

#[test]
fn runs_are_those_that_a_naive_count_finds() {
    for nodes in [3, 17, 100] {
        for weights in FAMILIES {
            for placement in PLACEMENTS {
                let problem = instance(nodes, weights, placement, 11);
                let plan = made(&problem);
                let before: Vec<_> = Slot::all().map(|slot| problem.owner.owner(slot)).collect();
                let name = format!("{nodes} nodes, {weights:?}, {placement:?}");
                assert_eq!(plan.runs_before(), counted(&before), "{name}");
                let after = owners_after(&plan, &problem);
                assert_eq!(plan.runs_after(), counted(&after), "{name}");
            }
        }
    }
}

#[test]
fn few_runs_are_left_for_one_percent_more() {
    for nodes in [3, 10, 30, 100] {
        for weights in FAMILIES {
            for placement in PLACEMENTS {
                few_runs_for_little(nodes, weights, placement);
            }
        }
    }
}

/// At most three runs a node where weights are alike, six where they aren't.
fn few_runs_for_little(nodes: usize, weights: Weights, placement: Placement) {
    let name = format!("{nodes} nodes, {weights:?}, {placement:?}");
    let mut problem = instance(nodes, weights, placement, 6);
    let plan = made(&problem);
    let bearers = plan.after().iter().filter(|node| node.slots > 0).count() as u64;
    let most = match weights {
        Weights::Uniform | Weights::Poisson => 3,
        Weights::Zipf | Weights::Giants | Weights::Pareto => 6,
    };
    let runs = plan.runs_after();
    assert!(
        runs <= most * bearers,
        "{name}: {runs} runs, {bearers} nodes"
    );
    problem.fragmentation.cost = ExtraCost::NONE;
    let least = made(&problem).cost().bytes.expect("bytes are known");
    let bytes = plan.cost().bytes.expect("bytes are known");
    // Blocks that cost nothing extra may be cheaper than what the percent counts from.
    assert!(
        bytes * 1000 <= least * 1017,
        "{name}: {bytes}, least {least}"
    );
}

#[test]
fn by_slots_each_block_finishes_a_node() {
    for nodes in [3, 10, 50] {
        for placement in PLACEMENTS {
            let mut problem = instance(nodes, Weights::Uniform, placement, 2);
            problem.weights = slotkit::plan::SlotWeights::new();
            problem.objective = Objective::by(Metric::Slots);
            let plan = made(&problem);
            let changed = plan.before().iter().zip(plan.after());
            let changed = changed.filter(|(before, after)| before.slots != after.slots);
            let most = plan.runs_before() + changed.count() as u64;
            assert!(
                plan.runs_after() <= most,
                "{nodes} nodes, {placement:?}: {}",
                plan.runs_after()
            );
        }
    }
}

/// A cluster of three whose slots are dealt out in runs of one to twenty.
fn fragmented(weights: Weights) -> Problem {
    let mut problem = instance(3, weights, Placement::Balanced, 5);
    let mut random = Random::new(7);
    let mut map = SlotMap::new();
    let mut slots = Slot::all().peekable();
    while slots.peek().is_some() {
        let owner = node_id(random.below(3) as usize);
        for slot in slots.by_ref().take(1 + random.below(20) as usize) {
            map.assign(slot, owner);
        }
    }
    problem.owner = map;
    problem
}

#[test]
fn runs_are_merged_at_equal_load() {
    for weights in FAMILIES {
        let mut problem = fragmented(weights);
        let balanced = made(&problem);
        problem.fragmentation.defragment = true;
        let plan = made(&problem);
        let (runs, before) = (plan.runs_after(), plan.runs_before());
        assert!(
            runs * 20 <= before,
            "{weights:?}: {before} runs, then {runs}"
        );
        for (merged, plain) in plan.after().iter().zip(balanced.after()) {
            let far = |deviation: Option<f64>| deviation.expect("a share").abs();
            let most = far(plain.deviation()).max(0.02) + 1e-6;
            let ends = far(merged.deviation());
            assert!(ends <= most, "{weights:?}: {ends}, allowed {most}");
        }
    }
}

#[test]
fn an_even_cluster_in_runs_needs_no_merging() {
    let mut problem = instance(3, Weights::Uniform, Placement::Balanced, 6);
    problem.fragmentation.defragment = true;
    assert!(made(&problem).is_empty());
}

#[test]
fn a_limit_of_runs_is_kept_or_refused() {
    let mut problem = instance(3, Weights::Pareto, Placement::OneNew, 6);
    // Keys of very different size: the cheapest plan takes the slots with small ones.
    let mut random = Random::new(3);
    let keys: Vec<u64> = (0..SLOT_COUNT).map(|_| 10 + random.below(20)).collect();
    let keys = keys.into_boxed_slice().try_into().expect("a table");
    problem.weights = problem.weights.clone().with(Metric::Keys, keys);
    problem.objective = Objective::by(Metric::Keys);
    let free = made(&problem);
    assert!(free.runs_after() > 8, "{}", free.runs_after());
    problem.fragmentation.max_runs = Some(8);
    let limited = made(&problem);
    assert!(limited.runs_after() <= 8, "{}", limited.runs_after());
    assert!(limited.cost().bytes > free.cost().bytes);
    problem.fragmentation.max_runs = Some(3);
    let error = plan(&problem).expect_err("four nodes have four ranges at least");
    assert_eq!(error.kind(), slotkit::ErrorKind::Usage, "{error}");
    let words = "at most 3 ranges of slots: there are 3, and the fewest";
    assert!(error.one_line().contains(words), "{error}");
}

#[test]
fn what_a_budget_allows_goes_in_blocks() {
    for placement in [Placement::OneNew, Placement::TenNew, Placement::OneDrained] {
        let mut problem = instance(10, Weights::Uniform, placement, 6);
        let whole = made(&problem).runs_after();
        problem.budget.max_moves = Some(300);
        let part = made(&problem);
        assert_eq!(part.cost().slots, 300);
        // Each giver may stop in the middle of a block.
        let most = whole + 10;
        assert!(
            part.runs_after() <= most,
            "{placement:?}: {}",
            part.runs_after()
        );
    }
}

#[test]
fn moves_by_hand_keep_a_limit_of_runs() {
    let mut problem = instance(3, Weights::Uniform, Placement::Balanced, 6);
    problem.intent = Intent::ByHand(vec![HandMove::Slots {
        slots: [100, 200].into_iter().filter_map(Slot::new).collect(),
        target: problem.owner.owner(Slot::MAX).expect("an owner"),
    }]);
    assert_eq!(made(&problem).runs_after(), 7);
    problem.fragmentation.max_runs = Some(6);
    let error = plan(&problem).expect_err("too many");
    assert!(error.one_line().contains("move other slots"), "{error}");
}

#[test]
fn the_checker_counts_runs_itself() {
    let mut problem = instance(3, Weights::Uniform, Placement::OneNew, 6);
    let made = made(&problem);
    problem.fragmentation = Fragmentation {
        max_runs: Some(made.runs_after() - 1),
        ..Fragmentation::default()
    };
    let rules: Vec<_> = check(&made, &problem)
        .into_iter()
        .map(|it| it.rule)
        .collect();
    assert_eq!(rules, [slotkit::plan::Rule::Runs]);
}

#[test]
fn a_cluster_without_weights_is_merged_by_slots() {
    let nodes = (0..3).map(|index| PlanNode::new(node_id(index))).collect();
    let mut map = SlotMap::new();
    for slot in Slot::all() {
        map.assign(slot, node_id(slot.index() / 7 % 3));
    }
    let mut problem = Problem::new(nodes, map).expect("a problem");
    assert!(made(&problem).is_empty());
    problem.fragmentation.defragment = true;
    let plan = made(&problem);
    assert!(plan.runs_after() <= 60, "{}", plan.runs_after());
}
