//! How long planning takes, and how good the plans are.
//!
//! `cargo bench --bench plan` prints a line for each seeded instance; `ONLY=10Zipf,1000Uniform`
//! those alone, and `RUNS=1` times each of them once. The figures of one run are kept in RESULTS.md.
//!
//! `ratio` is what moves over the lower bound that the plan states, which counts whole slots.
//! `plain` is the same over the plainer bound: the larger of what exceeds the upper allowed
//! loads and what is missing to the lower ones, as if slots could be cut; it means nothing
//! where giants make the threshold unreachable.

mod common;
#[path = "../tests/planner/instances.rs"]
mod instances;

use common::race::thread_ns;
use instances::{FAMILIES, PLACEMENTS, instance};
use slotkit::plan::{NodeState, Plan, check, plan};

const SEED: u64 = 6;

fn main() {
    println!(
        "{:>5} {:8} {:10} {:>7} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>6} {:>6} {:>6} {:>5} {:>8}",
        "nodes",
        "weights",
        "placement",
        "slots",
        "bytes MB",
        "bound MB",
        "ratio",
        "plain",
        "max over",
        "max under",
        "runs",
        "then",
        "a node",
        "notes",
        "ms"
    );
    let only = std::env::var("ONLY").ok();
    for nodes in [3, 10, 30, 100, 300, 1000] {
        for weights in FAMILIES {
            let name = format!("{nodes}{weights:?}");
            if only
                .as_ref()
                .is_some_and(|only| !only.split(',').any(|it| it == name))
            {
                continue;
            }
            for placement in PLACEMENTS {
                let problem = instance(nodes, weights, placement, SEED);
                let (plan, millis) = timed(&problem);
                assert_eq!(check(&plan, &problem), []);
                let cost = plan.cost();
                let bytes = cost.bytes.unwrap_or(0) as f64 / 1e6;
                let bound = cost.lower_bound as f64 / 1e6;
                let (over, under) = spread(&plan);
                println!(
                    "{nodes:>5} {:8} {:10} {:>7} {bytes:>9.1} {bound:>8.1} {:>8.4} {:>8.4} {over:>8.3}% {under:>8.3}% {:>6} {:>6} {:>6.2} {:>5} {millis:>8.2}",
                    format!("{weights:?}"),
                    format!("{placement:?}"),
                    cost.slots,
                    bytes / bound.max(1e-9),
                    bytes / (plain_bound(&plan) as f64 / 1e6).max(1e-9),
                    runs(plan.before()),
                    runs(plan.after()),
                    runs(plan.after()) as f64 / bearers(&plan) as f64,
                    plan.notes().len(),
                );
            }
        }
    }
}

/// The larger of what exceeds the upper allowed loads and what is missing to the lower ones.
fn plain_bound(plan: &Plan) -> u64 {
    let total: u64 = plan.before().iter().filter_map(|node| node.bytes).sum();
    let (mut exceeds, mut missing) = (0.0, 0.0);
    for node in plan.before() {
        let fair = node.fair_load * total as f64;
        let bytes = node.bytes.unwrap_or(0) as f64;
        exceeds += (bytes - 1.02 * fair).max(0.0);
        missing += (0.98 * fair - bytes).max(0.0);
    }
    exceeds.max(missing) as u64
}

/// The plan, and the median of five runs of processor time: other work on the machine counts little.
fn timed(problem: &slotkit::plan::Problem) -> (Plan, f64) {
    let mut runs = Vec::new();
    let mut made = None;
    for _ in 0..std::env::var("RUNS").map_or(5, |runs| runs.parse().expect("a number")) {
        let start = thread_ns();
        made = Some(plan(problem).expect("a plan"));
        runs.push((thread_ns() - start) as f64 / 1e6);
    }
    runs.sort_by(f64::total_cmp);
    (made.expect("five runs"), runs[runs.len() / 2])
}

/// How many runs of slots all nodes have: what a client reads with CLUSTER SLOTS.
fn runs(states: &[NodeState]) -> u64 {
    states.iter().map(|node| node.runs).sum()
}

/// How many nodes have slots after the plan.
fn bearers(plan: &Plan) -> usize {
    plan.after().iter().filter(|node| node.runs > 0).count()
}

/// The largest deviation above and below the fair share, in percent.
fn spread(plan: &Plan) -> (f64, f64) {
    let all = plan
        .after()
        .iter()
        .filter_map(slotkit::plan::NodeState::deviation);
    all.fold((0.0, 0.0), |(over, under): (f64, f64), deviation| {
        (over.max(100.0 * deviation), under.min(100.0 * deviation))
    })
}
